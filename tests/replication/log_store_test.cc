// The shared log on disk: what was acknowledged comes back, whatever a crash did to the rest.
#include "replication/log/log_store.h"

#include <unistd.h>

#include <catch2/catch.hpp>
#include <filesystem>
#include <fstream>

namespace openefs::replication {
namespace {

namespace fs = std::filesystem;

// In memory where that is possible: crashes are made here by copying and damaging files, so that
// thousands of real syncs would only cost time.
class TempDir {
 public:
  TempDir() {
    const fs::path memory = "/dev/shm";
    const bool usable = ::access(memory.c_str(), W_OK) == 0;
    const fs::path base = usable ? memory : fs::temp_directory_path();
    std::string pattern = (base / "openefs-log-XXXXXX").string();
    path_ = mkdtemp(pattern.data());
  }
  ~TempDir() { fs::remove_all(path_); }
  std::string path(const std::string& name) const { return path_ + "/" + name; }

 private:
  std::string path_;
};

LogStoreOptions Options(const std::string& directory) {
  LogStoreOptions options;
  options.directory = directory;
  options.node_id = 1;
  options.cluster_id = "cluster";
  options.zero_ahead_bytes = 0;  // so that files end with their last frame
  return options;
}

std::unique_ptr<LogStore> MustOpen(LogStoreOptions options) {
  auto store = LogStore::Open(std::move(options));
  INFO(store.status());
  REQUIRE(store.ok());
  return *std::move(store);
}

std::string Data(uint64_t index, uint64_t term) {
  return "entry " + std::to_string(index) + " of term " + std::to_string(term);
}

GroupWrite Entries(GroupId group, uint64_t first, uint64_t last, uint64_t term) {
  GroupWrite write;
  write.group = group;
  for (uint64_t i = first; i <= last; ++i) {
    write.entries.push_back(
        {i, term, raft::EntryKind::kNormal, std::make_shared<const std::string>(Data(i, term))});
  }
  return write;
}

absl::Status WriteOne(LogStore& store, const GroupWrite& write) { return store.Write({&write, 1}); }

// The entries of a group as "index:term" words; their data is checked.
std::string Dump(const LogStore& store, GroupId group) {
  const auto log = store.Load(group, 0);
  REQUIRE(log.ok());
  std::string dump;
  for (const raft::Entry& entry : log->contents.recent) {
    if (entry.data != nullptr) CHECK(*entry.data == Data(entry.index, entry.term));
    if (!dump.empty()) dump += ' ';
    dump += std::to_string(entry.index) + ':' + std::to_string(entry.term);
  }
  CHECK(log->contents.last_index + 1 == log->contents.first_index + log->contents.recent.size());
  return dump;
}

std::vector<std::string> SegmentFiles(const std::string& directory) {
  std::vector<std::string> files;
  for (const auto& entry : fs::directory_iterator(directory)) {
    if (entry.path().extension() == ".log") files.push_back(entry.path().string());
  }
  std::sort(files.begin(), files.end());
  return files;
}

std::string ReadFile(const std::string& path) {
  std::ifstream in(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), {}};
}

void WriteFile(const std::string& path, const std::string& bytes) {
  std::ofstream(path, std::ios::binary | std::ios::trunc) << bytes;
}

TEST_CASE("what was written is there after reopening, for every group") {
  TempDir dir;
  {
    auto store = MustOpen(Options(dir.path("log")));
    GroupWrite first = Entries(1, 1, 3, 1);
    first.first_configuration = raft::Configuration{{1, 2, 3}, {}, {}};
    first.hard_state = raft::HardState{1, 2, 0};
    const GroupWrite batch[] = {first, Entries(7, 1, 2, 4)};
    REQUIRE(store->Write(batch).ok());
    REQUIRE(WriteOne(*store, Entries(1, 4, 4, 2)).ok());
  }
  for (int reopen = 0; reopen < 3; ++reopen) {
    auto store = MustOpen(Options(dir.path("log")));
    CHECK(Dump(*store, 1) == "1:1 2:1 3:1 4:2");
    CHECK(Dump(*store, 7) == "1:4 2:4");
    const auto log = store->Load(1, 4);
    CHECK(log->configuration == raft::Configuration{{1, 2, 3}, {}, {}});
    CHECK(log->hard_state == raft::HardState{1, 2, 0});
    CHECK(log->contents.recent.size() == 1);
    CHECK(store->Load(9, 0)->configuration.voters.empty());
  }
}

TEST_CASE("zeros that were written ahead are no damage, in any segment") {
  TempDir dir;
  LogStoreOptions options = Options(dir.path("log"));
  options.zero_ahead_bytes = 4096;
  options.segment_bytes = 16384;
  std::string expected;
  for (int reopen = 0; reopen < 3; ++reopen) {
    auto store = MustOpen(options);
    CHECK(Dump(*store, 1) == expected);
    const uint64_t last = store->Load(1, 0)->contents.last_index;
    for (uint64_t i = last + 1; i <= last + 200; ++i) {
      REQUIRE(WriteOne(*store, Entries(1, i, i, 1)).ok());
    }
    expected = Dump(*store, 1);
    CHECK(store->SegmentCount() > 1);
    // As after a crash: the last segment keeps its zeros, and one in the middle may.
    const std::string file = SegmentFiles(dir.path("log")).back();
    CHECK(fs::file_size(file) > 4096 + 4096);
  }
}

TEST_CASE("an entry takes the place of one at its index and of all after it") {
  TempDir dir;
  {
    auto store = MustOpen(Options(dir.path("log")));
    REQUIRE(WriteOne(*store, Entries(1, 1, 5, 1)).ok());
    REQUIRE(WriteOne(*store, Entries(1, 3, 3, 2)).ok());
    CHECK(Dump(*store, 1) == "1:1 2:1 3:2");
    REQUIRE(WriteOne(*store, Entries(1, 1, 1, 3)).ok());
    CHECK(Dump(*store, 1) == "1:3");
  }
  CHECK(Dump(*MustOpen(Options(dir.path("log"))), 1) == "1:3");
}

TEST_CASE("a write torn at any byte is cut, and all before it is kept") {
  TempDir dir;
  std::string whole;
  std::string file;
  size_t before = 0;
  {
    auto store = MustOpen(Options(dir.path("log")));
    REQUIRE(WriteOne(*store, Entries(1, 1, 2, 1)).ok());
    file = SegmentFiles(dir.path("log")).back();
    before = fs::file_size(file);
    REQUIRE(WriteOne(*store, Entries(1, 3, 4, 1)).ok());
    whole = ReadFile(file);
  }
  for (size_t at = 2 * before; at < 2 * whole.size(); ++at) {
    const size_t size = at / 2;
    const bool zeros = at % 2 == 1;  // the rest of the file is there, but was never written
    INFO("torn at byte " << size << (zeros ? ", zeros behind it" : ""));
    const std::string copy = dir.path("copy");
    fs::remove_all(copy);
    fs::copy(dir.path("log"), copy);
    const std::string copied = copy + "/" + fs::path(file).filename().string();
    WriteFile(copied, whole.substr(0, size) + std::string(zeros ? whole.size() - size : 0, '\0'));
    auto store = MustOpen(Options(copy));
    const bool padding_only = Dump(*store, 1) == "1:1 2:1 3:1 4:1";
    if (!padding_only) CHECK(Dump(*store, 1) == "1:1 2:1");
    // Only the zeros that pad the frame may be missing without harm.
    if (padding_only) CHECK(whole.substr(size).find_first_not_of('\0') == std::string::npos);
    REQUIRE(WriteOne(*store, Entries(1, 3, 3, 2)).ok());
    store.reset();
    CHECK(Dump(*MustOpen(Options(copy)), 1) == "1:1 2:1 3:2");
  }
}

TEST_CASE("a flipped bit before acknowledged data is refused, wherever it is") {
  TempDir dir;
  std::string file;
  size_t begin = 0;
  size_t end = 0;
  {
    auto store = MustOpen(Options(dir.path("log")));
    REQUIRE(WriteOne(*store, Entries(1, 1, 2, 1)).ok());
    file = SegmentFiles(dir.path("log")).back();
    begin = fs::file_size(file);
    REQUIRE(WriteOne(*store, Entries(1, 3, 3, 1)).ok());
    end = fs::file_size(file);
    REQUIRE(WriteOne(*store, Entries(1, 4, 4, 1)).ok());
  }
  const std::string whole = ReadFile(file);
  int refused = 0;
  for (size_t at = begin; at < end; ++at) {
    std::string damaged = whole;
    damaged[at] ^= 0x10;
    WriteFile(file, damaged);
    const auto store = LogStore::Open(Options(dir.path("log")));
    if (store.ok()) {
      CHECK(Dump(**store, 1) == "1:1 2:1 3:1 4:1");  // padding, or the reserved word
      store->get();
      for (const std::string& extra : SegmentFiles(dir.path("log"))) {
        if (extra != file) fs::remove(extra);
      }
    } else {
      CHECK(store.status().code() == absl::StatusCode::kDataLoss);
      CHECK(store.status().message().find('\n') == absl::string_view::npos);
      ++refused;
    }
  }
  CHECK(refused > 40);
}

TEST_CASE("damage in a segment that is not the last is refused, also at its end") {
  TempDir dir;
  LogStoreOptions options = Options(dir.path("log"));
  options.segment_bytes = 4096 + 300;
  {
    auto store = MustOpen(options);
    for (uint64_t i = 1; i <= 20; ++i) REQUIRE(WriteOne(*store, Entries(1, i, i, 1)).ok());
  }
  const auto files = SegmentFiles(dir.path("log"));
  REQUIRE(files.size() > 2);
  SECTION("cut") { fs::resize_file(files[1], fs::file_size(files[1]) - 8); }
  SECTION("cut at a frame") { fs::resize_file(files[1], kSegmentHeaderBytes); }
  SECTION("gone") { fs::remove(files[1]); }
  SECTION("header") {
    std::string bytes = ReadFile(files[1]);
    bytes[9] ^= 1;
    WriteFile(files[1], bytes);
  }
  SECTION("the first is gone") { fs::remove(files[0]); }
  CHECK(LogStore::Open(options).status().code() == absl::StatusCode::kDataLoss);
}

TEST_CASE("the front is cut by whole segments and votes are carried forward") {
  TempDir dir;
  LogStoreOptions options = Options(dir.path("log"));
  options.segment_bytes = 8192;
  {
    auto store = MustOpen(options);
    GroupWrite vote;
    vote.group = 2;
    vote.first_configuration = raft::Configuration{{1, 2, 3}, {}, {}};
    vote.hard_state = raft::HardState{9, 3, 0};
    REQUIRE(WriteOne(*store, vote).ok());
    for (uint64_t i = 1; i <= 400; ++i) REQUIRE(WriteOne(*store, Entries(1, i, i, 1)).ok());
    const size_t segments = store->SegmentCount();
    CHECK(segments > 4);
    CHECK(store->PinningGroups() == std::vector<GroupId>{1});
    GroupWrite cut;
    cut.group = 1;
    cut.truncate_to = 390;
    cut.previous_term = 1;
    REQUIRE(WriteOne(*store, cut).ok());
    CHECK(store->SegmentCount() < segments);
    CHECK(store->SegmentCount() == SegmentFiles(dir.path("log")).size());
    CHECK(store->Read(1, 389, 10, 1000).status().code() == absl::StatusCode::kNotFound);
  }
  for (int reopen = 0; reopen < 2; ++reopen) {
    auto store = MustOpen(options);
    CHECK(store->Load(2, 0)->hard_state == raft::HardState{9, 3, 0});
    CHECK(store->Load(2, 0)->configuration == raft::Configuration{{1, 2, 3}, {}, {}});
    const auto log = store->Load(1, 400);
    CHECK(log->contents.first_index == 390);
    CHECK(log->contents.previous_term == 1);
    CHECK(log->contents.last_index == 400);
    const auto entries = store->Read(1, 390, 100, 1 << 20);
    REQUIRE(entries.ok());
    CHECK(entries->size() == 11);
  }
}

GroupWrite ConfigurationEntry(GroupId group, uint64_t index, uint64_t term,
                              const raft::Configuration& configuration) {
  GroupWrite write;
  write.group = group;
  write.entries.push_back(
      {index, term, raft::EntryKind::kConfiguration,
       std::make_shared<const std::string>(raft::EncodeConfiguration(configuration))});
  return write;
}

GroupWrite Cut(GroupId group, uint64_t to, uint64_t previous_term) {
  GroupWrite cut;
  cut.group = group;
  cut.truncate_to = to;
  cut.previous_term = previous_term;
  return cut;
}

TEST_CASE("the front's configuration survives what is cut and overwritten") {
  TempDir dir;
  LogStoreOptions options = Options(dir.path("log"));
  options.segment_bytes = 4096 + 300;
  const raft::Configuration first{{1, 2, 3}, {}, {}};
  const raft::Configuration learner{{1, 2, 3}, {}, {4}};
  const raft::Configuration joint{{1, 2, 4}, {1, 2, 3}, {}};
  const raft::Configuration last{{1, 2, 4}, {}, {}};
  const auto expect = [&](const raft::Configuration& front,
                          const std::map<uint64_t, raft::Configuration>& later) {
    for (int reopen = 0; reopen < 3; ++reopen) {
      const auto log = MustOpen(options)->Load(1, 1000);
      CHECK(log->configuration == front);
      CHECK(log->configurations == later);
    }
  };
  const auto write = [&](const std::vector<GroupWrite>& writes) {
    auto store = MustOpen(options);
    for (const GroupWrite& w : writes) REQUIRE(WriteOne(*store, w).ok());
  };
  GroupWrite begin = Entries(1, 1, 4, 1);
  begin.first_configuration = first;
  write({begin, ConfigurationEntry(1, 5, 1, learner), Entries(1, 6, 9, 1),
         ConfigurationEntry(1, 10, 1, joint), Entries(1, 11, 12, 1)});
  expect(first, {{5, learner}, {10, joint}});
  write({Entries(1, 8, 30, 2)});  // 10 is overwritten
  expect(first, {{5, learner}});
  write({Cut(1, 5, 1)});
  expect(first, {{5, learner}});
  write({ConfigurationEntry(1, 31, 2, last), Cut(1, 20, 2), Entries(1, 32, 60, 2)});
  expect(learner, {{31, last}});
  write({Cut(1, 61, 2)});
  expect(last, {});
  write({Entries(1, 61, 62, 3)});
  expect(last, {});
}

TEST_CASE("a snapshot takes the place of the log") {
  TempDir dir;
  LogStoreOptions options = Options(dir.path("log"));
  options.segment_bytes = 4096 + 300;
  const raft::Configuration first{{1, 2, 3}, {}, {}};
  const raft::Configuration now{{1, 2, 4}, {}, {5}};
  {
    auto store = MustOpen(options);
    GroupWrite begin = Entries(1, 1, 20, 1);
    begin.first_configuration = first;
    REQUIRE(WriteOne(*store, begin).ok());
    for (uint64_t i = 21; i <= 60; ++i) REQUIRE(WriteOne(*store, Entries(1, i, i, 1)).ok());
    REQUIRE(WriteOne(*store, Entries(2, 1, 1, 1)).ok());
    CHECK(store->SegmentCount() > 2);
    GroupWrite reset;
    reset.group = 1;
    reset.reset = raft::SnapshotMeta{50, 4, now};  // 51 to 60 are of another history
    REQUIRE(WriteOne(*store, reset).ok());
    CHECK(store->SegmentCount() <= 2);
    CHECK(store->GroupBytes(1) == 0);
    CHECK(store->Read(1, 50, 1, 1).status().code() == absl::StatusCode::kNotFound);
  }
  for (int reopen = 0; reopen < 3; ++reopen) {
    auto store = MustOpen(options);
    const auto log = store->Load(1, 0);
    CHECK(log->contents.first_index == 51);
    CHECK(log->contents.previous_term == 4);
    CHECK(log->contents.last_index == 50);
    CHECK(log->contents.terms.empty());
    CHECK(log->configuration == now);
    CHECK(log->configurations.empty());
    CHECK(Dump(*store, 2) == "1:1");
  }
  auto store = MustOpen(options);
  REQUIRE(WriteOne(*store, Entries(1, 51, 53, 4)).ok());
  store.reset();
  store = MustOpen(options);
  CHECK(Dump(*store, 1) == "51:4 52:4 53:4");
  GroupWrite again;  // as after a crash: the same once more, and what came later is gone
  again.group = 1;
  again.reset = raft::SnapshotMeta{50, 4, now};
  REQUIRE(WriteOne(*store, again).ok());
  CHECK(Dump(*store, 1).empty());
}

TEST_CASE("the log knows its bytes by group, and where to cut it by size") {
  TempDir dir;
  LogStoreOptions options = Options(dir.path("log"));
  options.segment_bytes = 8192;
  auto store = MustOpen(options);
  REQUIRE(WriteOne(*store, Entries(2, 1, 1, 1)).ok());
  for (uint64_t i = 1; i <= 200; ++i) REQUIRE(WriteOne(*store, Entries(1, i, i, 1)).ok());
  const uint64_t all = store->GroupBytes(1);
  CHECK(all > 200 * 20);
  CHECK(store->IndexKeeping(1, all) == 1);
  CHECK(store->IndexKeeping(1, 0) == 201);
  CHECK(store->IndexKeeping(9, 0) == 1);
  const uint64_t half = store->IndexKeeping(1, all / 2);
  CHECK((half > 90 && half < 110));
  CHECK(store->LastIndexInOldest(2) == 1);
  CHECK(store->LastIndexInOldest(1) > 1);
  REQUIRE(WriteOne(*store, Cut(1, half, 1)).ok());
  CHECK(store->GroupBytes(1) <= all / 2);
  CHECK(store->LastIndexInOldest(1) == 0);  // the other group alone keeps it
  const uint64_t bytes = store->GroupBytes(1);
  REQUIRE(WriteOne(*store, Entries(1, 150, 150, 2)).ok());
  CHECK(store->GroupBytes(1) < bytes);
  const uint64_t left = store->GroupBytes(1);
  store.reset();
  CHECK(MustOpen(options)->GroupBytes(1) == left);
}

TEST_CASE("reads obey their limits and give at least one entry") {
  TempDir dir;
  auto store = MustOpen(Options(dir.path("log")));
  REQUIRE(WriteOne(*store, Entries(1, 1, 9, 1)).ok());
  CHECK(store->Read(1, 2, 3, 1 << 20)->size() == 3);
  CHECK(store->Read(1, 2, 100, 1)->size() == 1);
  CHECK(store->Read(1, 2, 100, 1 << 20)->size() == 8);
}

TEST_CASE("after a failed write or sync nothing is acknowledged any more") {
  TempDir dir;
  LogIo broken = LogIo::kSync;
  SECTION("sync") { broken = LogIo::kSync; }
  SECTION("write") { broken = LogIo::kWrite; }
  bool fail = false;
  LogStoreOptions options = Options(dir.path("log"));
  options.fault = [&](LogIo io) {
    return fail && io == broken ? absl::DataLossError("Input/output error") : absl::OkStatus();
  };
  {
    auto store = MustOpen(options);
    REQUIRE(WriteOne(*store, Entries(1, 1, 1, 1)).ok());
    fail = true;
    CHECK(!WriteOne(*store, Entries(1, 2, 2, 1)).ok());
    fail = false;  // the kernel may well report success next time
    CHECK(!WriteOne(*store, Entries(1, 3, 3, 1)).ok());
  }
  auto store = MustOpen(options);
  const std::string dump = Dump(*store, 1);
  CHECK((dump == "1:1" || dump == "1:1 2:1"));
}

// Every point at which a crash can fall between two changes of the disk: a copy of the directory is
// taken there, opened, and must hold all that was acknowledged until then.
TEST_CASE("a crash between any two writes loses nothing acknowledged") {
  TempDir dir;
  LogStoreOptions options = Options(dir.path("log"));
  options.segment_bytes = 4096 + 300;
  std::vector<std::string> acknowledged = {""};
  std::vector<size_t> acknowledged_at;  // by crash point
  int points = 0;
  options.fault = [&](LogIo) {
    fs::copy(dir.path("log"), dir.path("crash" + std::to_string(points++)),
             fs::copy_options::recursive);
    acknowledged_at.push_back(acknowledged.size() - 1);
    return absl::OkStatus();
  };
  {
    auto store = MustOpen(options);
    const auto step = [&](const GroupWrite& write) {
      REQUIRE(WriteOne(*store, write).ok());
      acknowledged.push_back(Dump(*store, 1));
    };
    for (uint64_t i = 1; i <= 12; ++i) step(Entries(1, i, i, 1));
    step(Entries(1, 8, 9, 2));
    GroupWrite cut;
    cut.group = 1;
    cut.truncate_to = 7;
    cut.previous_term = 1;
    step(cut);
    for (uint64_t i = 10; i <= 14; ++i) step(Entries(1, i, i, 2));
    cut.truncate_to = 13;
    cut.previous_term = 2;
    step(cut);
  }
  REQUIRE(points > 40);
  for (int point = 0; point < points; ++point) {
    INFO("crash point " << point);
    const std::string crashed = dir.path("crash" + std::to_string(point));
    const std::string dump = Dump(*MustOpen(Options(crashed)), 1);
    const size_t at = acknowledged_at[point];
    const bool whole = dump == acknowledged[at];
    const bool next = at + 1 < acknowledged.size() && dump == acknowledged[at + 1];
    CHECK((whole || next));
    fs::remove_all(crashed);
  }
}

TEST_CASE("a log of another node or in use is refused") {
  TempDir dir;
  auto store = MustOpen(Options(dir.path("log")));
  CHECK(LogStore::Open(Options(dir.path("log"))).status().code() ==
        absl::StatusCode::kAlreadyExists);
  store.reset();
  LogStoreOptions other = Options(dir.path("log"));
  other.node_id = 2;
  CHECK(LogStore::Open(other).status().code() == absl::StatusCode::kFailedPrecondition);
}

}  // namespace
}  // namespace openefs::replication
