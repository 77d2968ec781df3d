// Checks of whole nodes: of a stopped one's directory, and of one that serves.
#include <catch2/catch.hpp>
#include <filesystem>
#include <fstream>
#include <map>
#include <sstream>
#include <thread>

#include "common/store_directory.h"
#include "metadata/service/condemned_store.h"
#include "metadata/service/live_check.h"
#include "metadata/service/offline_check.h"
#include "metadata/store/keys.h"
#include "tests/common/temp_dir.h"
#include "tests/metadata/service/test_cluster.h"
#include "tests/metadata/state/test_group.h"

namespace openefs::metadata::testing {
namespace {

using Reports = std::map<GroupId, absl::StatusOr<CheckReport>>;

absl::Status CheckNode(const std::string& directory, Reports* reports) {
  reports->clear();
  return CheckStoppedNode(directory,
                          [reports](GroupId group, const absl::StatusOr<CheckReport>& report) {
                            reports->emplace(group, report);
                          });
}

pb::SegmentRequest Plain(std::vector<pb::Operation> operations) {
  pb::SegmentRequest request;
  request.set_group(kFirstNamespaceGroup);
  for (pb::Operation& operation : operations) *request.add_operations() = std::move(operation);
  return request;
}

pb::Operation Mkdir(const std::string& name) {
  pb::Operation operation;
  operation.mutable_create()->set_type(pb::DIRECTORY);
  operation.mutable_create()->set_name(name);
  return operation;
}

void Fill(MetadataClient& client) {
  pb::Operation format;
  format.mutable_format_file_system()->set_fs_id(kFs);
  REQUIRE(Run(client, Plain({format})).ok());
  for (int i = 0; i < 20; ++i) {
    REQUIRE(Run(client, Plain({PutRoot(), Mkdir(std::to_string(i))})).ok());
  }
}

std::map<std::string, std::string> Contents(const std::string& directory) {
  std::map<std::string, std::string> files;
  for (const auto& entry : std::filesystem::recursive_directory_iterator(directory)) {
    std::ostringstream bytes;
    if (entry.is_regular_file()) bytes << std::ifstream(entry.path()).rdbuf();
    files[entry.path().string()] = bytes.str();
  }
  return files;
}

std::string StoreOf(const TestCluster& cluster, NodeId node) {
  return cluster.DirectoryOf(node) + "/group-1";
}

// Opens and flushes, so that what the node had in memory alone does not matter.
void WriteRows(const std::string& store, const KvWrites& rows) {
  auto engine = OpenRocksKv(store);
  REQUIRE(engine.ok());
  REQUIRE((*engine)->Write(rows).ok());
  REQUIRE((*engine)->Flush().ok());
}

TEST_CASE("a stopped node is checked and left as it was") {
  TestCluster cluster;
  auto client = cluster.MakeClient();
  Fill(*client);
  Reports reports;
  const std::string directory = cluster.DirectoryOf(1);
  const absl::Status in_use = CheckNode(directory, &reports);
  CHECK(absl::IsAlreadyExists(in_use));
  CHECK(in_use.message().find('\n') == absl::string_view::npos);
  CHECK(reports.empty());

  cluster.Kill(1);
  const auto before = Contents(directory);
  REQUIRE(CheckNode(directory, &reports).ok());
  CHECK(Contents(directory) == before);
  REQUIRE(reports.size() == 2);
  for (const auto& [group, report] : reports) {
    REQUIRE(report.ok());
    CHECK(report->Clean());
  }
  // Rows that do not agree.
  WriteRows(StoreOf(cluster, 1), {{keys::Orphan(kFs, 99), ""}});
  REQUIRE(CheckNode(directory, &reports).ok());
  REQUIRE(reports.at(1).ok());
  CHECK(reports.at(1)->problem_count > 0);
  CHECK(reports.at(0)->Clean());
  // A condemned store is no good whatever its rows say.
  REQUIRE(CondemnStore(StoreOf(cluster, 1), "it differed").ok());
  REQUIRE(CheckNode(directory, &reports).ok());
  CHECK(absl::IsDataLoss(reports.at(1).status()));
}

TEST_CASE("a flipped bit below the rows is found, and does not end the process") {
  const std::string kind = GENERATE(".sst", ".blob");
  TempDir temp;
  const std::string store = temp / "store";
  KvWrites rows;
  for (int i = 0; i < 2000; ++i) rows.emplace_back(keys::Orphan(kFs, i), "");
  for (int i = 0; i < 20; ++i) rows.emplace_back(keys::Orphan(kFs, i), std::string(4096, 'd'));
  WriteRows(store, rows);
  REQUIRE(ReadRocksKv(store).ok());
  int files = 0;
  for (const auto& entry : std::filesystem::recursive_directory_iterator(store)) {
    if (entry.path().extension() != kind) continue;
    ++files;
    std::fstream file(entry.path(), std::ios::in | std::ios::out | std::ios::binary);
    file.seekp(100);
    file.put('\x55');
  }
  REQUIRE(files > 0);
  CHECK(absl::IsDataLoss(ReadRocksKv(store).status()));
  CHECK(absl::IsNotFound(ReadRocksKv(temp / "nothing").status()));
}

TEST_CASE("what is no metadata node's directory is refused in one line") {
  TempDir temp;
  Reports reports;
  CHECK(absl::IsNotFound(CheckNode(temp.path(), &reports)));
  CHECK(absl::IsNotFound(CheckNode(temp / "nothing", &reports)));
  { REQUIRE(StoreDirectory::Open(temp / "data", {{"role", "datanode"}}).ok()); }
  CHECK(absl::IsFailedPrecondition(CheckNode(temp / "data", &reports)));
  { REQUIRE(StoreDirectory::Open(temp / "empty", {{"role", "metadata"}}).ok()); }
  CHECK(absl::IsNotFound(CheckNode(temp / "empty", &reports)));
  CHECK(reports.empty());
}

pb::StoreCheckStatus Finish(MetadataService& service, pb::StoreCheckStatus status) {
  pb::StoreCheckRequest ask;
  ask.set_id(status.id());
  while (status.running()) {
    std::this_thread::sleep_for(std::chrono::milliseconds(2));
    auto answer = service.CheckStore(ask);
    REQUIRE(answer.ok());
    status = *answer;
  }
  return status;
}

TEST_CASE("every replica that serves can be checked, leader or not") {
  TestCluster cluster;
  auto client = cluster.MakeClient();
  Fill(*client);
  cluster.WaitUntilReplicasAgree(kFirstNamespaceGroup);
  for (NodeId node = 1; node <= TestCluster::kNodes; ++node) {
    auto service = cluster.Get(node);
    pb::StoreCheckRequest begin;
    begin.set_group(kFirstNamespaceGroup);
    auto begun = service->CheckStore(begin);
    REQUIRE(begun.ok());
    const pb::StoreCheckStatus done = Finish(*service, *begun);
    CHECK(done.complete());
    CHECK(done.problem_count() == 0);
    CHECK(done.inodes() == 21);
    begin.set_group(77);
    CHECK(absl::IsInvalidArgument(service->CheckStore(begin).status()));
    begin.set_id(done.id() + 2);
    CHECK(absl::IsNotFound(service->CheckStore(begin).status()));
  }
}

TEST_CASE("one check at a time, and the node's end ends it") {
  auto engine = MakeMemoryKv();
  KvWrites rows;
  for (int i = 0; i < 20'000; ++i) rows.emplace_back(keys::Orphan(kFs, i), "");
  REQUIRE(engine->Write(rows).ok());
  ManualClock clock;
  LiveCheck check(&clock);
  const auto take = [&] { return engine->Snapshot(); };
  auto first = check.Begin(take);
  REQUIRE(first.ok());
  auto second = check.Begin(take);
  if (second.ok()) {  // the first was done before
    CHECK(second->id() != first->id());
    CHECK(absl::IsNotFound(check.Ask(first->id()).status()));
  } else {
    CHECK(absl::IsFailedPrecondition(second.status()));
  }
  check.Stop();
  auto after = check.Ask(second.ok() ? second->id() : first->id());
  REQUIRE(after.ok());
  CHECK_FALSE(after->running());
  CHECK(absl::IsUnavailable(check.Begin(take).status()));
}

}  // namespace
}  // namespace openefs::metadata::testing
