// The service of three nodes as a whole: exactly once, whoever dies; reads see what was written.
#include "metadata/service/metadata_service.h"

#include <catch2/catch.hpp>
#include <future>
#include <thread>

#include "common/metrics/metrics.h"
#include "metadata/state/client_id.h"
#include "tests/metadata/service/test_cluster.h"
#include "tests/metadata/state/test_group.h"

namespace openefs::metadata::testing {
namespace {

// An NFS client as a front-end would serve it: one session, one slot.
class Session {
 public:
  Session(MetadataClient* client, const std::string& owner) : client_(client) {
    const pb::OperationResult made = One(ExchangeId(owner, 1));
    session_ = One(CreateSession(made.exchange_id().client_id(), made.exchange_id().sequence_id()))
                   .create_session()
                   .session_id();
    REQUIRE(session_.size() == kSessionIdBytes);
  }

  pb::SegmentRequest Next(std::vector<pb::Operation> operations) {
    pb::SegmentRequest request = Plain(std::move(operations));
    request.mutable_slot()->set_session_id(session_);
    request.mutable_slot()->set_sequence_id(++sequence_);
    request.set_first_operation_index(1);
    return request;
  }
  static pb::SegmentRequest Plain(std::vector<pb::Operation> operations) {
    pb::SegmentRequest request;
    request.set_group(kFirstNamespaceGroup);
    for (pb::Operation& operation : operations) *request.add_operations() = std::move(operation);
    return request;
  }

 private:
  pb::OperationResult One(pb::Operation operation) {
    Answer answer = Run(*client_, Plain({std::move(operation)}));
    INFO(answer.status().ToString());
    REQUIRE(answer.ok());
    return (*answer)->results(0);
  }

  MetadataClient* const client_;
  std::string session_;
  uint32_t sequence_ = 0;
};

void Format(MetadataClient& client) {
  pb::Operation format;
  format.mutable_format_file_system()->set_fs_id(kFs);
  Answer answer = Run(client, Session::Plain({format}));
  INFO(answer.status().ToString());
  REQUIRE(answer.ok());
}

pb::Operation Make(const std::string& name) { return Open(name, 3, "o", pb::Open::GUARDED); }

pb::FsError LastError(const Answer& answer) {
  return (*answer)->results((*answer)->results_size() - 1).error();
}

uint64_t StateDifferences() {
  uint64_t sum = 0;
  for (NodeId node = 1; node <= TestCluster::kNodes; ++node) {
    sum += metrics::GetCounter(
               "openefs_metadata_state_differences_total", "",
               {{"node", std::to_string(node)}, {"group", std::to_string(kFirstNamespaceGroup)}})
               .Value();
  }
  return sum;
}

TEST_CASE("every request takes effect once, whatever is lost and whoever dies") {
  TestCluster cluster;
  auto client = cluster.MakeClient();
  Format(*client);
  constexpr int kThreads = 4;
  constexpr int kFiles = 60;
  cluster.lose_one_in = 3;
  std::atomic<int> wrong{0};
  std::atomic<int> made{0};
  const uint64_t differences = StateDifferences();
  std::vector<std::thread> threads;
  std::vector<std::unique_ptr<MetadataClient>> clients;
  for (int t = 0; t < kThreads; ++t) clients.push_back(cluster.MakeClient());
  std::vector<Session> sessions;
  for (int t = 0; t < kThreads; ++t) {
    sessions.emplace_back(clients[t].get(), "c" + std::to_string(t));
  }
  for (int t = 0; t < kThreads; ++t) {
    threads.emplace_back([&, t] {
      Session& session = sessions[t];
      for (int i = 0; i < kFiles; ++i) {
        const std::string name = std::to_string(t) + "-" + std::to_string(i);
        const pb::SegmentRequest request = session.Next({PutRoot(), Make(name)});
        // A second copy through another front-end, at the same time.
        auto copy = std::async(std::launch::async,
                               [&] { return Run(*clients[(t + 1) % kThreads], request); });
        const Answer first = Run(*clients[t], request);
        const Answer second = copy.get();
        // Run twice, it would be FS_EXIST.
        if (!first.ok() || !second.ok() || LastError(first) != pb::FS_OK ||
            (*first)->results(1).SerializeAsString() != (*second)->results(1).SerializeAsString()) {
          ++wrong;
        }
        ++made;
        // Another front-end sees it at once.
        const Answer seen = Run(*client, Session::Plain({PutRoot(), Lookup(name)}));
        if (!seen.ok() || LastError(seen) != pb::FS_OK) ++wrong;
      }
    });
  }
  while (made < kThreads * kFiles / 4) std::this_thread::yield();
  const NodeId leader = cluster.WaitForLeader(kFirstNamespaceGroup);
  cluster.Kill(leader);
  while (made < kThreads * kFiles / 2) std::this_thread::yield();
  cluster.Start(leader);
  for (std::thread& thread : threads) thread.join();
  CHECK(wrong == 0);
  cluster.WaitUntilReplicasAgree(kFirstNamespaceGroup);
  CHECK(StateDifferences() == differences);
}

TEST_CASE("any node points to the leader, and only the leader answers") {
  TestCluster cluster;
  auto client = cluster.MakeClient();
  Format(*client);
  const NodeId leader = cluster.WaitForLeader(kFirstNamespaceGroup);
  int answered = 0;
  for (NodeId node = 1; node <= TestCluster::kNodes; ++node) {
    const Answer answer = cluster.ExecuteOn(node, Session::Plain({PutRoot()}));
    if (answer.ok()) {
      ++answered;
    } else {
      CHECK(answer.status() == absl::FailedPreconditionError(std::to_string(leader)));
    }
  }
  CHECK(answered == 1);
}

TEST_CASE("malformed requests are refused by the service, and nobody else suffers") {
  TestCluster cluster;
  auto client = cluster.MakeClient();
  Format(*client);
  CHECK(absl::IsInvalidArgument(Run(*client, pb::SegmentRequest()).status()));
  pb::SegmentRequest elsewhere = Session::Plain({PutRoot()});
  elsewhere.set_group(99);
  CHECK(absl::IsInvalidArgument(Run(*client, elsewhere).status()));
  CHECK(Run(*client, Session::Plain({PutRoot()})).ok());
}

TEST_CASE("without a quorum requests wait, and the client says so") {
  TestCluster cluster;
  auto client = cluster.MakeClient();
  Format(*client);
  const NodeId leader = cluster.WaitForLeader(kFirstNamespaceGroup);
  for (NodeId node = 1; node <= TestCluster::kNodes; ++node) {
    if (node != leader) cluster.Kill(node);
  }
  auto impatient = cluster.MakeClient({.patience_ms = 300, .attempt_timeout_ms = 100});
  CHECK(absl::IsUnavailable(Run(*impatient, Session::Plain({PutRoot()})).status()));
  for (NodeId node = 1; node <= TestCluster::kNodes; ++node) {
    if (node != leader) cluster.Start(node);
  }
  CHECK(Run(*client, Session::Plain({PutRoot()})).ok());
}

TEST_CASE("everything survives the end of all nodes at once") {
  TestCluster cluster;
  auto client = cluster.MakeClient();
  Format(*client);
  Session session(client.get(), "c");
  const pb::SegmentRequest made = session.Next({PutRoot(), Make("f")});
  const Answer before = Run(*client, made);
  REQUIRE(before.ok());
  for (NodeId node = 1; node <= TestCluster::kNodes; ++node) cluster.Kill(node);
  for (NodeId node = 1; node <= TestCluster::kNodes; ++node) cluster.Start(node);
  const Answer after = Run(*client, made);
  REQUIRE(after.ok());
  CHECK((*before)->results(1).SerializeAsString() == (*after)->results(1).SerializeAsString());
  const Answer closed =
      Run(*client,
          session.Next({PutRoot(), Lookup("f"), Close((*after)->results(1).open().stateid())}));
  REQUIRE(closed.ok());
  CHECK(LastError(closed) == pb::FS_OK);
}

TEST_CASE("a directory of another cluster, or in use, is refused in one line") {
  TestCluster cluster;
  auto other = replication::MakeLocalNetwork();
  auto transport = other->MakeTransport(1);
  MetadataServiceOptions options;
  options.node_id = 1;
  options.cluster_id = "another cluster!";
  options.voters = {1};
  options.directory = cluster.DirectoryOf(1);
  auto service = MakeMetadataService(options, transport.get(), SystemClock::Get());
  CHECK_FALSE(service->Start().ok());
  cluster.Kill(1);
  auto again = MakeMetadataService(options, transport.get(), SystemClock::Get());
  const absl::Status status = again->Start();
  CHECK(absl::IsFailedPrecondition(status));
  CHECK(status.message().find('\n') == absl::string_view::npos);
}

}  // namespace
}  // namespace openefs::metadata::testing
