#include <catch2/catch.hpp>

#include "absl/strings/str_join.h"
#include "common/limits.h"
#include "metadata/store/blobs.h"
#include "metadata/store/extents.h"
#include "tests/metadata/engines.h"
#include "tests/metadata/ops/shell.h"

namespace openefs::metadata {
namespace {

#define EXPECT_OK(expression) REQUIRE((expression) == pb::FS_OK)

std::string Contents(Shell& shell, const std::string& path) {
  std::string bytes;
  EXPECT_OK(shell.ReadFile(path, 0, kMaxIoBytes, &bytes));
  return bytes;
}

void RequireClean(Shell& shell) {
  const CheckReport report = shell.Check();
  INFO(absl::StrJoin(report.problems, "\n"));
  REQUIRE(report.Clean());
}

size_t Collectable(Shell& shell) {
  pb::Operation list;
  list.mutable_list_collectable();
  return static_cast<size_t>(shell.Background(list).collectable().blobs_size());
}

TEMPLATE_LIST_TEST_CASE("writes overlay each other", "", AllEngines) {
  TestType maker;
  Shell shell(maker.Open());
  shell.check_every_entry = true;
  EXPECT_OK(shell.MakeFile("f"));
  std::string blob, small;
  EXPECT_OK(shell.WriteBlob("f", 100, 1000, &blob));
  std::string expected = std::string(100, '\0') + blob;
  CHECK(Contents(shell, "f") == expected);
  EXPECT_OK(shell.WriteInline("f", 300, "in the middle"));
  expected.replace(300, 13, "in the middle");
  CHECK(Contents(shell, "f") == expected);
  EXPECT_OK(shell.WriteInline("f", 90, "over the beginning"));
  expected.replace(90, 18, "over the beginning");
  EXPECT_OK(shell.WriteInline("f", 1090, "over the end of it"));
  expected.replace(1090, 18, "over the end of it");
  CHECK(Contents(shell, "f") == expected);
  EXPECT_OK(shell.WriteBlob("f", 200, 200, &small));
  expected.replace(200, 200, small);
  CHECK(Contents(shell, "f") == expected);
  EXPECT_OK(shell.WriteBlob("f", 0, 2000, &blob));
  CHECK(Contents(shell, "f") == blob);
  CHECK(shell.MustStat("f").size() == 2000);
  CHECK(shell.MustStat("f").space_used() == 4096);
}

TEMPLATE_LIST_TEST_CASE("what ends where an extent ends is written again", "", AllEngines) {
  TestType maker;
  Shell shell(maker.Open());
  shell.check_every_entry = true;
  EXPECT_OK(shell.MakeFile("f"));
  std::string expected, blob;
  EXPECT_OK(shell.WriteBlob("f", 0, 16384, &expected));
  const auto write = [&](size_t offset, size_t length, char byte) {
    EXPECT_OK(shell.WriteInline("f", offset, std::string(length, byte)));
    expected.replace(offset, length, std::string(length, byte));
    CHECK(Contents(shell, "f") == expected);
  };
  write(12288, 4096, 'a');  // the tail of a blob
  write(12288, 4096, 'b');  // the very same
  write(8192, 8192, 'c');   // that and some of the blob before it
  write(12288, 4096, 'd');  // the tail of that
  write(100, 16284, 'e');   // all of these, and not the beginning
  write(16384, 4096, 'f');  // where nothing is
  EXPECT_OK(shell.WriteBlob("f", 0, 20480, &blob));
  EXPECT_OK(shell.WriteBlob("f", 0, 20480, &expected));  // whole
  CHECK(Contents(shell, "f") == expected);
}

TEMPLATE_LIST_TEST_CASE("small appends become one extent", "", AllEngines) {
  TestType maker;
  Shell shell(maker.Open());
  EXPECT_OK(shell.MakeFile("f"));
  std::string expected;
  for (int i = 0; i < 100; ++i) {
    const std::string line = "line " + std::to_string(i) + "\n";
    EXPECT_OK(shell.WriteInline("f", expected.size(), line));
    expected += line;
  }
  CHECK(Contents(shell, "f") == expected);
  CHECK(shell.Check().extents == 1);
  // Filling the gap between two joins all three.
  EXPECT_OK(shell.MakeFile("g"));
  EXPECT_OK(shell.WriteInline("g", 0, "aa"));
  EXPECT_OK(shell.WriteInline("g", 4, "cc"));
  EXPECT_OK(shell.WriteInline("g", 2, "bb"));
  CHECK(Contents(shell, "g") == "aabbcc");
  CHECK(shell.Check().extents == 2);
  // Whole pages stay by themselves, as do what is beside them; what is small joins them.
  EXPECT_OK(shell.MakeFile("pages"));
  const std::string page(4096, 'p');
  for (uint64_t i : {0, 2, 1}) EXPECT_OK(shell.WriteInline("pages", i * 4096, page));
  CHECK(shell.Check().extents == 5);
  EXPECT_OK(shell.WriteInline("pages", 4096, "small"));
  std::string pages;
  EXPECT_OK(shell.ReadFile("pages", 0, 3 * 4096, &pages));
  CHECK(pages == page + "small" + std::string(4091, 'p') + page);
  CHECK(shell.Check().extents == 4);
  EXPECT_OK(shell.Remove("pages"));
  // Never beyond kInlineBytes.
  EXPECT_OK(shell.MakeFile("h"));
  EXPECT_OK(shell.WriteInline("h", 0, std::string(kInlineBytes, 'x')));
  EXPECT_OK(shell.WriteInline("h", kInlineBytes, "y"));
  CHECK(shell.Check().extents == 4);
  RequireClean(shell);
}

TEMPLATE_LIST_TEST_CASE("truncation down and up leaves zeros", "", AllEngines) {
  TestType maker;
  Shell shell(maker.Open());
  shell.check_every_entry = true;
  EXPECT_OK(shell.MakeFile("f"));
  std::string blob;
  EXPECT_OK(shell.WriteBlob("f", 0, 1000, &blob));
  EXPECT_OK(shell.WriteInline("f", 1000, "tail"));
  EXPECT_OK(shell.Truncate("f", 400));
  EXPECT_OK(shell.Truncate("f", 600));
  CHECK(Contents(shell, "f") == blob.substr(0, 400) + std::string(200, '\0'));
  EXPECT_OK(shell.Truncate("f", 0));
  EXPECT_OK(shell.Truncate("f", 3));
  CHECK(Contents(shell, "f") == std::string(3, '\0'));
  CHECK(shell.Check().extents == 0);
  CHECK(shell.Truncate("f", kMaxFileBytes + 1) == pb::FS_FBIG);
  EXPECT_OK(shell.Truncate("f", kMaxFileBytes));
  CHECK(shell.WriteInline("f", kMaxFileBytes, "x") == pb::FS_FBIG);
  EXPECT_OK(shell.WriteInline("f", kMaxFileBytes - 1, "x"));
  CHECK(shell.MustStat("f").space_used() == 4096);
}

TEMPLATE_LIST_TEST_CASE("reads are cut at the end of file", "", AllEngines) {
  TestType maker;
  Shell shell(maker.Open());
  EXPECT_OK(shell.MakeFile("f"));
  EXPECT_OK(shell.WriteInline("f", 10, "0123456789"));
  const auto read = [&](uint64_t offset, uint32_t count) {
    pb::SegmentRequest request = shell.At("f");
    request.add_operations()->mutable_read_plan()->set_offset(offset);
    request.mutable_operations(request.operations_size() - 1)
        ->mutable_read_plan()
        ->set_count(count);
    const pb::SegmentResponse response = shell.Read(request);
    EXPECT_OK(Shell::ErrorOf(response));
    const auto& plan = response.results(response.results_size() - 1).read_plan();
    return std::make_pair(shell.Bytes(plan), plan.end_of_file());
  };
  CHECK(read(0, 5) == std::make_pair(std::string(5, '\0'), false));
  CHECK(read(8, 4) == std::make_pair(std::string("\0\0"
                                                 "01",
                                                 4),
                                     false));
  CHECK(read(15, 5) == std::make_pair(std::string("56789"), true));
  CHECK(read(15, 500) == std::make_pair(std::string("56789"), true));
  CHECK(read(20, 1) == std::make_pair(std::string(), true));
  CHECK(read(UINT64_MAX, UINT32_MAX) == std::make_pair(std::string(), true));
  CHECK(read(0, 0) == std::make_pair(std::string(), false));
  EXPECT_OK(shell.Truncate("f", 3 << 20));
  CHECK(read(0, UINT32_MAX).first.size() == kMaxIoBytes);
  EXPECT_OK(shell.Mkdir("d"));
  std::string bytes;
  CHECK(shell.ReadFile("d", 0, 1, &bytes) == pb::FS_ISDIR);
  CHECK(shell.WriteInline("d", 0, "x") == pb::FS_ISDIR);
  EXPECT_OK(shell.MakeNode(pb::FIFO, "p"));
  CHECK(shell.WriteInline("p", 0, "x") == pb::FS_WRONG_TYPE);
}

TEMPLATE_LIST_TEST_CASE("blobs nobody refers to are collected, after a while", "", AllEngines) {
  TestType maker;
  Shell shell(maker.Open());
  shell.check_every_entry = true;
  EXPECT_OK(shell.MakeFile("f"));
  std::string blob;
  EXPECT_OK(shell.WriteBlob("f", 0, 900, &blob));
  EXPECT_OK(shell.WriteInline("f", 300, "split"));  // two extents of one blob
  EXPECT_OK(shell.Truncate("f", 300));
  CHECK(Collectable(shell) == 0);
  EXPECT_OK(shell.WriteBlob("f", 0, 900, &blob));
  CHECK(Collectable(shell) == 0);  // a read planned before may still fetch it
  shell.wall_time_ns += static_cast<int64_t>(kCollectDelayMs) * 1'000'000;
  pb::Operation list;
  list.mutable_list_collectable()->set_limit(10);
  const pb::CollectableResult queued = shell.Background(list).collectable();
  REQUIRE(queued.blobs_size() == 1);
  list.mutable_list_collectable()->set_after(queued.blobs(0).key());
  CHECK(shell.Background(list).collectable().blobs_size() == 0);
  list.mutable_list_collectable()->set_after("nonsense");
  CHECK(shell.Background(list).error() == pb::FS_INVAL);
  pb::Operation known;
  *known.mutable_check_blobs()->add_blobs() = queued.blobs(0).id();
  known.mutable_check_blobs()->add_blobs()->set_low(12345);
  CHECK(shell.Background(known).check_blobs().known(0));
  CHECK(shell.Background(known).check_blobs().blob_lengths(0) == 0);  // nobody uses it
  CHECK_FALSE(shell.Background(known).check_blobs().known(1));
  pb::Operation finish;
  finish.mutable_finish_collect()->add_keys(queued.blobs(0).key());
  EXPECT_OK(shell.Background(finish).error());
  EXPECT_OK(shell.Background(finish).error());  // twice is the same as once
  CHECK_FALSE(shell.Background(known).check_blobs().known(0));
  CHECK(Collectable(shell) == 0);
  finish.mutable_finish_collect()->add_keys("nonsense");
  CHECK(shell.Background(finish).error() == pb::FS_INVAL);
}

TEMPLATE_LIST_TEST_CASE("missing fragments are queued until repaired", "", AllEngines) {
  TestType maker;
  Shell shell(maker.Open());
  shell.check_every_entry = true;
  EXPECT_OK(shell.MakeFile("f"));
  std::string blob;
  EXPECT_OK(shell.WriteBlob("f", 0, 900, &blob, 0b101000));
  EXPECT_OK(shell.WriteBlob("f", 900, 900, &blob, 0b1));
  EXPECT_OK(shell.WriteBlob("f", 1800, 900, &blob));
  pb::Operation list;
  list.mutable_list_repairs()->set_limit(1);
  pb::RepairsResult queued = shell.Background(list).repairs();
  REQUIRE(queued.repairs_size() == 1);
  CHECK(queued.repairs(0).missing_mask() == 0b101000);
  CHECK(queued.repairs(0).blob_length() == 900);
  const std::string first = queued.repairs(0).key();
  pb::Operation finish;
  finish.mutable_finish_repair()->set_key(first);
  finish.mutable_finish_repair()->set_repaired_mask(0b1000);
  EXPECT_OK(shell.Background(finish).error());
  CHECK(shell.Background(list).repairs().repairs(0).missing_mask() == 0b100000);
  finish.mutable_finish_repair()->set_repaired_mask(0b100000);
  EXPECT_OK(shell.Background(finish).error());
  EXPECT_OK(shell.Background(finish).error());
  list.mutable_list_repairs()->set_after(first);
  queued = shell.Background(list).repairs();
  REQUIRE(queued.repairs_size() == 1);
  CHECK(queued.repairs(0).missing_mask() == 1);
  // A blob that goes takes its repair with it.
  EXPECT_OK(shell.Remove("f"));
  list.mutable_list_repairs()->clear_after();
  CHECK(shell.Background(list).repairs().repairs_size() == 0);
  finish.mutable_finish_repair()->set_key(std::string(10, 'x'));
  CHECK(shell.Background(finish).error() == pb::FS_INVAL);
}

TEMPLATE_LIST_TEST_CASE("a commit is refused where its blob may be gone", "", AllEngines) {
  TestType maker;
  Shell shell(maker.Open());
  EXPECT_OK(shell.MakeFile("f"));
  std::string bytes;
  const pb::BlobId id = shell.MakeBlob(100, &bytes);
  pb::SegmentRequest request = shell.At("f");
  pb::WriteCommit* write = request.add_operations()->mutable_write_commit();
  write->set_length(100);
  *write->mutable_blob()->mutable_id() = id;
  write->mutable_blob()->set_length(100);
  const int64_t made = shell.wall_time_ns;
  shell.wall_time_ns += static_cast<int64_t>(kBlobOrphanMs / 2 + 1) * 1'000'000;
  CHECK(Shell::ErrorOf(shell.Apply(request)) == pb::FS_DELAY);
  CHECK(shell.MustStat("f").size() == 0);
  CHECK(made < shell.wall_time_ns);
  *write->mutable_blob()->mutable_id() = shell.MakeBlob(100, &bytes);
  EXPECT_OK(Shell::ErrorOf(shell.Apply(request)));
  // The same blob once more counts once more; after its last reference went it is doomed.
  write->set_offset(500);
  EXPECT_OK(Shell::ErrorOf(shell.Apply(request)));
  CHECK(Contents(shell, "f") == bytes + std::string(400, '\0') + bytes);
  EXPECT_OK(shell.Truncate("f", 0));
  CHECK(Shell::ErrorOf(shell.Apply(request)) == pb::FS_DELAY);
  RequireClean(shell);
  // Under another length it would be another blob.
  pb::SegmentRequest longer = shell.At("f");
  pb::WriteCommit* second = longer.add_operations()->mutable_write_commit();
  *second->mutable_blob()->mutable_id() = shell.MakeBlob(100, &bytes);
  second->mutable_blob()->set_length(100);
  second->set_length(100);
  EXPECT_OK(Shell::ErrorOf(shell.Apply(longer)));
  second->mutable_blob()->set_length(200);
  second->set_length(200);
  CHECK(Shell::ErrorOf(shell.Apply(longer)) == pb::FS_DELAY);
  RequireClean(shell);
  // Lengths that disagree.
  write->set_length(99);
  CHECK(Shell::ErrorOf(shell.Apply(request)) == pb::FS_INVAL);
  write->set_inline_data(std::string(kInlineBytes + 1, 'x'));
  write->set_length(kInlineBytes + 1);
  CHECK(Shell::ErrorOf(shell.Apply(request)) == pb::FS_INVAL);
  write->clear_data();
  write->set_length(0);
  const uint64_t change = shell.MustStat("f").change();
  EXPECT_OK(Shell::ErrorOf(shell.Apply(request)));
  CHECK(shell.MustStat("f").change() == change);
}

// Extents that do not touch, each of one byte.
void Scatter(Shell& shell, const std::string& path, int count, uint64_t step) {
  pb::SegmentRequest request = shell.At(path);
  for (int i = 0; i < count; ++i) {
    pb::WriteCommit* write = request.add_operations()->mutable_write_commit();
    write->set_offset(static_cast<uint64_t>(i) * step);
    write->set_length(1);
    write->set_inline_data("x");
  }
  EXPECT_OK(Shell::ErrorOf(shell.Apply(request)));
}

constexpr int kMany = static_cast<int>(kMaxExtentsPerEntry) + 500;

TEMPLATE_LIST_TEST_CASE("a big truncation is one entry, whatever is written before it is freed", "",
                        AllEngines) {
  TestType maker;
  Shell shell(maker.Open());
  EXPECT_OK(shell.MakeFile("f"));
  Scatter(shell, "f", kMany, 4);
  REQUIRE(shell.Check().extents == kMany);
  EXPECT_OK(shell.Truncate("f", 101));
  CHECK(shell.Check().extents == kMany);  // nothing freed yet, all of it dead
  RequireClean(shell);
  EXPECT_OK(shell.Truncate("f", 4 * kMany));
  std::string expected(4 * kMany, '\0');
  for (size_t i = 0; i < 101; i += 4) expected[i] = 'x';
  CHECK(Contents(shell, "f") == expected);
  // Writes among the dead live.
  std::string blob;
  EXPECT_OK(shell.WriteBlob("f", 1001, 200, &blob));
  expected.replace(1001, 200, blob);
  EXPECT_OK(shell.WriteInline("f", 3002, "yy"));
  expected.replace(3002, 2, "yy");
  CHECK(Contents(shell, "f") == expected);
  RequireClean(shell);
  // A second cut above the first, and a third below both.
  EXPECT_OK(shell.Truncate("f", 3003));
  expected.resize(3003);
  CHECK(Contents(shell, "f") == expected);
  Scatter(shell, "f", kMany, 8);
  for (size_t i = 0; i < kMany; ++i) {
    if (expected.size() <= i * 8) expected.resize(i * 8 + 1);
    expected[i * 8] = 'x';
  }
  CHECK(Contents(shell, "f") == expected);
  EXPECT_OK(shell.Truncate("f", 50));
  expected.resize(50);
  EXPECT_OK(shell.WriteInline("f", 60, "end"));
  expected += std::string(10, '\0') + "end";
  CHECK(Contents(shell, "f") == expected);
  RequireClean(shell);
  CHECK(shell.MustStat("f").space_used() == 4096);
  shell.check_every_entry = true;
  shell.PurgeAll();
  CHECK(Contents(shell, "f") == expected);
  CHECK(shell.Check().data_bytes == 16);
}

TEMPLATE_LIST_TEST_CASE("a big file goes at once and is freed bit by bit", "", AllEngines) {
  TestType maker;
  Shell shell(maker.Open());
  EXPECT_OK(shell.MakeFile("f"));
  EXPECT_OK(shell.MakeFile("g"));
  Scatter(shell, "f", kMany, 2);
  std::string blob;
  EXPECT_OK(shell.WriteBlob("f", 1 << 20, 100, &blob));
  EXPECT_OK(shell.WriteInline("g", 0, "stays"));
  EXPECT_OK(shell.Remove("f"));
  pb::Attributes gone;
  CHECK(shell.Stat("f", &gone) == pb::FS_NOENT);
  CHECK(shell.MustStat("/").fs_bytes_used() == 2 * 6144);
  RequireClean(shell);
  CHECK(shell.Check().extents == kMany + 2);
  shell.check_every_entry = true;
  shell.PurgeAll();
  CHECK(shell.Check().extents == 1);
  shell.wall_time_ns += static_cast<int64_t>(kCollectDelayMs) * 1'000'000;
  CHECK(Collectable(shell) == 1);
}

TEST_CASE("too many big truncations of one file wait for the purge") {
  Shell shell(MakeMemoryKv());
  EXPECT_OK(shell.MakeFile("f"));
  pb::FsError error = pb::FS_OK;
  int cuts = 0;
  // Each cut lies above the one before, so none takes the place of another.
  for (; error == pb::FS_OK && cuts < 20; ++cuts) {
    pb::SegmentRequest request = shell.At("f");
    for (int i = 0; i < kMany; ++i) {
      pb::WriteCommit* write = request.add_operations()->mutable_write_commit();
      write->set_offset(static_cast<uint64_t>(100'000 * cuts + 2 * i));
      write->set_length(1);
      write->set_inline_data("x");
    }
    EXPECT_OK(Shell::ErrorOf(shell.Apply(request)));
    error = shell.Truncate("f", static_cast<uint64_t>(100'000 * cuts + 1));
  }
  CHECK(error == pb::FS_DELAY);
  CHECK(cuts == kMaxCuts + 1);
  RequireClean(shell);
  shell.PurgeAll();
  RequireClean(shell);
  EXPECT_OK(shell.Truncate("f", 1));
}

}  // namespace
}  // namespace openefs::metadata
