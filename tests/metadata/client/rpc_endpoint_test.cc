// The endpoint over the wire means the same as the direct one.
#include <catch2/catch.hpp>
#include <future>

#include "absl/strings/str_cat.h"
#include "common/rpc/channel.h"
#include "metadata/client/metadata_client.h"
#include "metadata/service/metadata_service.h"

namespace openefs::metadata {
namespace {

using Answer = absl::StatusOr<std::unique_ptr<pb::SegmentResponse>>;

// Answers what the test says.
class OneAnswerService final : public MetadataService {
 public:
  absl::Status Start() override { return absl::OkStatus(); }
  void Stop() override {}
  void Execute(std::unique_ptr<pb::SegmentRequest> request, SegmentCallback done) override {
    last = *request;
    if (!status.ok()) return done(status);
    auto response = std::make_unique<pb::SegmentResponse>();
    response->add_results()->set_access(42);
    done(std::move(response));
  }
  void ChangeMembers(GroupId, replication::MemberChange,
                     replication::MemberCallback done) override {
    done(absl::UnimplementedError(""));
  }
  void TransferLeadership(GroupId, NodeId, replication::MemberCallback done) override {
    done(absl::UnimplementedError(""));
  }
  void HandOver(int64_t) override {}
  MetadataStatus Status() const override {
    replication::GroupStatus group;
    group.group = 1;
    group.leader = 2;
    group.match_index = {{1, 10}, {2, 11}};
    return {.node_id = 7, .az = "a", .groups = {group}};
  }

  absl::StatusOr<pb::StoreCheckStatus> CheckStore(const pb::StoreCheckRequest& request) override {
    pb::StoreCheckStatus check;
    check.set_id(request.id() + 1);
    if (!status.ok()) return status;
    return check;
  }

  absl::Status status;
  pb::SegmentRequest last;
};

struct Harness {
  Harness() : server(rpc::MakeServer()) {
    ServeMetadata(&service, server.get());
    REQUIRE(server->Start("127.0.0.1:0").ok());
    channel = rpc::MakeChannel(absl::StrCat("127.0.0.1:", server->port()));
    endpoint = MakeRpcEndpoint(channel);
  }
  ~Harness() {
    if (server != nullptr) server->Stop();
  }
  Answer Run(MetadataEndpoint& endpoint) {
    auto promise = std::make_shared<std::promise<Answer>>();
    auto request = std::make_unique<pb::SegmentRequest>();
    request->set_group(1);
    request->add_operations()->mutable_get_file();
    endpoint.Execute(std::move(request),
                     [promise](Answer answer) { promise->set_value(std::move(answer)); });
    return promise->get_future().get();
  }
  absl::StatusOr<rpc::Message> Call(rpc::Method method, std::string header) {
    auto promise = std::make_shared<std::promise<absl::StatusOr<rpc::Message>>>();
    channel->Call(
        method, {.header = std::move(header), .payload = {}}, 10'000,
        [promise](absl::StatusOr<rpc::Message> reply) { promise->set_value(std::move(reply)); });
    return promise->get_future().get();
  }

  OneAnswerService service;
  std::unique_ptr<rpc::Server> server;
  std::shared_ptr<rpc::Channel> channel;
  std::unique_ptr<MetadataEndpoint> endpoint;
};

TEST_CASE("answers and errors mean the same over the wire as inside the process") {
  Harness h;
  // The first call may come before the connection: then nobody knows whether it arrived.
  while (!h.Run(*h.endpoint).ok()) continue;
  auto direct = MakeDirectEndpoint(&h.service);
  CHECK((*h.Run(*h.endpoint))->results(0).access() == 42);
  CHECK(h.service.last.operations(0).has_get_file());
  for (const absl::Status& status :
       {absl::FailedPreconditionError("3"), absl::FailedPreconditionError(""),
        absl::UnavailableError("busy"), absl::UnknownError("perhaps"),
        absl::InvalidArgumentError("bad")}) {
    h.service.status = status;
    CHECK(h.Run(*h.endpoint).status() == status);
    CHECK(h.Run(*direct).status() == status);
  }
}

TEST_CASE("what does not parse is refused, and the server goes on") {
  Harness h;
  while (!h.Run(*h.endpoint).ok()) continue;
  CHECK(absl::IsInvalidArgument(h.Call(rpc::Method::kMetadataExecute, "\xff\xff\xff").status()));
  CHECK(h.Run(*h.endpoint).ok());
}

TEST_CASE("a node says how it is") {
  Harness h;
  while (!h.Run(*h.endpoint).ok()) continue;
  absl::StatusOr<rpc::Message> reply = h.Call(rpc::Method::kMetadataStatus, "");
  REQUIRE(reply.ok());
  pb::MetadataNodeStatus status;
  REQUIRE(status.ParseFromString(reply->header));
  CHECK(status.node_id() == 7);
  CHECK(status.groups(0).leader() == 2);
  CHECK(status.groups(0).match_index().at(2) == 11);
}

TEST_CASE("a node is asked to check itself") {
  Harness h;
  while (!h.Run(*h.endpoint).ok()) continue;
  pb::StoreCheckRequest request;
  request.set_id(5);
  absl::StatusOr<rpc::Message> reply =
      h.Call(rpc::Method::kMetadataCheck, request.SerializeAsString());
  REQUIRE(reply.ok());
  pb::StoreCheckStatus status;
  REQUIRE(status.ParseFromString(reply->header));
  CHECK(status.id() == 6);
  h.service.status = absl::NotFoundError("no");
  CHECK(absl::IsNotFound(h.Call(rpc::Method::kMetadataCheck, "").status()));
  CHECK(absl::IsInvalidArgument(h.Call(rpc::Method::kMetadataCheck, "\xff\xff\xff").status()));
}

TEST_CASE("a broken connection leaves the outcome unknown, but of what never left") {
  Harness h;
  while (!h.Run(*h.endpoint).ok()) continue;
  h.server->Stop();
  h.server.reset();
  // Until the channel knows that the connection is gone, a call may have been on its way.
  absl::Status status;
  while (absl::IsUnknown(status = h.Run(*h.endpoint).status())) continue;
  CHECK(absl::IsUnavailable(status));
}

}  // namespace
}  // namespace openefs::metadata
