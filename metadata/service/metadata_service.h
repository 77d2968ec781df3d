// The metadata service of one node: every group it replicates, on top of a
// replication::ReplicaNode.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "common/clock.h"
#include "common/ids.h"
#include "metadata/client/metadata_client.h"
#include "metadata/planted_bug.h"
#include "replication/node/replica_node.h"
#include "replication/node/transport.h"

namespace openefs::rpc {
class Server;
}  // namespace openefs::rpc

namespace openefs::metadata {

struct MetadataServiceOptions {
  NodeId node_id = 0;
  std::string az;
  std::string directory;       // holds log/ and one RocksDB per group; formatted if empty
  std::string cluster_id;      // 16 bytes
  std::vector<NodeId> voters;  // metadata nodes of the first configuration
  std::string address;         // host:port as others reach it; empty inside one process
  // Every metadata node of the configuration (id, az, address), for hosts that join before the
  // first start is over; empty inside one process.
  std::vector<pb::ReplicaMember> configured;
  // As ReplicaNodeOptions::on_fatal.
  std::function<void(absl::Status)> on_fatal;
  std::vector<GroupId> groups = {kSystemGroup, kFirstNamespaceGroup};
  int64_t lease_ms = 60'000;
  bool read_leases = false;  // as ReplicaNodeOptions::read_leases
  int read_threads = 2;
  // Memory for what the tables hold: half of it for blocks, which all services of the process share
  // (the last to start says how much), half for single rows, of each group that this node leads.
  uint64_t cache_bytes = uint64_t{64} << 20;
  // A data node not heard of for this long is set DOWN in the map (by the system group's leader).
  int64_t data_node_timeout_ms = 3'000;
  PlantedBug planted_bug = PlantedBug::kNone;  // tests only
};

struct MetadataStatus {
  NodeId node_id = 0;
  std::string az;
  std::string cluster_id;
  int64_t lease_ms = 0;
  std::vector<pb::ReplicaMember> configured;  // MetadataServiceOptions::configured
  replication::NodeState node;
  std::vector<replication::GroupStatus> groups;
};

class MetadataService {
 public:
  virtual ~MetadataService() = default;  // stops, as Stop

  // Opens the stores and starts replication. One clear error for a directory of another node,
  // cluster or version, or held by another process.
  virtual absl::Status Start() = 0;
  virtual void Stop() = 0;

  // As MetadataEndpoint::Execute. Deduplicates, joins duplicates in flight, batches proposals,
  // answers read-only segments from a snapshot after a read barrier.
  virtual void Execute(std::unique_ptr<pb::SegmentRequest> request, SegmentCallback done) = 0;

  // As MetadataEndpoint::TryRead.
  virtual std::unique_ptr<pb::SegmentResponse> TryRead(const pb::SegmentRequest&) {
    return nullptr;
  }

  virtual MetadataStatus Status() const = 0;

  // Begins a check of one group's store in the background, or tells how one is getting on. It works
  // on a snapshot of what this replica has applied, leader or not. INVALID_ARGUMENT: no such group
  // here; the rest as LiveCheck (live_check.h).
  virtual absl::StatusOr<pb::StoreCheckStatus> CheckStore(const pb::StoreCheckRequest& request) = 0;

  // As ReplicaNode's.
  virtual void ChangeMembers(GroupId group, replication::MemberChange change,
                             replication::MemberCallback done) = 0;
  virtual void TransferLeadership(GroupId group, NodeId to, replication::MemberCallback done) = 0;
  // Before a clean Stop, while it still serves.
  virtual void HandOver(int64_t timeout_ms) = 0;
};

std::unique_ptr<MetadataService> MakeMetadataService(MetadataServiceOptions options,
                                                     replication::Transport* transport,
                                                     const Clock* clock);

// Registers kMetadataExecute, kMetadataStatus, kMetadataCheck and kMetadataAdmin; `service` must
// outlive the server.
void ServeMetadata(MetadataService* service, rpc::Server* server);

}  // namespace openefs::metadata
