// The service's side of the calls from other processes; rpc_endpoint.cc is the other.
#include <memory>
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
}

void ServeStatus(const MetadataService* service, rpc::ReplyCallback reply) {
  const MetadataStatus status = service->Status();
  pb::MetadataNodeStatus answer;
  answer.set_node_id(status.node_id);
  answer.set_az(status.az);
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

}  // namespace

void ServeMetadata(MetadataService* service, rpc::Server* server) {
  server->Register(rpc::Method::kMetadataExecute,
                   [service](rpc::Message message, rpc::ReplyCallback reply) {
                     ServeExecute(service, message, std::move(reply));
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
