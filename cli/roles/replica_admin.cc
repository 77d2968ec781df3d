#include "cli/roles/replica_admin.h"

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <future>
#include <set>
#include <thread>
#include <utility>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "cli/roles/metadata_status.h"
#include "common/rpc/channel.h"

namespace openefs::cli {
namespace {

// The leader itself gives up after 10 s.
constexpr int64_t kAskTimeoutMs = 15'000;
constexpr int kMaxAsks = 60;
constexpr std::chrono::milliseconds kAskAgain{500};
constexpr std::chrono::milliseconds kLookAgain{500};
// A new replica copies everything the others have: hours, when that is much. Whoever stops waiting
// may ask again, the change goes on meanwhile.
constexpr int kMaxLooks = 24 * 3600 * 2;

bool Has(const google::protobuf::RepeatedField<uint32_t>& nodes, NodeId node) {
  return std::find(nodes.begin(), nodes.end(), node) != nodes.end();
}

// What is still missing until `node` is a voter and `replaced` is none: "" nothing.
std::string Missing(const pb::MetadataNodeStatus::Group& group, NodeId node, NodeId replaced) {
  const auto match = group.match_index().find(node);
  const uint64_t have = match == group.match_index().end() ? 0 : match->second;
  if (Has(group.learners(), node)) {
    return absl::StrCat("node ", node, " learns: has ", have, " of ", group.last_index(),
                        Has(group.need_snapshot(), node) ? ", gets a snapshot" : "");
  }
  if (!Has(group.voters(), node)) return absl::StrCat("node ", node, " is not a member yet");
  if (group.voters_outgoing_size() > 0) return "the change of voters is under way";
  if (Has(group.voters(), replaced)) return absl::StrCat("node ", replaced, " is still a voter");
  return group.configuration_committed() ? "" : "the change is not committed yet";
}

}  // namespace

absl::StatusOr<ReplicaAdmin> ReplicaAdmin::Connect(const ClusterLocation& location) {
  absl::StatusOr<ClusterConnection> cluster = ConnectToCluster(location);
  if (!cluster.ok()) return cluster.status();
  ReplicaAdmin admin;
  for (size_t i = 0; i < cluster->metadata_nodes.size(); ++i) {
    const RoleAddress& node = cluster->metadata_nodes[i];
    admin.addresses_[node.node_id] = node.address;
    admin.channels_[node.node_id] = cluster->channels[i];
  }
  admin.Refresh();
  if (admin.Groups().empty()) {
    return absl::UnavailableError("no metadata replica that is in service answers");
  }
  return admin;
}

void ReplicaAdmin::Refresh() {
  nodes_.clear();
  std::set<NodeId> asked;
  for (bool more = true; more;) {
    more = false;
    for (const auto& [node, channel] : std::map(channels_)) {
      if (!asked.insert(node).second) continue;
      more = true;
      absl::StatusOr<pb::MetadataNodeStatus> status = AskMetadataNode(*channel);
      if (!status.ok() || status->node_id() != node) continue;
      if (status->formed()) {
        cluster_id_ = status->cluster_id();
        LearnAddresses(*status);
      }
      nodes_[node] = *std::move(status);
    }
  }
}

void ReplicaAdmin::LearnAddresses(const pb::MetadataNodeStatus& status) {
  for (const auto& peer : status.peers()) {
    if (peer.removed() || peer.address().empty() || channels_.contains(peer.node_id())) continue;
    addresses_[peer.node_id()] = peer.address();
    channels_[peer.node_id()] = rpc::MakeChannel(peer.address());
  }
}

std::map<GroupId, pb::MetadataNodeStatus::Group> ReplicaAdmin::LeadersViews() const {
  std::map<GroupId, pb::MetadataNodeStatus::Group> views;
  for (const auto& [node, status] : nodes_) {
    for (const auto& group : status.groups()) {
      const auto found = views.find(group.group());
      // A leader that was cut off does not know yet that a later term has begun.
      const bool newer = found == views.end() || found->second.term() < group.term();
      if (group.is_leader() && newer) views[group.group()] = group;
    }
  }
  return views;
}

std::vector<GroupId> ReplicaAdmin::Groups() const {
  std::set<GroupId> groups;
  for (const auto& [node, status] : nodes_) {
    if (!status.formed()) continue;
    for (const auto& group : status.groups()) groups.insert(group.group());
  }
  return {groups.begin(), groups.end()};
}

std::string ReplicaAdmin::AzOf(NodeId node) const {
  const auto own = nodes_.find(node);
  if (own != nodes_.end()) return own->second.az();
  for (const auto& [other, status] : nodes_) {
    for (const auto& peer : status.peers()) {
      if (peer.node_id() == node && !peer.az().empty()) return peer.az();
    }
  }
  return "";
}

absl::StatusOr<pb::MetadataNodeStatus> ReplicaAdmin::FindNewNode(NodeId node,
                                                                 const std::string& address) {
  if (!address.empty()) {
    addresses_[node] = address;
    channels_[node] = rpc::MakeChannel(address);
  }
  const auto channel = channels_.find(node);
  if (channel == channels_.end()) {
    return absl::InvalidArgumentError(absl::StrCat(
        "node ", node, " is not in metadata_nodes of the configuration; name its --address"));
  }
  const std::string where = absl::StrCat("node ", node, " at ", addresses_[node]);
  absl::StatusOr<pb::MetadataNodeStatus> status = AskMetadataNode(*channel->second);
  if (!status.ok()) {
    return absl::UnavailableError(absl::StrCat(where, " does not answer: start it first"));
  }
  if (status->node_id() != node) {
    return absl::FailedPreconditionError(
        absl::StrCat(where, " says that it is node ", status->node_id()));
  }
  if (status->cluster_id() != cluster_id_) {
    return absl::FailedPreconditionError(absl::StrCat(where, " belongs to another cluster"));
  }
  if (!status->failure().empty()) return absl::FailedPreconditionError(status->failure());
  return status;
}

absl::Status ReplicaAdmin::AskOnce(const pb::MetadataAdminRequest& request, rpc::Channel& channel) {
  auto promise = std::make_shared<std::promise<absl::Status>>();
  auto answer = promise->get_future();
  channel.Call(
      rpc::Method::kMetadataAdmin, {request.SerializeAsString(), {}}, kAskTimeoutMs,
      [promise](const absl::StatusOr<rpc::Message>& reply) { promise->set_value(reply.status()); });
  return answer.get();
}

absl::Status ReplicaAdmin::Ask(const pb::MetadataAdminRequest& request) {
  absl::Status last = absl::UnavailableError("no leader");
  NodeId hint = 0;
  for (int i = 0; i < kMaxAsks; ++i) {
    NodeId leader = std::exchange(hint, 0);
    if (leader == 0) {
      Refresh();
      const auto views = LeadersViews();
      const auto view = views.find(request.group());
      if (view != views.end()) leader = view->second.leader();
    }
    const auto channel = channels_.find(leader);
    if (channel != channels_.end()) {
      last = AskOnce(request, *channel->second);
      if (last.ok() || last.code() == absl::StatusCode::kInvalidArgument) return last;
      const bool elsewhere = last.code() == absl::StatusCode::kFailedPrecondition;
      if (elsewhere && absl::SimpleAtoi(last.message(), &hint)) continue;
    }
    std::this_thread::sleep_for(kAskAgain);
  }
  return absl::UnavailableError(
      absl::StrCat("group ", request.group(), ": ", last.message(), "; it may be asked again"));
}

absl::Status ReplicaAdmin::WaitUntil(
    const std::function<std::string(const pb::MetadataNodeStatus::Group&)>& progress) {
  const std::vector<GroupId> groups = Groups();
  std::map<GroupId, std::string> said;
  for (int i = 0; i < kMaxLooks; ++i) {
    bool done = true;
    const auto views = LeadersViews();
    for (const GroupId id : groups) {
      const auto view = views.find(id);
      const std::string missing = view == views.end() ? "no leader" : progress(view->second);
      done = done && missing.empty();
      const std::string line = missing.empty() ? "done" : missing;
      if (std::exchange(said[id], line) == line) continue;
      std::printf("group %u: %s\n", id, line.c_str());
      std::fflush(stdout);
    }
    if (done) return absl::OkStatus();
    std::this_thread::sleep_for(kLookAgain);
    Refresh();
  }
  return absl::DeadlineExceededError("it takes longer than a day; the change goes on");
}

absl::Status AddReplica(const ClusterLocation& location, NodeId node, const std::string& address,
                        NodeId replaces) {
  absl::StatusOr<ReplicaAdmin> admin = ReplicaAdmin::Connect(location);
  if (!admin.ok()) return admin.status();
  absl::StatusOr<pb::MetadataNodeStatus> found = admin->FindNewNode(node, address);
  if (!found.ok()) return found.status();
  for (const GroupId group : admin->Groups()) {
    pb::MetadataAdminRequest request;
    request.set_group(group);
    request.mutable_add()->set_node_id(node);
    request.mutable_add()->set_incarnation(found->incarnation());
    request.mutable_add()->set_address(admin->AddressOf(node));
    request.mutable_add()->set_az(found->az());
    request.mutable_add()->set_replaces(replaces);
    if (absl::Status asked = admin->Ask(request); !asked.ok()) return asked;
  }
  return admin->WaitUntil(
      [&](const pb::MetadataNodeStatus::Group& group) { return Missing(group, node, replaces); });
}

}  // namespace openefs::cli
