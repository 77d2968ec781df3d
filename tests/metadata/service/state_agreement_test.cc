// Replicas that came to different states: the odd one is found, stopped and rebuilt, whoever leads.
#include <catch2/catch.hpp>
#include <fstream>
#include <thread>

#include "metadata/service/condemned_store.h"
#include "metadata/service/group.h"
#include "metadata/store/keys.h"
#include "tests/common/temp_dir.h"
#include "tests/metadata/service/fake_node.h"
#include "tests/metadata/service/test_cluster.h"
#include "tests/metadata/state/test_group.h"

namespace openefs::metadata::testing {
namespace {

pb::SegmentRequest Plain(std::vector<pb::Operation> operations) {
  pb::SegmentRequest request;
  request.set_group(kFirstNamespaceGroup);
  for (pb::Operation& operation : operations) *request.add_operations() = std::move(operation);
  return request;
}

pb::Operation Format() {
  pb::Operation operation;
  operation.mutable_format_file_system()->set_fs_id(kFs);
  return operation;
}

pb::Operation Mkdir(const std::string& name) {
  pb::Operation operation;
  operation.mutable_create()->set_type(pb::DIRECTORY);
  operation.mutable_create()->set_name(name);
  return operation;
}

// As a bad disk or a bug would: a number from which the next clients get their ids, in a store that
// is not in use.
void Tamper(const std::string& store) {
  auto engine = OpenRocksKv(store);
  REQUIRE(engine.ok());
  REQUIRE((*engine)->Write({{keys::ClientCounter(), EncodeU64(12345)}}).ok());
  REQUIRE((*engine)->Flush().ok());
}

// Until `node` knows all three as voters again, for sure.
void WaitForVoters(TestCluster& cluster, NodeId node) {
  const auto settled = [&] {
    for (const replication::GroupStatus& group : cluster.StatusOf(node).groups) {
      if (group.group != kFirstNamespaceGroup) continue;
      return group.configuration_committed && group.configuration.voters.size() == 3 &&
             !group.configuration.joint() && group.rebuild.empty();
    }
    return false;
  };
  while (!settled()) std::this_thread::sleep_for(std::chrono::milliseconds(5));
}

// Which of the stores that it had is the one that counts.
std::string CurrentStore(const std::string& store) {
  std::string name;
  std::ifstream(store + "/current") >> name;
  return name;
}

TEST_CASE("a replica whose store was tampered with is rebuilt, while the others go on") {
  TestCluster cluster;
  auto client = cluster.MakeClient();
  REQUIRE(Run(*client, Plain({Format()})).ok());
  REQUIRE(Run(*client, Plain({PutRoot(), Mkdir("a")})).ok());
  cluster.WaitUntilReplicasAgree(kFirstNamespaceGroup);

  // Nothing is wrong as long as nobody reads the row.
  const NodeId odd = cluster.WaitForLeader(kFirstNamespaceGroup);
  const std::string store = cluster.DirectoryOf(odd) + "/group-1";
  const std::string before = CurrentStore(store);
  cluster.Kill(odd);
  Tamper(store);
  cluster.Start(odd);
  REQUIRE(Run(*client, Plain({PutRoot(), Mkdir("b")})).ok());
  cluster.WaitUntilReplicasAgree(kFirstNamespaceGroup);

  REQUIRE(Run(*client, Plain({ExchangeId("c", 1)})).ok());
  REQUIRE(Run(*client, Plain({PutRoot(), Mkdir("c")})).ok());
  while (CurrentStore(store) == before) std::this_thread::sleep_for(std::chrono::milliseconds(5));
  REQUIRE(Run(*client, Plain({PutRoot(), Mkdir("d")})).ok());
  WaitForVoters(cluster, odd);
  // What it has now, it has from them: all three are equal, and it is trusted again.
  REQUIRE(Run(*client, Plain({PutRoot(), Mkdir("e")})).ok());
  cluster.WaitUntilReplicasAgree(kFirstNamespaceGroup);
  CHECK(CheckNotCondemned(store).ok());
  // It counts again: without another one, it is what makes the majority.
  const NodeId leader = cluster.WaitForLeader(kFirstNamespaceGroup);
  NodeId spare = odd % TestCluster::kNodes + 1;
  if (spare == leader) spare = spare % TestCluster::kNodes + 1;
  cluster.Kill(spare);
  REQUIRE(Run(*client, Plain({PutRoot(), Mkdir("f")})).ok());
}

TEST_CASE("a store that was condemned before the start is rebuilt") {
  TestCluster cluster;
  auto client = cluster.MakeClient();
  REQUIRE(Run(*client, Plain({Format()})).ok());
  REQUIRE(Run(*client, Plain({PutRoot(), Mkdir("a")})).ok());
  cluster.WaitUntilReplicasAgree(kFirstNamespaceGroup);
  const std::string store = cluster.DirectoryOf(2) + "/group-1";
  cluster.Kill(2);
  Tamper(store);
  REQUIRE(CondemnStore(store, "it differed").ok());
  REQUIRE(cluster.TryStart(2).ok());
  while (!CheckNotCondemned(store).ok()) std::this_thread::sleep_for(std::chrono::milliseconds(5));
  WaitForVoters(cluster, 2);
  REQUIRE(Run(*client, Plain({ExchangeId("c", 1)})).ok());
  cluster.WaitUntilReplicasAgree(kFirstNamespaceGroup);
  CHECK(CheckNotCondemned(store).ok());
}

// One group of three voters above a replica node that the tests command.
struct LoneGroup {
  LoneGroup() { node.AddGroup(kFirstNamespaceGroup, group.machine()); }
  ~LoneGroup() { workers.Stop(); }

  Answer Run(pb::SegmentRequest request) {
    Answer answer = absl::UnknownError("not answered");
    const size_t bytes = request.ByteSizeLong();
    group.Execute(std::make_unique<pb::SegmentRequest>(std::move(request)), bytes,
                  [&answer](Answer got) { answer = std::move(got); });
    return answer;
  }

  static MetadataServiceOptions Options() {
    MetadataServiceOptions options;
    options.node_id = 1;
    options.voters = {1, 2, 3};
    return options;
  }

  TempDir directory;
  const std::string store = directory / "group-1";
  FakeNode node;
  ManualClock clock;
  SeededRandom random{1};
  WorkerPool workers{1, 100};
  Group group{{.id = kFirstNamespaceGroup,
               .node = &node,
               .workers = &workers,
               .clock = &clock,
               .random = &random,
               .store = store},
              MakeMemoryKv(),
              Options()};
};

TEST_CASE("a leader that is odd answers nothing more") {
  LoneGroup h;
  h.node.Lead();
  REQUIRE(h.Run(Plain({Format()})).ok());
  h.group.Tend();
  REQUIRE(h.node.digests.size() == 1);
  const replication::StateDigest own = h.node.digests[0];
  const replication::StateDigest other{own.index, own.hash + 1};

  // One voice is not a majority.
  h.group.machine()->OnPeerDigests(2, {&other, 1});
  h.group.Tend();
  CHECK(h.node.failure.ok());
  CHECK(h.Run(Plain({PutRoot(), Mkdir("a")})).ok());

  h.group.machine()->OnPeerDigests(3, {&other, 1});
  const Answer refused = h.Run(Plain({PutRoot(), Mkdir("b")}));
  CHECK(absl::IsFailedPrecondition(refused.status()));
  const replication::CommittedEntry entry{own.index + 2, 1, "", nullptr};
  CHECK(absl::IsDataLoss(h.group.machine()->Apply({&entry, 1})));
  h.group.Tend();
  CHECK(absl::IsDataLoss(h.node.failure));
  CHECK(absl::IsFailedPrecondition(CheckNotCondemned(h.store)));
  // Elected again by chance, it still answers nothing.
  h.node.Lead();
  CHECK(absl::IsFailedPrecondition(h.Run(Plain({PutRoot()})).status()));
}

TEST_CASE("over states decide the voters of the committed configuration") {
  LoneGroup h;
  h.node.Lead();
  REQUIRE(h.Run(Plain({Format()})).ok());
  h.group.Tend();
  REQUIRE(h.node.digests.size() == 1);
  const replication::StateDigest other{h.node.digests[0].index, h.node.digests[0].hash + 1};
  const auto differ = [&](NodeId from) {
    h.group.machine()->OnPeerDigests(from, {&other, 1});
    h.group.Tend();
  };

  differ(2);  // a voter at first
  // Under way: nobody knows yet whether 4 and 5 will be voters.
  h.node.configuration = {{1, 4, 5}, {1, 2, 3}, {}};
  differ(4);
  differ(5);
  CHECK(h.node.failure.ok());
  h.node.configuration = {{1, 4, 5}, {}, {}};
  h.node.configuration_committed = false;
  differ(4);
  differ(5);
  CHECK(h.node.failure.ok());

  h.node.configuration_committed = true;
  h.group.Tend();
  differ(2);  // what those who were replaced say counts no more, nor what they have said
  differ(3);
  differ(4);
  CHECK(h.node.failure.ok());
  differ(5);
  CHECK(absl::IsDataLoss(h.node.failure));
}

TEST_CASE("digests are told until they must have arrived, then an idle group is silent") {
  LoneGroup h;
  h.group.Tend();
  CHECK(h.node.digests.empty());  // nothing applied yet
  h.node.Lead();
  auto request = std::make_unique<pb::SegmentRequest>(Plain({Format()}));
  h.group.Execute(std::move(request), 10, [](Answer) {});
  int told = 0;
  for (int i = 0; i < 10; ++i) {
    h.node.digests.clear();
    h.group.Tend();
    told += h.node.digests.empty() ? 0 : 1;
  }
  CHECK(told == 3);
  // But once in a while: a replica that was restarted has heard nothing yet.
  h.clock.AdvanceMs(60'000);
  h.group.Tend();
  h.group.Tend();
  CHECK(h.node.digests.size() == 1);
}

}  // namespace
}  // namespace openefs::metadata::testing
