// Every point of every short history at which a crash can fall: workloads of up to three operations
// on a log of small segments, stopped before each system call that changes the disk, with what was
// written and not synced there whole, in part, or not at all. What comes back must be the state
// before the operation or after it; what was acknowledged must be there.
#include <unistd.h>

#include <catch2/catch.hpp>
#include <filesystem>
#include <fstream>

#include "common/log.h"
#include "replication/log/log_store.h"

namespace openefs::replication {
namespace {

namespace fs = std::filesystem;

// In memory where that is possible: nothing here depends on real syncs.
fs::path ScratchBase() {
  const bool usable = ::access("/dev/shm", W_OK) == 0;
  return usable ? fs::path("/dev/shm") : fs::temp_directory_path();
}

// What a log should hold, as a text: hard state, front, configurations and entries of a group.
struct Model {
  raft::HardState hard_state;
  uint64_t front = 0;
  uint64_t front_term = 0;
  raft::Configuration configuration;
  std::vector<raft::Entry> entries;

  uint64_t last() const { return front + entries.size(); }
  uint64_t last_term() const { return entries.empty() ? front_term : entries.back().term; }
};

std::string Describe(const Model& model) {
  std::string text = std::to_string(model.hard_state.term) + "/" +
                     std::to_string(model.hard_state.voted_for) + " front " +
                     std::to_string(model.front) + ":" + std::to_string(model.front_term) + " (" +
                     raft::ToString(model.configuration) + ")";
  for (const raft::Entry& entry : model.entries) {
    text += " " + std::to_string(entry.index) + ":" + std::to_string(entry.term);
    if (entry.kind != raft::EntryKind::kConfiguration) continue;
    text += "(" + raft::ToString(*raft::DecodeConfiguration(*entry.data)) + ")";
  }
  return text;
}

std::string Describe(const LogStore& store, GroupId group) {
  const auto log = store.Load(group, 0);
  if (!log.ok()) return std::string(log.status().message());
  Model model{log->hard_state, log->contents.first_index - 1, log->contents.previous_term,
              log->configuration, log->contents.recent};
  std::map<uint64_t, raft::Configuration> configurations;
  for (const raft::Entry& entry : model.entries) {
    if (entry.kind != raft::EntryKind::kConfiguration) continue;
    configurations[entry.index] = *raft::DecodeConfiguration(*entry.data);
  }
  const bool consistent =
      configurations == log->configurations && model.last() == log->contents.last_index;
  return Describe(model) + (consistent ? "" : " INCONSISTENT");
}

constexpr GroupId kGroups[] = {1, 2};

enum class Op { kAppend, kOverwrite, kTruncate, kReset, kVote, kConfiguration };
constexpr Op kOps[] = {Op::kAppend, Op::kOverwrite, Op::kTruncate,
                       Op::kReset,  Op::kVote,      Op::kConfiguration};

using Models = std::map<GroupId, Model>;

raft::Entry MakeEntry(uint64_t index, uint64_t term) {
  return {index, term, raft::EntryKind::kNormal,
          std::make_shared<const std::string>(std::string(60, 'e'))};
}

void Append(Model& model, GroupWrite& write, raft::Entry entry) {
  write.entries.push_back(entry);
  model.entries.resize(entry.index - model.front - 1);
  model.entries.push_back(std::move(entry));
}

// What an operation does to the model, and the write that stands for it.
GroupWrite Carry(Op op, GroupId group, Model& model) {
  GroupWrite write;
  write.group = group;
  const uint64_t last = model.last();
  const uint64_t term = std::max<uint64_t>(model.last_term(), 1);
  switch (op) {
    case Op::kAppend:
      for (uint64_t i = 1; i <= 3; ++i) Append(model, write, MakeEntry(last + i, term));
      break;
    case Op::kOverwrite:
      Append(model, write, MakeEntry(model.front + 1 + model.entries.size() / 2, term + 1));
      write.hard_state = model.hard_state = {term + 1, 0, 0};
      break;
    case Op::kTruncate: {
      const uint64_t to = model.front + 1 + (model.entries.size() + 1) / 2;
      write.truncate_to = to;
      write.previous_term =
          to == model.front + 1 ? model.front_term : model.entries[to - model.front - 2].term;
      while (model.front + 1 < to) {
        const raft::Entry& entry = model.entries.front();
        if (entry.kind == raft::EntryKind::kConfiguration) {
          model.configuration = *raft::DecodeConfiguration(*entry.data);
        }
        model.front_term = entry.term;
        ++model.front;
        model.entries.erase(model.entries.begin());
      }
      break;
    }
    case Op::kReset:
      write.reset = raft::SnapshotMeta{last + 2, term + 1, {{1, 2, 5}, {}, {}}};
      write.hard_state = model.hard_state = {term + 1, 0, last + 2};
      model = {*write.hard_state, last + 2, term + 1, write.reset->configuration, {}};
      break;
    case Op::kVote:
      write.hard_state = model.hard_state = {model.hard_state.term + 1, 3, 0};
      break;
    case Op::kConfiguration: {
      raft::Entry entry{last + 1, term, raft::EntryKind::kConfiguration, nullptr};
      const raft::Configuration joint{{1, 2, 4}, {1, 2, 3}, {}};
      entry.data = std::make_shared<const std::string>(raft::EncodeConfiguration(joint));
      Append(model, write, std::move(entry));
      break;
    }
  }
  return write;
}

// How much of a write that was not synced the disk has after the crash.
enum class Unsynced { kAll, kHalf, kSecondHalf, kNone };

class CrashExplorer {
 public:
  CrashExplorer() {
    std::string pattern = (ScratchBase() / "openefs-crash-XXXXXX").string();
    base_ = mkdtemp(pattern.data());
  }
  ~CrashExplorer() { fs::remove_all(base_); }

  void Run() {
    Models models;
    {
      auto store = Open(Path("0"), nullptr);
      for (const GroupId group : kGroups) {
        GroupWrite write = Carry(Op::kAppend, group, models[group]);
        write.first_configuration = models[group].configuration = {{1, 2, 3}, {}, {}};
        REQUIRE(store->Write({&write, 1}).ok());
      }
    }
    Explore(0, models, Op::kAppend);
  }
  int crashes() const { return crashes_; }
  int switched() const { return switched_; }

 private:
  static constexpr int kDepth = 3;

  std::string Path(const std::string& name) const { return base_ + "/" + name; }

  std::unique_ptr<LogStore> Open(const std::string& directory, LogFaultHook fault) {
    LogStoreOptions options;
    options.directory = directory;
    options.node_id = 1;
    options.cluster_id = "cluster";
    options.zero_ahead_bytes = 0;
    options.segment_bytes = 4096 + 500;
    options.fault = std::move(fault);
    auto store = LogStore::Open(std::move(options));
    INFO(store.status());
    if (!store.ok()) return nullptr;
    return *std::move(store);
  }

  void CopyTo(const std::string& from, const std::string& to) {
    fs::remove_all(to);
    fs::copy(from, to);
  }

  // From the log in directory `depth`: every operation, crashed everywhere, then carried out.
  void Explore(int depth, const Models& before, Op previous) {
    if (depth == kDepth) return;
    const std::string from = Path(std::to_string(depth));
    const std::string done = Path(std::to_string(depth + 1));
    for (const Op op : kOps) {
      // Two groups in one write, as in one batch of the node; the other does what came before.
      Models after = before;
      const GroupWrite writes[] = {Carry(op, 1, after[1]), Carry(previous, 2, after[2])};
      CopyTo(from, done);
      int points = 0;
      {
        auto store = Open(done, [&](LogIo) {
          ++points;
          return absl::OkStatus();
        });
        REQUIRE(store->Write(writes).ok());
      }
      for (int point = 0; point < points; ++point) {
        if (!Crash(from, writes, point, Unsynced::kAll, before, after)) continue;
        constexpr Unsynced kLess[] = {Unsynced::kHalf, Unsynced::kSecondHalf, Unsynced::kNone};
        Crash(from, writes, point, kLess[crashes_ % 3], before, after);
      }
      Check(done, after, after);
      Explore(depth + 1, after, op);
    }
  }

  // False if the crash point is not one at which something is written and not synced, so that the
  // other ways to lose it need not be tried.
  bool Crash(const std::string& from, absl::Span<const GroupWrite> writes, int point, Unsynced left,
             const Models& before, const Models& after) {
    const std::string crashed = Path("crashed");
    CopyTo(from, crashed);
    int calls = 0;
    bool at_sync = false;
    std::map<std::string, size_t> sizes;  // before the write that was not synced
    const auto fault = [&](LogIo io) -> absl::Status {
      at_sync = io == LogIo::kSync;
      if (calls++ >= point) return absl::DataLossError("the power is gone");
      if (io == LogIo::kWrite) sizes = Sizes(crashed);
      return absl::OkStatus();
    };
    bool acknowledged = false;
    if (auto store = Open(crashed, fault)) acknowledged = store->Write(writes).ok();
    if (at_sync) Lose(crashed, sizes, left);
    ++crashes_;
    // The machine may crash again while it recovers.
    int budget = crashes_ % 4;
    Open(crashed,
         [&](LogIo) { return --budget < 0 ? absl::DataLossError("and again") : absl::OkStatus(); });
    Check(crashed, acknowledged ? after : before, after);
    return at_sync;
  }

  static std::map<std::string, size_t> Sizes(const std::string& directory) {
    std::map<std::string, size_t> sizes;
    for (const auto& entry : fs::directory_iterator(directory)) {
      if (entry.path().extension() == ".log") sizes[entry.path().string()] = entry.file_size();
    }
    return sizes;
  }

  // Takes away a part of what the files have grown by.
  static void Lose(const std::string& directory, const std::map<std::string, size_t>& sizes,
                   Unsynced left) {
    for (const auto& [path, size] : Sizes(directory)) {
      const auto known = sizes.find(path);
      const size_t old = known == sizes.end() ? 0 : known->second;
      const size_t grown = size - old;
      if (grown == 0 || left == Unsynced::kAll) continue;
      if (left == Unsynced::kNone) fs::resize_file(path, old);
      if (left == Unsynced::kHalf) fs::resize_file(path, old + grown / 2);
      if (left != Unsynced::kSecondHalf) continue;
      std::fstream file(path, std::ios::in | std::ios::out | std::ios::binary);
      file.seekp(static_cast<std::streamoff>(old));
      file << std::string(grown / 2, '\0');
    }
  }

  // Holds one of the two; can be written to, and holds that too when it is opened again.
  void Check(const std::string& directory, const Models& before, const Models& after) {
    Models found = before;
    {
      auto store = Open(directory, nullptr);
      REQUIRE(store != nullptr);
      for (const GroupId group : kGroups) {
        const std::string state = Describe(*store, group);
        if (state == Describe(after.at(group))) {
          found[group] = after.at(group);
          ++switched_;
        } else if (state != Describe(before.at(group))) {
          FAIL("group " << group << " has " << state << "\nwhere " << Describe(before.at(group))
                        << "\nor    " << Describe(after.at(group)) << "\nwas expected");
        }
      }
      if (directory != Path("crashed")) return;
      GroupWrite more = Carry(Op::kAppend, 1, found[1]);
      REQUIRE(store->Write({&more, 1}).ok());
    }
    auto store = Open(directory, nullptr);
    REQUIRE(store != nullptr);
    for (const GroupId group : kGroups) {
      REQUIRE(Describe(*store, group) == Describe(found[group]));
    }
  }

  std::string base_;
  int crashes_ = 0;
  int switched_ = 0;
};

TEST_CASE("a crash at any point of any short history loses nothing acknowledged") {
  SetLogLevel(LogLevel::kError);  // thousands of torn writes are cut
  CrashExplorer explorer;
  explorer.Run();
  SetLogLevel(LogLevel::kInfo);
  CHECK(explorer.crashes() > 2000);
  CHECK(explorer.switched() > 500);  // both outcomes were met
}

}  // namespace
}  // namespace openefs::replication
