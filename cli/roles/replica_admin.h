// What the subcommands that change metadata replicas share: who is there, who leads, asking the
// leader until it is done, telling the operator how far it is.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "cli/roles/cluster_connection.h"
#include "common/ids.h"
#include "proto/metadata.pb.h"

namespace openefs::cli {

class ReplicaAdmin {
 public:
  static absl::StatusOr<ReplicaAdmin> Connect(const ClusterLocation& location);

  // Asks every node, also those that the others name; forgets what was known before.
  void Refresh();
  const std::map<NodeId, pb::MetadataNodeStatus>& nodes() const { return nodes_; }
  // All groups, as whoever leads them sees them; those without a leader are missing.
  std::map<GroupId, pb::MetadataNodeStatus::Group> LeadersViews() const;
  // Of all groups that any node knows.
  std::vector<GroupId> Groups() const;

  // A node that is no member yet, at `address` or (empty) where the configuration says. Errors, one
  // line each: it does not answer, is another node or of another cluster.
  absl::StatusOr<pb::MetadataNodeStatus> FindNewNode(NodeId node, const std::string& address);

  const std::map<NodeId, std::string>& addresses() const { return addresses_; }
  const std::string& AddressOf(NodeId node) { return addresses_[node]; }
  // Its zone, from itself or from others that know it; empty if nobody does.
  std::string AzOf(NodeId node) const;

  // Asks the group's leader, whoever it is meanwhile, until it has done it.
  absl::Status Ask(const pb::MetadataAdminRequest& request);

  // Waits until `progress` says "" of every group; prints what it says when that has changed.
  absl::Status WaitUntil(
      const std::function<std::string(const pb::MetadataNodeStatus::Group&)>& progress);

 private:
  void LearnAddresses(const pb::MetadataNodeStatus& status);
  absl::Status AskOnce(const pb::MetadataAdminRequest& request, rpc::Channel& channel);

  std::string cluster_id_;
  std::map<NodeId, std::string> addresses_;
  std::map<NodeId, std::shared_ptr<rpc::Channel>> channels_;
  std::map<NodeId, pb::MetadataNodeStatus> nodes_;
};

// The two that add a replica: in nobody's place (0), or in that of `replaces`. Prints progress and
// returns when it is a voter of every group.
absl::Status AddReplica(const ClusterLocation& location, NodeId node, const std::string& address,
                        NodeId replaces);

}  // namespace openefs::cli
