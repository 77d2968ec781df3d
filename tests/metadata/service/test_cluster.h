// A whole metadata service in one process: three nodes with real logs and stores over a
// LocalNetwork, and clients that reach them through endpoints which can fail.
#pragma once

#include <array>
#include <atomic>
#include <filesystem>
#include <future>
#include <memory>
#include <string>

#include "common/clock.h"
#include "common/mutex.h"
#include "common/random.h"
#include "metadata/client/metadata_client.h"
#include "metadata/service/metadata_service.h"

namespace openefs::metadata::testing {

using Answer = absl::StatusOr<std::unique_ptr<pb::SegmentResponse>>;

class TestCluster {
 public:
  static constexpr NodeId kNodes = 3;

  TestCluster();
  ~TestCluster();

  void Start(NodeId node);
  absl::Status TryStart(NodeId node);
  // Ends it as a crash does for its peers and callers: what was under way is dropped.
  void Kill(NodeId node);

  // The node that leads `group`, once there is one.
  NodeId WaitForLeader(GroupId group);

  std::unique_ptr<MetadataClient> MakeClient(MetadataClientOptions options = {});

  // One node, without a client's routing.
  Answer ExecuteOn(NodeId node, pb::SegmentRequest request);

  MetadataStatus StatusOf(NodeId node);

  // Waits until all replicas of `group` have applied the same, and each knows that a majority came
  // to its state.
  void WaitUntilReplicasAgree(GroupId group);

  std::string DirectoryOf(NodeId node) const { return (base_ / std::to_string(node)).string(); }

  // One in `n` answers of mutations is lost on the way back, after it took effect; 0: none.
  std::atomic<int> lose_one_in{0};
  int64_t lease_ms = 60'000;

  // Null: killed.
  std::shared_ptr<MetadataService> Get(NodeId node);

 private:
  class Endpoint;

  const std::filesystem::path base_;
  const std::unique_ptr<replication::LocalNetwork> network_;
  std::array<std::unique_ptr<replication::Transport>, kNodes + 1> transports_;
  Mutex mu_;
  std::array<std::shared_ptr<MetadataService>, kNodes + 1> services_ ABSL_GUARDED_BY(mu_);
};

Answer Run(MetadataClient& client, pb::SegmentRequest request);

}  // namespace openefs::metadata::testing
