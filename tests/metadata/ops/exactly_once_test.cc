#include <catch2/catch.hpp>

#include "common/limits.h"
#include "metadata/state/limits.h"
#include "metadata/store/keys.h"
#include "tests/common/temp_dir.h"
#include "tests/metadata/engines.h"
#include "tests/metadata/ops/shell.h"

namespace openefs::metadata {
namespace {

#define EXPECT_OK(expression) REQUIRE((expression) == pb::FS_OK)

void AddMkdir(const std::string& name, pb::SegmentRequest* request) {
  pb::Create* create = request->add_operations()->mutable_create();
  create->set_type(pb::DIRECTORY);
  create->set_name(name);
}

void SetSlot(Shell& shell, uint32_t slot, uint32_t sequence, pb::SegmentRequest* request) {
  request->mutable_slot()->set_session_id(shell.SessionId());
  request->mutable_slot()->set_slot(slot);
  request->mutable_slot()->set_sequence_id(sequence);
}

TEMPLATE_LIST_TEST_CASE("a retry is answered from the slot and does nothing", "", AllEngines) {
  TestType maker;
  Shell shell(maker.Open());
  pb::SegmentRequest request = shell.At("/");
  AddMkdir("d", &request);
  SetSlot(shell, 3, 1, &request);
  const pb::SegmentResponse first = shell.Apply(request);
  EXPECT_OK(Shell::ErrorOf(first));
  const pb::Attributes root = shell.MustStat("/");
  const pb::SegmentResponse again = shell.Apply(request);
  CHECK(again.SerializeAsString() == first.SerializeAsString());
  CHECK(shell.MustStat("/").change() == root.change());
  // Also when what it made has gone since.
  SetSlot(shell, 4, 1, &request);
  pb::SegmentRequest remove = shell.At("/");
  remove.add_operations()->mutable_remove()->set_name("d");
  SetSlot(shell, 5, 1, &remove);
  EXPECT_OK(Shell::ErrorOf(shell.Apply(remove)));
  SetSlot(shell, 3, 1, &request);
  CHECK(shell.Apply(request).SerializeAsString() == first.SerializeAsString());
  CHECK(shell.List("/").entries.empty());
  EXPECT_OK(Shell::ErrorOf(shell.Apply(remove)));
}

TEMPLATE_LIST_TEST_CASE("errors are results too", "", AllEngines) {
  TestType maker;
  Shell shell(maker.Open());
  pb::SegmentRequest remove = shell.At("/");
  remove.add_operations()->mutable_remove()->set_name("later");
  SetSlot(shell, 0, 1, &remove);
  CHECK(Shell::ErrorOf(shell.Apply(remove)) == pb::FS_NOENT);
  EXPECT_OK(shell.Mkdir("later"));
  CHECK(Shell::ErrorOf(shell.Apply(remove)) == pb::FS_NOENT);
  shell.MustStat("later");
  SetSlot(shell, 0, 2, &remove);
  CHECK(Shell::ErrorOf(shell.Apply(remove)) == pb::FS_OK);
}

TEMPLATE_LIST_TEST_CASE("a retry runs only what had not run", "", AllEngines) {
  TestType maker;
  Shell shell(maker.Open());
  // The front-end had sent the beginning of a compound, then died; another sends all of it.
  pb::SegmentRequest part = shell.At("/");
  AddMkdir("a", &part);
  SetSlot(shell, 1, 7, &part);
  EXPECT_OK(Shell::ErrorOf(shell.Apply(part)));
  pb::SegmentRequest whole = part;
  AddMkdir("b", &whole);  // below "a", which CREATE made current
  whole.add_operations()->mutable_get_file();
  const pb::SegmentResponse response = shell.Apply(whole);
  EXPECT_OK(Shell::ErrorOf(response));
  CHECK(response.results_size() == 4);
  CHECK(response.registers().current().inode() == shell.MustStat("a/b").file().inode());
  CHECK(shell.List("/").entries.size() == 1);
  CHECK(shell.Apply(whole).SerializeAsString() == response.SerializeAsString());
  // The rest alone, as a second segment of the same compound.
  pb::SegmentRequest rest;
  rest.set_group(kTestGroup);
  rest.set_first_operation_index(static_cast<uint32_t>(whole.operations_size()));
  *rest.mutable_registers() = response.registers();
  AddMkdir("c", &rest);
  SetSlot(shell, 1, 7, &rest);
  EXPECT_OK(Shell::ErrorOf(shell.Apply(rest)));
  CHECK(shell.Apply(whole).SerializeAsString() == response.SerializeAsString());
  shell.MustStat("a/b/c");
}

TEMPLATE_LIST_TEST_CASE("a retry is answered although the way to it has gone", "", AllEngines) {
  TestType maker;
  Shell shell(maker.Open());
  EXPECT_OK(shell.Mkdir("d"));
  EXPECT_OK(shell.Mkdir("d/e"));
  pb::SegmentRequest request = shell.At("d");
  request.add_operations()->mutable_remove()->set_name("e");
  SetSlot(shell, 2, 1, &request);
  const pb::SegmentResponse first = shell.Apply(request);
  EXPECT_OK(Shell::ErrorOf(first));
  EXPECT_OK(shell.Remove("d"));
  CHECK(shell.Apply(request).SerializeAsString() == first.SerializeAsString());
  // But an answer that has to be made up anew cannot be.
  pb::SegmentRequest other = shell.At("d");
  SetSlot(shell, 2, 2, &other);
  other.add_operations()->mutable_remove()->set_name("e");
  CHECK(Shell::ErrorOf(shell.Apply(other)) == pb::FS_NOENT);
  request.add_operations()->mutable_get_attr();
  SetSlot(shell, 2, 2, &request);
  CHECK(Shell::ErrorOf(shell.Apply(request)) == pb::FS_NOENT);
}

TEMPLATE_LIST_TEST_CASE("a retry repeats short reads in front of a mutation, not long ones", "",
                        AllEngines) {
  TestType maker;
  Shell shell(maker.Open());
  EXPECT_OK(shell.Mkdir("d"));
  EXPECT_OK(shell.Mkdir("d/e"));
  // As Linux closes: attributes first, and then what may end the file.
  pb::SegmentRequest request = shell.At("d");
  request.add_operations()->mutable_get_attr();
  request.add_operations()->mutable_remove()->set_name("e");
  SetSlot(shell, 2, 1, &request);
  const pb::SegmentResponse first = shell.Apply(request);
  EXPECT_OK(Shell::ErrorOf(first));
  EXPECT_OK(shell.Remove("d"));
  CHECK(shell.Apply(request).SerializeAsString() == first.SerializeAsString());

  EXPECT_OK(shell.Mkdir("d"));
  for (int i = 0; i < 200; ++i)
    EXPECT_OK(shell.Mkdir("d/a-name-of-some-length" + std::to_string(i)));
  pb::SegmentRequest listing = shell.At("d");
  listing.add_operations()->mutable_read_dir()->set_max_entries(1000);
  listing.mutable_operations(listing.operations_size() - 1)
      ->mutable_read_dir()
      ->set_max_bytes(1 << 20);
  listing.add_operations()->mutable_remove()->set_name("a-name-of-some-length0");
  SetSlot(shell, 2, 2, &listing);
  EXPECT_OK(Shell::ErrorOf(shell.Apply(listing)));
  EXPECT_OK(shell.Remove("d/a-name-of-some-length1"));
  const pb::SegmentResponse again = shell.Apply(listing);
  EXPECT_OK(Shell::ErrorOf(again));
  CHECK(again.results(again.results_size() - 2).read_dir().entries_size() == 198);
}

// CREATE, GETFH, GETATTR, and somebody removes it before the retry: what the client hears is what
// the request came to, not that its file is stale.
TEMPLATE_LIST_TEST_CASE("a retry repeats the reads behind a mutation", "", AllEngines) {
  TestType maker;
  Shell shell(maker.Open());
  EXPECT_OK(shell.Mkdir("other"));
  pb::SegmentRequest request = shell.At("/");
  AddMkdir("d", &request);
  request.add_operations()->mutable_get_attr();
  request.add_operations()->mutable_lookup_parent();
  request.add_operations()->mutable_lookup()->set_name("other");
  request.add_operations()->mutable_get_attr();
  SetSlot(shell, 2, 1, &request);
  const pb::SegmentResponse first = shell.Apply(request);
  EXPECT_OK(Shell::ErrorOf(first));
  EXPECT_OK(shell.Remove("d"));
  EXPECT_OK(shell.Remove("other"));
  CHECK(shell.Apply(request).SerializeAsString() == first.SerializeAsString());
  // A part of it, as a front-end that cuts the compound elsewhere sends it: the registers are those
  // behind the part.
  pb::SegmentRequest part = request;
  part.mutable_operations()->RemoveLast();
  part.mutable_operations()->RemoveLast();
  CHECK(shell.Apply(part).registers().current().inode() == shell.MustStat("/").file().inode());
  // Another request is not answered with that.
  request.mutable_operations(request.operations_size() - 1)->mutable_access();
  CHECK(Shell::ErrorOf(shell.Apply(request)) == pb::FS_SEQ_FALSE_RETRY);
}

// A copy may be on its way for long: the client has its answer from another front-end.
TEMPLATE_LIST_TEST_CASE("what failed before it changed anything does not happen later", "",
                        AllEngines) {
  TestType maker;
  Shell shell(maker.Open());
  EXPECT_OK(shell.Mkdir("keep"));
  pb::SegmentRequest request = shell.At("/");
  request.add_operations()->mutable_save_file();
  request.add_operations()->mutable_lookup()->set_name("guard");
  request.add_operations()->mutable_restore_file();
  request.add_operations()->mutable_remove()->set_name("keep");
  SetSlot(shell, 0, 1, &request);
  const pb::SegmentResponse first = shell.Apply(request);
  CHECK(Shell::ErrorOf(first) == pb::FS_NOENT);
  EXPECT_OK(shell.Mkdir("guard"));
  CHECK(shell.Apply(request).SerializeAsString() == first.SerializeAsString());
  shell.MustStat("keep");
  // Another request is not answered with that.
  pb::SegmentRequest other = request;
  other.mutable_operations(2)->mutable_lookup()->set_name("keep");
  CHECK(Shell::ErrorOf(shell.Apply(other)) == pb::FS_SEQ_FALSE_RETRY);
  shell.MustStat("keep");
  SetSlot(shell, 0, 2, &request);
  EXPECT_OK(Shell::ErrorOf(shell.Apply(request)));
  CHECK(shell.List("/").entries.size() == 1);
}

TEST_CASE("a slot's record stays small, whatever is read in front of mutations") {
  auto engine = MakeMemoryKv();
  KvEngine* const kv = engine.get();
  Shell shell(std::move(engine));
  for (int i = 0; i < 15; ++i) EXPECT_OK(shell.Mkdir(std::string(200, 'x') + std::to_string(i)));
  pb::SegmentRequest request = shell.At("/");
  while (request.operations_size() + 2 <= static_cast<int>(kMaxOperations)) {
    pb::ReadDir* list = request.add_operations()->mutable_read_dir();
    list->set_max_entries(100);
    list->set_max_bytes(1 << 20);
    request.add_operations()->mutable_set_attr()->mutable_change()->set_mode(0755);
  }
  SetSlot(shell, 0, 1, &request);
  const pb::SegmentResponse first = shell.Apply(request);
  EXPECT_OK(Shell::ErrorOf(first));
  std::string record;
  REQUIRE(kv->Snapshot()->Get(keys::Slot(shell.SessionId(), 0), &record));
  CHECK(record.size() > kMaxSlotRecordBytes / 2);
  CHECK(record.size() < kMaxSlotRecordBytes + 64 * 200);
  EXPECT_OK(Shell::ErrorOf(shell.Apply(request)));
}

TEST_CASE("a snapshot carries the results: a retry at a replica that was built from it") {
  TempDir directory;
  Shell shell(MakeMemoryKv());
  pb::SegmentRequest request = shell.At("/");
  AddMkdir("d", &request);
  SetSlot(shell, 0, 1, &request);
  const pb::SegmentResponse first = shell.Apply(request);
  EXPECT_OK(Shell::ErrorOf(first));
  EXPECT_OK(shell.Remove("d"));
  const auto index = shell.machine().Checkpoint(directory / "snapshot");
  REQUIRE(index.ok());
  Shell other(MakeMemoryKv());
  REQUIRE(other.machine().Install(directory / "snapshot").ok());
  other.next_index = *index + 1;
  CHECK(other.Apply(request).SerializeAsString() == first.SerializeAsString());
  CHECK(other.List("/").entries.empty());
}

TEMPLATE_LIST_TEST_CASE("a segment hears that a retry had come further", "", AllEngines) {
  TestType maker;
  Shell shell(maker.Open());
  // A compound of three segments: a read, a mutation behind it, another mutation.
  pb::SegmentRequest read = shell.At("/");
  read.add_operations()->mutable_get_attr();
  SetSlot(shell, 0, 1, &read);
  read.set_tell_overtaken(true);
  pb::SegmentRequest first = shell.At("/");
  AddMkdir("a", &first);
  first.add_operations()->mutable_get_attr();
  first.set_first_operation_index(10);
  SetSlot(shell, 0, 1, &first);
  first.set_tell_overtaken(true);
  pb::SegmentRequest last = shell.At("/");
  AddMkdir("b", &last);
  last.set_first_operation_index(20);
  SetSlot(shell, 0, 1, &last);

  CHECK_FALSE(shell.Read(read).overtaken());
  CHECK_FALSE(shell.Apply(first).overtaken());
  CHECK(shell.Read(read).overtaken());
  CHECK_FALSE(shell.Apply(first).overtaken());
  EXPECT_OK(Shell::ErrorOf(shell.Apply(last)));
  CHECK(shell.Apply(first).overtaken());
  CHECK(shell.Read(read).overtaken());
  // Not asked, not said; and another request is another matter.
  read.set_tell_overtaken(false);
  CHECK_FALSE(shell.Read(read).overtaken());
  read.set_tell_overtaken(true);
  SetSlot(shell, 0, 2, &read);
  CHECK_FALSE(shell.Read(read).overtaken());
  SetSlot(shell, 1, 1, &read);
  CHECK_FALSE(shell.Read(read).overtaken());
}

TEMPLATE_LIST_TEST_CASE("sequence ids only go forward, and wrap around", "", AllEngines) {
  TestType maker;
  Shell shell(maker.Open());
  pb::SegmentRequest request = shell.At("/");
  AddMkdir("a", &request);
  SetSlot(shell, 0, 0xfffffffe, &request);
  EXPECT_OK(Shell::ErrorOf(shell.Apply(request)));
  SetSlot(shell, 0, 0xfffffffd, &request);
  CHECK(Shell::ErrorOf(shell.Apply(request)) == pb::FS_SEQ_MISORDERED);
  request.mutable_operations(request.operations_size() - 1)->mutable_create()->set_name("b");
  SetSlot(shell, 0, 1, &request);  // skips some: the front-end decides what may follow
  EXPECT_OK(Shell::ErrorOf(shell.Apply(request)));
  SetSlot(shell, 0, 0xfffffffe, &request);
  CHECK(Shell::ErrorOf(shell.Apply(request)) == pb::FS_SEQ_MISORDERED);
}

TEMPLATE_LIST_TEST_CASE("another request under the same sequence id is a false retry", "",
                        AllEngines) {
  TestType maker;
  Shell shell(maker.Open());
  pb::SegmentRequest request = shell.At("/");
  AddMkdir("a", &request);
  SetSlot(shell, 0, 1, &request);
  EXPECT_OK(Shell::ErrorOf(shell.Apply(request)));
  request.mutable_operations(request.operations_size() - 1)->mutable_create()->set_name("b");
  CHECK(Shell::ErrorOf(shell.Apply(request)) == pb::FS_SEQ_FALSE_RETRY);
  CHECK(shell.List("/").entries.size() == 1);
}

TEMPLATE_LIST_TEST_CASE("a retried write keeps the first blob", "", AllEngines) {
  TestType maker;
  Shell shell(maker.Open());
  EXPECT_OK(shell.MakeFile("f"));
  pb::SegmentRequest request = shell.At("f");
  pb::WriteCommit* write = request.add_operations()->mutable_write_commit();
  std::string bytes, other;
  *write->mutable_blob()->mutable_id() = shell.MakeBlob(100, &bytes);
  write->mutable_blob()->set_length(100);
  write->set_length(100);
  SetSlot(shell, 6, 1, &request);
  const pb::SegmentResponse first = shell.Apply(request);
  EXPECT_OK(Shell::ErrorOf(first));
  *write->mutable_blob()->mutable_id() = shell.MakeBlob(100, &other);
  const pb::SegmentResponse again = shell.Apply(request);
  CHECK(again.SerializeAsString() == first.SerializeAsString());
  CHECK(again.results(2).write().kept_blob().low() != write->blob().id().low());
  CHECK(shell.Check().blobs == 1);
}

TEMPLATE_LIST_TEST_CASE("without its session nothing runs", "", AllEngines) {
  TestType maker;
  Shell shell(maker.Open());
  pb::SegmentRequest request = shell.At("/");
  AddMkdir("a", &request);
  SetSlot(shell, 0, 1, &request);
  for (const std::string& id : {std::string(), std::string(16, 'x'), std::string(17, 'x')}) {
    request.mutable_slot()->set_session_id(id);
    const pb::SegmentResponse response = shell.Apply(request);
    CHECK(response.results_size() == 1);
    CHECK(Shell::ErrorOf(response) == pb::FS_BADSESSION);
  }
  SetSlot(shell, kMaxSlots, 1, &request);
  CHECK(Shell::ErrorOf(shell.Apply(request)) == pb::FS_INVAL);
  CHECK(shell.List("/").entries.empty());
  // A session destroyed in the same segment leaves no slot behind.
  pb::SegmentRequest destroy;
  destroy.set_group(kTestGroup);
  destroy.add_operations()->mutable_destroy_session()->set_session_id(shell.SessionId());
  SetSlot(shell, 0, 1, &destroy);
  EXPECT_OK(Shell::ErrorOf(shell.Apply(destroy)));
  CHECK(Shell::ErrorOf(shell.Apply(destroy)) == pb::FS_BADSESSION);
}

TEMPLATE_LIST_TEST_CASE("results survive a restart, and entries are not applied twice", "",
                        AllEngines) {
  TestType maker;
  auto engine = maker.Open();
  KvEngine* kept = engine.get();
  Shell shell(std::move(engine));
  pb::SegmentRequest request = shell.At("/");
  AddMkdir("d", &request);
  SetSlot(shell, 0, 1, &request);
  EXPECT_OK(Shell::ErrorOf(shell.Apply(request)));
  const uint64_t applied = shell.machine().AppliedIndex();
  REQUIRE(shell.machine().Flush().ok());
  CHECK(*shell.machine().Flush() == applied);
  // The log is replayed from before: nothing of it takes effect again.
  pb::MetadataEntry entry;
  pb::SegmentRequest other = shell.At("/");
  AddMkdir("never", &other);
  *entry.add_segments() = other;
  const std::string data = entry.SerializeAsString();
  const replication::CommittedEntry old{applied, 1, data, nullptr};
  REQUIRE(shell.machine().Apply({&old, 1}).ok());
  CHECK(shell.machine().AppliedIndex() == applied);
  CHECK(shell.List("/").entries.size() == 1);
  const replication::CommittedEntry garbage{applied + 1, 1, "\xff\xff\xff", nullptr};
  CHECK(shell.machine().Apply({&garbage, 1}).code() == absl::StatusCode::kDataLoss);
  CHECK(shell.machine().AppliedIndex() == applied);
  CHECK(kept->Snapshot() != nullptr);
}

TEST_CASE("time never goes back, also over a restart") {
  RocksEngine maker;
  int64_t before = 0;
  {
    Shell shell(maker.Open());
    EXPECT_OK(shell.Mkdir("a"));
    shell.wall_time_ns -= int64_t{3'600} * 1'000'000'000;
    EXPECT_OK(shell.Mkdir("b"));
    CHECK(shell.MustStat("b").btime().seconds() == shell.MustStat("a").btime().seconds());
    before = shell.MustStat("b").btime().seconds();
    REQUIRE(shell.machine().Flush().ok());
  }
  Shell shell(maker.Open());
  shell.wall_time_ns = 1'000'000'000;
  EXPECT_OK(shell.Mkdir("c"));
  CHECK(shell.MustStat("c").btime().seconds() == before);
}

TEST_CASE("operations of the other kind of group are refused") {
  Shell shell(MakeMemoryKv());
  pb::SegmentRequest request;
  request.set_group(kTestGroup);
  request.add_operations()->mutable_get_cluster_state();
  CHECK(Shell::ErrorOf(shell.Read(request)) == pb::FS_NOTSUPP);
  request.clear_operations();
  request.add_operations();
  CHECK(Shell::ErrorOf(shell.Read(request)) == pb::FS_NOTSUPP);
  request.set_group(kSystemGroup);
  request.mutable_operations(0)->mutable_put_root()->set_fs_id(kTestFs);
  CHECK(Shell::ErrorOf(shell.Read(request)) == pb::FS_NOTSUPP);
}

}  // namespace
}  // namespace openefs::metadata
