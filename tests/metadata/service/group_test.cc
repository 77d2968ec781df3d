// One group of the service above a replica node that the tests command.
#include "metadata/service/group.h"

#include <catch2/catch.hpp>
#include <future>

#include "common/metrics/metrics.h"
#include "common/turn.h"
#include "metadata/state/client_id.h"
#include "tests/metadata/service/fake_node.h"
#include "tests/metadata/state/test_group.h"

namespace openefs::metadata::testing {
namespace {

using Answer = absl::StatusOr<std::unique_ptr<pb::SegmentResponse>>;

class Harness {
 public:
  explicit Harness(GroupId id = kFirstNamespaceGroup) : id_(id) {
    MetadataServiceOptions options;
    options.node_id = 1;
    options.lease_ms = 1000;
    options.data_node_timeout_ms = 3000;
    group = std::make_unique<Group>(
        Group::Parts{
            .id = id, .node = &node, .workers = &workers, .clock = &clock, .random = &random},
        MakeMemoryKv(), options);
    node.AddGroup(id, group->machine());
  }
  ~Harness() { workers.Stop(); }

  std::future<Answer> Start(pb::SegmentRequest request) {
    auto promise = std::make_shared<std::promise<Answer>>();
    request.set_group(id_);
    const size_t bytes = request.ByteSizeLong();
    group->Execute(std::make_unique<pb::SegmentRequest>(std::move(request)), bytes,
                   [promise](Answer answer) { promise->set_value(std::move(answer)); });
    return promise->get_future();
  }
  Answer Run(pb::SegmentRequest request) { return Start(std::move(request)).get(); }
  pb::OperationResult One(pb::Operation operation) {
    pb::SegmentRequest request;
    *request.add_operations() = std::move(operation);
    Answer answer = Run(std::move(request));
    REQUIRE(answer.ok());
    return (*answer)->results(0);
  }

  // A client with a session.
  std::string Connect(const std::string& owner) {
    const pb::OperationResult made = One(ExchangeId(owner, 1));
    return One(CreateSession(made.exchange_id().client_id(), 1)).create_session().session_id();
  }

  FakeNode node;
  ManualClock clock;
  SeededRandom random{1};
  WorkerPool workers{1, 100};
  std::unique_ptr<Group> group;

 private:
  const GroupId id_;
};

pb::SegmentRequest WithSlot(const std::string& session, uint32_t sequence,
                            pb::Operation operation) {
  pb::SegmentRequest request;
  request.mutable_slot()->set_session_id(session);
  request.mutable_slot()->set_sequence_id(sequence);
  request.set_first_operation_index(1);
  *request.add_operations() = std::move(operation);
  return request;
}

pb::Operation GetSession(const std::string& session) {
  pb::Operation operation;
  operation.mutable_get_session()->set_session_id(session);
  return operation;
}

pb::Operation ReclaimComplete() {
  pb::Operation operation;
  operation.mutable_reclaim_complete();
  return operation;
}

pb::Operation Renew(uint64_t client) {
  pb::Operation operation;
  operation.mutable_renew_leases()->add_client_ids(client);
  return operation;
}

TEST_CASE("who does not lead says who does") {
  Harness h;
  pb::SegmentRequest request;
  *request.add_operations() = GetSession("");
  Answer answer = h.Run(request);
  CHECK(answer.status() == absl::FailedPreconditionError(""));
  h.node.leader = 3;
  CHECK(h.Run(request).status() == absl::FailedPreconditionError("3"));
  h.node.Lead();
  CHECK(h.Run(request).ok());
  h.node.Follow(2);
  CHECK(h.Run(request).status() == absl::FailedPreconditionError("2"));
}

TEST_CASE("reads that meet no quorum are not answered from what may be old") {
  Harness h;
  h.node.Lead();
  h.node.barrier = absl::UnavailableError("no quorum");
  pb::SegmentRequest request;
  *request.add_operations() = GetSession("");
  CHECK(absl::IsUnavailable(h.Run(request).status()));
  h.node.leader = 2;  // it knows by now that it was deposed
  CHECK(h.Run(request).status() == absl::FailedPreconditionError("2"));
}

TEST_CASE("two copies of a request in flight are one execution") {
  Harness h;
  h.node.Lead();
  const std::string session = h.Connect("c");
  h.node.commit_at_once = false;
  const int before = h.node.proposals;
  auto first = h.Start(WithSlot(session, 1, ReclaimComplete()));
  auto second = h.Start(WithSlot(session, 1, ReclaimComplete()));
  // Not a copy: another operation under the same name gets its own, refused, run.
  auto third = h.Start(WithSlot(session, 1, DestroySession(session)));
  CHECK(h.node.proposals == before + 1);
  h.node.Commit();
  CHECK(h.node.proposals == before + 2);
  h.node.Commit();
  CHECK((*first.get())->results(0).error() == pb::FS_OK);
  CHECK((*second.get())->results(0).error() == pb::FS_OK);
  CHECK((*third.get())->results(0).error() == pb::FS_SEQ_FALSE_RETRY);
  h.node.commit_at_once = true;
  // Later ones find the stored result.
  CHECK((*h.Run(WithSlot(session, 1, ReclaimComplete())))->results(0).error() == pb::FS_OK);
  CHECK((*h.Run(WithSlot(session, 2, ReclaimComplete())))->results(0).error() ==
        pb::FS_COMPLETE_ALREADY);
}

TEST_CASE("a lost entry is reported to every copy, and a retry settles it") {
  Harness h;
  h.node.Lead();
  const std::string session = h.Connect("c");
  h.node.commit_at_once = false;
  auto first = h.Start(WithSlot(session, 1, ReclaimComplete()));
  auto second = h.Start(WithSlot(session, 1, ReclaimComplete()));
  h.node.Drop(absl::UnknownError("leadership went"));
  CHECK(absl::IsUnknown(first.get().status()));
  CHECK(absl::IsUnknown(second.get().status()));
  h.node.commit_at_once = true;
  CHECK((*h.Run(WithSlot(session, 1, ReclaimComplete())))->results(0).error() == pb::FS_OK);
}

// The leader dies between append and answer. Its entry stands in the log of the next, uncommitted,
// when the client's retry comes there.
TEST_CASE("a retry behind its own first try, committed later, finds the result") {
  Harness h;
  h.node.Lead();
  const std::string session = h.Connect("c");
  h.node.commit_at_once = false;
  auto first = h.Start(WithSlot(session, 1, ReclaimComplete()));
  h.node.LoseLeadership();
  CHECK(absl::IsUnknown(first.get().status()));
  h.node.Lead();
  const int before = h.node.proposals;
  auto retry = h.Start(WithSlot(session, 1, ReclaimComplete()));
  CHECK(h.node.proposals == before + 1);  // nothing here knows of the first
  h.node.Commit();
  // Run twice, it would be FS_COMPLETE_ALREADY.
  CHECK((*retry.get())->results(0).error() == pb::FS_OK);
  auto again = h.Start(WithSlot(session, 2, ReclaimComplete()));
  h.node.Commit();
  CHECK((*again.get())->results(0).error() == pb::FS_COMPLETE_ALREADY);
}

TEST_CASE("a retry after the first try was committed without an answer finds the result") {
  Harness h;
  h.node.Lead();
  const std::string session = h.Connect("c");
  h.node.commit_at_once = false;
  auto first = h.Start(WithSlot(session, 1, ReclaimComplete()));
  h.node.LoseLeadership();
  CHECK(absl::IsUnknown(first.get().status()));
  h.node.Commit();  // by the next leader
  h.node.Lead();
  h.node.commit_at_once = true;
  CHECK((*h.Run(WithSlot(session, 1, ReclaimComplete())))->results(0).error() == pb::FS_OK);
  // Another request under its name is told from it.
  CHECK((*h.Run(WithSlot(session, 1, DestroySession(session))))->results(0).error() ==
        pb::FS_SEQ_FALSE_RETRY);
}

TEST_CASE("a retry of a client that was expired runs nothing") {
  Harness h;
  h.node.Lead();
  const std::string session = h.Connect("c");
  const pb::SegmentRequest request = WithSlot(session, 1, ReclaimComplete());
  CHECK((*h.Run(request))->results(0).error() == pb::FS_OK);
  pb::Operation expire;
  expire.mutable_expire_client()->set_client_id(ClientOfSession(session));
  CHECK(h.One(expire).error() == pb::FS_OK);
  CHECK((*h.Run(request))->results(0).error() == pb::FS_BADSESSION);
  CHECK((*h.Run(WithSlot(session, 2, ReclaimComplete())))->results(0).error() == pb::FS_BADSESSION);
}

TEST_CASE("reads beyond the limit are pushed back, and have room again when some are answered") {
  Harness h;
  h.node.Lead();
  h.node.hold_barriers = true;
  h.node.barrier = absl::UnavailableError("no quorum");
  pb::SegmentRequest request;
  *request.add_operations() = GetSession("");
  std::vector<std::future<Answer>> reads;
  for (size_t i = 0; i < kMaxReadsInFlight; ++i) reads.push_back(h.Start(request));
  const uint64_t refused =
      metrics::GetCounter("openefs_metadata_refused_total", "", {{"limit", "reads"}}).Value();
  CHECK(absl::IsUnavailable(h.Run(request).status()));
  CHECK(metrics::GetCounter("openefs_metadata_refused_total", "", {{"limit", "reads"}}).Value() ==
        refused + 1);
  h.node.ReleaseBarriers();
  for (auto& read : reads) CHECK(absl::IsUnavailable(read.get().status()));
  h.node.hold_barriers = false;
  h.node.barrier = absl::OkStatus();
  CHECK(h.Run(request).ok());
}

TEST_CASE("with a lease a small read is answered at once, and nothing else is") {
  Harness h;
  h.node.Lead();
  const std::string session = h.Connect("c");
  const auto at_once = [&](const pb::Operation& operation) {
    pb::SegmentRequest request;
    request.set_group(kFirstNamespaceGroup);
    *request.add_operations() = operation;
    return h.group->TryRead(request);
  };
  CHECK(at_once(GetSession(session)) == nullptr);
  h.node.lease = true;
  const auto response = at_once(GetSession(session));
  REQUIRE(response != nullptr);
  CHECK(response->results(0).has_session());
  CHECK(at_once(GetSession(""))->results(0).error() == pb::FS_BADSESSION);
  CHECK(at_once(ReclaimComplete()) == nullptr);
  CHECK(at_once(Renew(1)) == nullptr);
  CHECK(at_once(pb::Operation()) == nullptr);
  CHECK(h.group->TryRead(pb::SegmentRequest()) == nullptr);
  pb::Operation page;
  page.mutable_read_dir()->set_max_bytes(4096);
  CHECK(at_once(page) != nullptr);
  page.mutable_read_dir()->set_max_bytes(1 << 20);
  CHECK(at_once(page) == nullptr);
  h.node.Follow(2);
  CHECK(at_once(GetSession(session)) == nullptr);
}

TEST_CASE("a read at once renews its client's lease as any does") {
  Harness h;
  h.node.Lead();
  h.node.lease = true;
  const std::string session = h.Connect("c");
  h.clock.AdvanceMs(1400);
  pb::SegmentRequest request = WithSlot(session, 1, GetSession(session));
  request.set_group(kFirstNamespaceGroup);
  REQUIRE(h.group->TryRead(request) != nullptr);
  h.clock.AdvanceMs(1400);
  h.group->Tend();
  CHECK(metrics::GetGauge("openefs_metadata_lapsed_clients", "",
                          {{"node", "1"}, {"group", std::to_string(kFirstNamespaceGroup)}})
            .Value() == 0);
}

TEST_CASE("reads that pass their barrier in one turn are answered at its end, however many") {
  Harness h;
  h.node.Lead();
  const std::string session = h.Connect("c");
  h.node.hold_barriers = true;
  const size_t count = GENERATE(size_t{1}, kReadsAtOnce, 3 * kReadsAtOnce + 1);
  std::vector<std::future<Answer>> answers;
  for (size_t i = 0; i < count; ++i) {
    pb::SegmentRequest request;
    *request.add_operations() = GetSession(session);
    answers.push_back(h.Start(std::move(request)));
  }
  {
    const Turn turn;
    h.node.ReleaseBarriers();
    for (auto& answer : answers) {
      CHECK(answer.wait_for(std::chrono::seconds(0)) == std::future_status::timeout);
    }
  }
  for (auto& answer : answers) {
    const Answer got = answer.get();
    REQUIRE(got.ok());
    CHECK((*got)->results(0).has_session());
  }
}

TEST_CASE("leases run out by the leader's clock, and a lapsed client yields") {
  Harness h;
  h.node.Lead();
  pb::Operation format;
  format.mutable_format_file_system()->set_fs_id(kFs);
  REQUIRE(h.One(format).error() == pb::FS_OK);
  const std::string silent = h.Connect("silent");
  const std::string live = h.Connect("live");
  auto open = [&](const std::string& session, uint32_t sequence) {
    pb::SegmentRequest request = WithSlot(session, sequence, PutRoot());
    *request.add_operations() = Open("f", 3, "o", pb::Open::UNCHECKED, 3);
    Answer answer = h.Run(std::move(request));
    REQUIRE(answer.ok());
    return (*answer)->results((*answer)->results_size() - 1).error();
  };
  CHECK(open(silent, 1) == pb::FS_OK);
  h.clock.AdvanceMs(1400);  // the lease and most of the half that is added to it
  CHECK(open(live, 1) == pb::FS_SHARE_DENIED);
  (void)h.One(Renew(ClientOfSession(silent)));
  h.clock.AdvanceMs(1400);
  CHECK(open(live, 2) == pb::FS_SHARE_DENIED);
  h.clock.AdvanceMs(101);
  CHECK(open(live, 3) == pb::FS_OK);
  CHECK(open(silent, 2) == pb::FS_BADSESSION);
}

TEST_CASE("a new leader's term begins with full leases") {
  Harness h;
  h.node.Lead();
  const std::string session = h.Connect("c");
  h.clock.AdvanceMs(kMaxCourtesyMs * 2);
  h.node.Follow(2);
  h.group->Tend();  // not its business
  h.node.Lead();
  h.group->Tend();
  CHECK(h.One(GetSession(session)).error() == pb::FS_OK);
}

TEST_CASE("clients silent for a day are expired in the background") {
  Harness h;
  h.node.Lead();
  const std::string session = h.Connect("c");
  const std::string other = h.Connect("other");
  h.clock.AdvanceMs(kMaxCourtesyMs);
  (void)h.One(Renew(ClientOfSession(other)));
  h.clock.AdvanceMs(1);
  h.group->Tend();
  CHECK(h.One(GetSession(session)).error() == pb::FS_BADSESSION);
  CHECK(h.One(GetSession(other)).error() == pb::FS_OK);
  const int proposals = h.node.proposals;
  h.group->Tend();
  CHECK(h.node.proposals == proposals);  // nothing left to do
}

TEST_CASE("data nodes go down in silence and come up when they are heard") {
  Harness h(kSystemGroup);
  h.node.Lead();
  pb::Operation format;
  format.mutable_format_cluster()->set_cluster_id(std::string(16, 'c'));
  pb::ClusterSecrets* secrets = format.mutable_format_cluster()->mutable_secrets();
  secrets->set_handle_key(std::string(16, 'k'));
  secrets->set_write_verifier(std::string(8, 'v'));
  secrets->set_server_owner("o");
  REQUIRE(h.One(format).error() == pb::FS_OK);
  pb::Operation heartbeat;
  heartbeat.mutable_data_node_heartbeat()->set_node_id(1);
  heartbeat.mutable_data_node_heartbeat()->set_store_id(std::string(16, 's'));
  heartbeat.mutable_data_node_heartbeat()->set_address("a:1");
  CHECK(h.One(heartbeat).error() == pb::FS_NOENT);  // register first
  pb::Operation join;
  pb::DataNode* node = join.mutable_register_data_node()->mutable_node();
  node->set_node_id(1);
  node->set_store_id(std::string(16, 's'));
  node->set_az("a");
  node->set_address("a:1");
  REQUIRE(h.One(join).error() == pb::FS_OK);
  auto status = [&] {
    pb::Operation get;
    get.mutable_get_cluster_state();
    return h.One(get).cluster_state().map().data_nodes(0).status();
  };
  h.clock.AdvanceMs(3000);
  CHECK(h.One(heartbeat).error() == pb::FS_OK);
  h.clock.AdvanceMs(3000);
  h.group->Tend();
  CHECK(status() == pb::NODE_UP);
  h.clock.AdvanceMs(1);
  h.group->Tend();
  CHECK(status() == pb::NODE_DOWN);
  CHECK(h.One(heartbeat).error() == pb::FS_OK);
  h.group->Tend();
  CHECK(status() == pb::NODE_UP);
  heartbeat.mutable_data_node_heartbeat()->set_failing(true);
  CHECK(h.One(heartbeat).error() == pb::FS_OK);
  h.group->Tend();
  CHECK(status() == pb::NODE_DOWN);
  heartbeat.mutable_data_node_heartbeat()->set_failing(false);  // restarted
  CHECK(h.One(heartbeat).error() == pb::FS_OK);
  h.group->Tend();
  CHECK(status() == pb::NODE_UP);
  heartbeat.mutable_data_node_heartbeat()->set_store_id(std::string(16, 't'));
  CHECK(h.One(heartbeat).error() == pb::FS_NOT_SAME);
}

}  // namespace
}  // namespace openefs::metadata::testing
