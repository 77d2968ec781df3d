// Speaks for one data node to the system group: registers it, then says once a second that it is
// alive, and whether it still takes anything.
#pragma once

#include <functional>
#include <string>
#include <thread>

#include "absl/base/thread_annotations.h"
#include "common/mutex.h"
#include "metadata/client/metadata_client.h"
#include "proto/cluster.pb.h"

namespace openefs::cli {

class DataNodeAgent {
 public:
  // `client` must outlive the agent. `self` needs node_id, az, address and store_id. `failing`, as
  // DataNodeStatus::failing, is called on the agent's thread.
  DataNodeAgent(metadata::MetadataClient* client, pb::DataNode self, std::function<bool()> failing);
  ~DataNodeAgent();  // stops; the map says DOWN after a while

  DataNodeAgent(const DataNodeAgent&) = delete;
  DataNodeAgent& operator=(const DataNodeAgent&) = delete;

 private:
  void Run();
  bool Register();
  bool Heartbeat();
  bool WaitOrStop(int64_t ms);

  // Constant
  metadata::MetadataClient* const client_;
  const pb::DataNode self_;
  const std::function<bool()> failing_;

  // Agent's thread only
  std::string last_refusal_;

  Mutex mu_;
  CondVar stop_;
  bool stopping_ ABSL_GUARDED_BY(mu_) = false;

  std::thread thread_;
};

}  // namespace openefs::cli
