// Identity: who this node is, and whom it takes for its peers, in one small file of its directory.
// A directory that is wiped or made anew gets another incarnation and is so told from the replica
// that voted and acknowledged under the same node id.
#pragma once

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "common/ids.h"
#include "common/random.h"
#include "proto/raft.pb.h"

namespace openefs::replication {

inline constexpr size_t kIncarnationBytes = 16;
// Those of nine replicas, and of all that were replaced over the years; a record is 100 bytes.
inline constexpr size_t kMaxMembers = 4096;
// As it is in a group's configuration (raft::kMaxNoteBytes), and marks that it may get later.
inline constexpr size_t kMaxMemberBytes = 1024 + 64;

class Identity {
 public:
  // Reads `directory`/IDENTITY, or makes one with a new incarnation. DATA_LOSS: the file is
  // damaged.
  static absl::StatusOr<std::unique_ptr<Identity>> Open(const std::string& directory,
                                                        NodeId node_id, RandomSource* random);

  NodeId node_id() const { return node_id_; }
  const std::string& incarnation() const { return incarnation_; }

  // Whether this node takes part: it was there when the cluster formed, or was added to it.
  bool formed() const { return formed_; }
  const std::vector<NodeId>& first_voters() const { return first_voters_; }  // once formed

  // Everybody on record but itself.
  const std::map<NodeId, pb::ReplicaMember>& members() const { return members_; }
  const pb::ReplicaMember* Find(NodeId node) const;

  // Each is durable when it returns OK; after an error nothing has changed here.
  absl::Status Record(const std::vector<pb::ReplicaMember>& members);  // by node id, in place
  absl::Status Form(const std::vector<NodeId>& first_voters,
                    const std::vector<pb::ReplicaMember>& members);
  absl::Status RecordRebuild(const pb::GroupRebuild& rebuild);  // by group, in place

  // Null: the group was never rebuilt here.
  const pb::GroupRebuild* FindRebuild(GroupId group) const;

 private:
  Identity(std::string path, NodeId node_id) : path_(std::move(path)), node_id_(node_id) {}
  absl::Status Read();
  absl::Status Write() const;

  // Constant.
  const std::string path_;
  const NodeId node_id_;
  std::string incarnation_;

  bool formed_ = false;
  std::vector<NodeId> first_voters_;
  std::map<NodeId, pb::ReplicaMember> members_;
  std::map<GroupId, pb::GroupRebuild> rebuilds_;
};

}  // namespace openefs::replication
