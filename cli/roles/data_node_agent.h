// Speaks for one data node to the system group: registers it, then says once a second that it is
// alive.
#pragma once

#include <string>
#include <thread>

#include "absl/base/thread_annotations.h"
#include "common/mutex.h"
#include "metadata/client/metadata_client.h"
#include "proto/cluster.pb.h"

namespace openefs::cli {

class DataNodeAgent {
 public:
  // `client` must outlive the agent. `self` needs node_id, az, address and store_id.
  DataNodeAgent(metadata::MetadataClient* client, pb::DataNode self);
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

  // Agent's thread only
  std::string last_refusal_;

  Mutex mu_;
  CondVar stop_;
  bool stopping_ ABSL_GUARDED_BY(mu_) = false;

  std::thread thread_;
};

}  // namespace openefs::cli
