// Large reads of what is not in the page cache go past it, once.
#include <unistd.h>

#include <catch2/catch.hpp>
#include <cstdlib>
#include <memory>
#include <new>
#include <optional>

#include "datastore/node/fragment_reader.h"
#include "tests/datastore/memory_file_system.h"
#include "tests/datastore/node_driver.h"

namespace openefs::datastore {
namespace {

constexpr uint32_t kFragmentBytes = 349'568;

LocalDataNodeOptions Options(const TestDirectory& directory, MemoryFileSystem* files) {
  LocalDataNodeOptions options = NodeOptions(directory.path(), files);
  options.node.segment_bytes = 64 << 20;
  return options;
}

struct AlignedBytes {
  explicit AlignedBytes(size_t size)
      : data(static_cast<char*>(::operator new(size, std::align_val_t{kDirectAlign}))) {}
  ~AlignedBytes() { ::operator delete(data, std::align_val_t{kDirectAlign}); }
  char* const data;
};

}  // namespace

TEST_CASE("a large range that is not cached is read past the cache the first time only") {
  TestDirectory directory;
  MemoryFileSystem files;
  auto node = OpenNode(Options(directory, &files));
  const std::string bytes = TestBytes(kFragmentBytes, 1);
  for (uint64_t number = 1; number <= 3; ++number) {
    REQUIRE(Put(*node, Fragment(number), bytes).ok());
  }
  files.SetUncached(/*direct=*/true);
  for (uint64_t number = 1; number <= 3; ++number) {
    CHECK(Get(*node, Fragment(number), 0, kFragmentBytes).value() == bytes);
  }
  CHECK(files.direct_reads() == 3);
  CHECK(Get(*node, Fragment(2), 0, kFragmentBytes).value() == bytes);
  CHECK(files.direct_reads() == 3);
  // Wherever the range lies in a page.
  CHECK(Get(*node, Fragment(2), 20'001, 200'003).value() == bytes.substr(20'001, 200'003));
  CHECK(Get(*node, Fragment(3), 149'567, 200'001).value() == bytes.substr(149'567));
  CHECK(files.direct_reads() == 5);
  CHECK(Get(*node, Fragment(1), 100'000, 50'000).value() == bytes.substr(100'000, 50'000));
  CHECK(files.direct_reads() == 5);  // small
}

TEST_CASE("where files cannot be read past the cache, they are read through it") {
  TestDirectory directory;
  MemoryFileSystem files;
  auto node = OpenNode(Options(directory, &files));
  const std::string bytes = TestBytes(kFragmentBytes, 1);
  REQUIRE(Put(*node, Fragment(1), bytes).ok());
  files.SetUncached(/*direct=*/false);
  CHECK(Get(*node, Fragment(1), 0, kFragmentBytes).value() == bytes);
}

TEST_CASE("what is read past the cache is checked, also where the file ends too soon") {
  TestDirectory directory;
  MemoryFileSystem files;
  auto node = OpenNode(Options(directory, &files));
  REQUIRE(Put(*node, Fragment(1), TestBytes(kFragmentBytes, 1)).ok());
  files.SetUncached(/*direct=*/true);
  files.TruncateEverywhere(300'000);
  CHECK(absl::IsDataLoss(Get(*node, Fragment(1), 0, kFragmentBytes).status()));
  CHECK(files.direct_reads() == 1);
}

TEST_CASE("a fragment that moved since it was looked up is found where it is now") {
  TestDirectory directory;
  MemoryFileSystem files;
  const std::string bytes = TestBytes(5'000, 1);
  auto index = Index::Open(directory.path() + "/index").value();
  SegmentSet segments;
  auto segment = std::make_shared<Segment>();
  segment->id = 2;
  segment->file = files.Open("2").value();
  const uint32_t begin = DataOffsetOf(5'000);
  REQUIRE(segment->file->WriteAt(begin, {{const_cast<char*>(bytes.data()), bytes.size()}}).ok());
  segments.Add(segment, 6'000);
  const IndexEntry now{{2, 0}, 5'000, false, CrcsOf({Buffer::Copy(bytes)})};
  IndexBatch batch;
  batch.SetFragment(Fragment(1), now);
  REQUIRE(index->Apply(batch).ok());
  const FragmentReader reader(index.get(), &segments, [](const FragmentId&, const Location&) {});

  std::optional<IndexEntry> found = now;
  found->at.segment = 1;  // which is gone
  const auto read = reader.Read(Fragment(1), 0, 5'000, Index::Reach::kDisk, &found);
  CHECK(read.value().view() == bytes);
  CHECK(found->at == now.at);
}

TEST_CASE("a file of the system reads the same past the cache, and says what is cached") {
  char directory[] = "/tmp/openefs-XXXXXX";
  REQUIRE(::mkdtemp(directory) != nullptr);
  const std::string path = std::string(directory) + "/file";
  const std::string bytes = TestBytes(1'000'000, 1);
  AlignedBytes read(1 << 20);
  {
    auto file = PosixFileSystem()->Open(path).value();
    REQUIRE(file->WriteAt(0, {{const_cast<char*>(bytes.data()), bytes.size()}}).ok());
    REQUIRE(file->Sync().ok());
    // Kernels before 6.5 cannot tell.
    const std::optional<uint64_t> cached = file->CachedBytes(0, bytes.size());
    CHECK((!cached || *cached >= bytes.size()));
    const auto check = [&](uint64_t offset, size_t size) {
      const absl::StatusOr<size_t> n = file->ReadDirect(offset, read.data, size);
      if (absl::IsUnimplemented(n.status())) return;  // not on this file system
      const std::string wanted = bytes.substr(offset, size);
      REQUIRE(n.value() == wanted.size());
      CHECK(std::string(read.data, wanted.size()) == wanted);
    };
    check(0, 4'096);
    check(40'960, 409'600);
    check(0, 1 << 20);        // beyond the end
    check(999'424, 1 << 16);  // its last bytes
    file->DropCache();
    check(8'192, 1 << 19);
  }
  CHECK(PosixFileSystem()->Remove(path).ok());
  CHECK(::rmdir(directory) == 0);
}

}  // namespace openefs::datastore
