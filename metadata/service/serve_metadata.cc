// The service's side of the calls from other processes; rpc_endpoint.cc is the other.
#include <map>
#include <memory>
#include <string>
#include <utility>

#include "common/rpc/channel.h"
#include "metadata/service/metadata_service.h"

namespace openefs::metadata {
namespace {

// A caller that hears UNAVAILABLE cannot tell a broken connection, behind which the request may
// have arrived, from our word that nothing was done. So that word is RESOURCE_EXHAUSTED.
absl::Status ToWire(const absl::Status& status) {
  if (status.code() != absl::StatusCode::kUnavailable) return status;
  return absl::ResourceExhaustedError(status.message());
}

void ServeExecute(MetadataService* service, const rpc::Message& message, rpc::ReplyCallback reply) {
  auto request = std::make_unique<pb::SegmentRequest>();
  if (!request->ParseFromString(message.header)) {
    return reply(absl::InvalidArgumentError("the segment does not parse"));
  }
  service->Execute(std::move(request),
                   [reply = std::move(reply)](
                       absl::StatusOr<std::unique_ptr<pb::SegmentResponse>> response) mutable {
                     if (!response.ok()) return reply(ToWire(response.status()));
                     rpc::Message answer;
                     answer.header = (*response)->SerializeAsString();
                     reply(std::move(answer));
                   });
}

void FillGroup(const replication::GroupStatus& status, pb::MetadataNodeStatus::Group* group) {
  group->set_group(status.group);
  group->set_leader(status.leader);
  group->set_is_leader(status.is_leader);
  group->set_term(status.term);
  group->set_commit_index(status.commit_index);
  group->set_applied_index(status.applied_index);
  group->set_last_index(status.last_index);
  group->set_first_index(status.first_index);
  for (const auto& [node, index] : status.match_index) {
    (*group->mutable_match_index())[node] = index;
  }
  for (const auto& follower : status.followers) {
    if (follower.needs_snapshot) group->add_need_snapshot(follower.node);
  }
  const replication::raft::Configuration& members = status.configuration;
  group->mutable_voters()->Assign(members.voters.begin(), members.voters.end());
  group->mutable_voters_outgoing()->Assign(members.voters_outgoing.begin(),
                                           members.voters_outgoing.end());
  group->mutable_learners()->Assign(members.learners.begin(), members.learners.end());
  group->set_configuration_committed(status.configuration_committed);
  group->set_rebuild(status.rebuild);
}

void FillNode(const MetadataStatus& status, pb::MetadataNodeStatus* answer) {
  const replication::NodeState& node = status.node;
  answer->set_incarnation(node.incarnation);
  answer->set_formed(node.formed);
  answer->set_failure(std::string(node.fatal.message()));
  std::map<NodeId, pb::MetadataNodeStatus::Peer> peers;
  for (const pb::ReplicaMember& member : node.formed ? node.members : status.configured) {
    pb::MetadataNodeStatus::Peer& peer = peers[member.node_id()];
    peer.set_node_id(member.node_id());
    peer.set_address(member.address());
    peer.set_az(member.az());
    peer.set_removed(member.removed());
  }
  for (const replication::NodeState::Peer& view : node.peers) {
    pb::MetadataNodeStatus::Peer& peer = peers[view.node];
    peer.set_node_id(view.node);
    peer.set_connected(view.connected);
    peer.set_trouble(view.trouble);
  }
  for (const pb::ReplicaMember& member : status.configured) {
    // Where it can be reached itself, for whoever knows only one of all addresses.
    if (member.node_id() != status.node_id) continue;
    pb::MetadataNodeStatus::Peer& self = peers[member.node_id()];
    self.set_node_id(member.node_id());
    self.set_address(member.address());
    self.set_az(member.az());
    self.set_connected(true);
  }
  for (auto& [id, peer] : peers) *answer->add_peers() = std::move(peer);
}

void ServeStatus(const MetadataService* service, rpc::ReplyCallback reply) {
  const MetadataStatus status = service->Status();
  pb::MetadataNodeStatus answer;
  answer.set_node_id(status.node_id);
  answer.set_az(status.az);
  answer.set_cluster_id(status.cluster_id);
  answer.set_lease_seconds(static_cast<uint32_t>(status.lease_ms / 1000));
  FillNode(status, &answer);
  for (const replication::GroupStatus& group : status.groups) {
    FillGroup(group, answer.add_groups());
  }
  rpc::Message message;
  message.header = answer.SerializeAsString();
  reply(std::move(message));
}

void ServeCheck(MetadataService* service, const rpc::Message& message, rpc::ReplyCallback reply) {
  pb::StoreCheckRequest request;
  if (!request.ParseFromString(message.header)) {
    return reply(absl::InvalidArgumentError("the request does not parse"));
  }
  const absl::StatusOr<pb::StoreCheckStatus> status = service->CheckStore(request);
  if (!status.ok()) return reply(status.status());
  rpc::Message answer;
  answer.header = status->SerializeAsString();
  reply(std::move(answer));
}

replication::MemberChange ChangeOf(const pb::MetadataAdminRequest& request) {
  replication::MemberChange change;
  if (request.has_add()) {
    change.add.set_node_id(request.add().node_id());
    change.add.set_incarnation(request.add().incarnation());
    change.add.set_address(request.add().address());
    change.add.set_az(request.add().az());
    change.add.set_replaces(request.add().replaces());
  } else {
    change.remove = request.remove().node_id();
  }
  return change;
}

void ServeAdmin(MetadataService* service, const rpc::Message& message, rpc::ReplyCallback reply) {
  pb::MetadataAdminRequest request;
  const bool parsed = request.ParseFromString(message.header);
  if (!parsed || request.what_case() == pb::MetadataAdminRequest::WHAT_NOT_SET) {
    return reply(absl::InvalidArgumentError("the request does not parse"));
  }
  auto done = [reply = std::move(reply)](absl::Status status) mutable {
    if (!status.ok()) return reply(ToWire(status));
    reply(rpc::Message());
  };
  if (request.has_transfer()) {
    service->TransferLeadership(request.group(), request.transfer().to(), std::move(done));
  } else {
    service->ChangeMembers(request.group(), ChangeOf(request), std::move(done));
  }
}

}  // namespace

void ServeMetadata(MetadataService* service, rpc::Server* server) {
  server->Register(rpc::Method::kMetadataExecute,
                   [service](rpc::Message message, rpc::ReplyCallback reply) {
                     ServeExecute(service, message, std::move(reply));
                   });
  server->Register(rpc::Method::kMetadataAdmin,
                   [service](rpc::Message message, rpc::ReplyCallback reply) {
                     ServeAdmin(service, message, std::move(reply));
                   });
  server->Register(rpc::Method::kMetadataStatus, [service](rpc::Message, rpc::ReplyCallback reply) {
    ServeStatus(service, std::move(reply));
  });
  server->Register(rpc::Method::kMetadataCheck,
                   [service](rpc::Message message, rpc::ReplyCallback reply) {
                     ServeCheck(service, message, std::move(reply));
                   });
}

}  // namespace openefs::metadata
