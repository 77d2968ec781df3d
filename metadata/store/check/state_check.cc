#include "metadata/store/check/state_check.h"

#include <map>

#include "absl/container/flat_hash_map.h"
#include "metadata/store/check/row_form.h"

namespace openefs::metadata {
namespace {

struct Range {
  uint64_t start = 0;
  uint64_t end = 0;
  bool exclusive = false;
  uint64_t state = 0;
};

class StateCheck {
 public:
  StateCheck(const KvSnapshot& snapshot, Reporter* reporter)
      : snapshot_(snapshot), reporter_(*reporter) {}

  void Run(const std::vector<FileSystemId>& file_systems) {
    CheckRecords();
    CheckIndices();
    for (const FileSystemId fs : file_systems) {
      CheckOpensOfFiles(fs);
      CheckRanges(fs);
    }
    if (reporter_.ended()) return;
    for (const auto& [state, missing] : ranges_missing_) {
      if (missing != 0) Problem(state, "counts ", missing, " lock ranges that are not there");
    }
    for (const auto& [open, missing] : locks_missing_) {
      if (missing != 0) Problem(open, "counts ", missing, " lock states that are not there");
    }
    CheckUsage();
  }

 private:
  template <typename OnRow>
  void ForEach(FileSystemId fs, KeyTag tag, OnRow row) {
    SoundRows rows(snapshot_, fs, tag);
    for (; rows.Valid() && reporter_.Row(); rows.Next()) row(rows.Key(), rows.Value());
  }
  template <typename... Parts>
  void Problem(uint64_t state, const Parts&... parts) {
    reporter_.Problem("state ", state, ": ", parts...);
  }
  void Expect(uint64_t state, const std::string& key, const char* what) {
    if (!HasKey(snapshot_, key)) Problem(state, "is not in the index by ", what);
  }
  bool Find(uint64_t state, pb::StateRecord* record) const {
    return FindRecord(snapshot_, keys::State(state), record);
  }

  void CheckRecords();
  void CheckRecord(uint64_t id, const pb::StateRecord& record);
  void CheckOpen(uint64_t id, const pb::StateRecord& record);
  void CheckLock(uint64_t id, const pb::StateRecord& record);
  void CheckIndices();
  void CheckOwnerIndex();
  void CheckOpensOfFiles(FileSystemId fs);
  void CheckRanges(FileSystemId fs);
  void CheckRange(FileSystemId fs, InodeId inode, const Range& range, const pb::LockRecord& record);
  void CheckConflicts(FileSystemId fs, InodeId inode, const std::vector<Range>& ranges);
  void CheckUsage();

  const KvSnapshot& snapshot_;
  Reporter& reporter_;
  uint64_t last_id_ = 0;
  absl::flat_hash_map<uint64_t, int64_t> ranges_missing_;  // of lock states
  absl::flat_hash_map<uint64_t, int64_t> locks_missing_;   // of opens
  std::map<uint64_t, pb::ClientUsageRecord> usage_;        // of clients
};

void StateCheck::CheckRecords() {
  ForEach(keys::kClusterWide, KeyTag::kState, [this](KeyReader key, absl::string_view value) {
    ++reporter_.report.states;
    const uint64_t id = last_id_ = key.U64();
    pb::StateRecord record;
    if (ParseRecord(value, &record)) CheckRecord(id, record);
  });
  if (last_id_ != 0 && FindNumber(snapshot_, keys::StateCounter()) <= last_id_) {
    Problem(last_id_, "is not below the counter of state ids");
  }
}

void StateCheck::CheckRecord(uint64_t id, const pb::StateRecord& record) {
  const pb::FileRef& file = record.file();
  const uint64_t client = record.client_id();
  if (!HasKey(snapshot_, keys::Client(client))) Problem(id, "of a client that is not there");
  pb::InodeRecord inode;
  if (!FindRecord(snapshot_, keys::Inode(file.fs_id(), file.inode()), &inode) ||
      inode.generation() != file.generation()) {
    Problem(id, "of a file that is not there");
  }
  Expect(id, keys::StateByClient(client, id), "client");
  const std::string by_owner = keys::StateByOwner(client, static_cast<uint8_t>(record.kind()),
                                                  file.fs_id(), file.inode(), record.owner());
  if (FindNumber(snapshot_, by_owner) != id) Problem(id, "is not in the index by owner");
  pb::ClientUsageRecord& usage = usage_[client];
  usage.set_states(usage.states() + 1);
  if (record.kind() == pb::StateRecord::OPEN) {
    CheckOpen(id, record);
  } else {
    CheckLock(id, record);
    usage.set_lock_ranges(usage.lock_ranges() + record.lock_count());
  }
}

void StateCheck::CheckOpen(uint64_t id, const pb::StateRecord& record) {
  const pb::FileRef& file = record.file();
  Expect(id, keys::StateByFile(file.fs_id(), file.inode(), id), "file");
  if (record.share_deny() != 0) {
    Expect(id, keys::DenyByFile(file.fs_id(), file.inode(), id), "denial");
  }
  if (record.share_access() == 0) Problem(id, "an open of nothing");
  if (record.lock_states() > 0) locks_missing_[id] += record.lock_states();
}

void StateCheck::CheckLock(uint64_t id, const pb::StateRecord& record) {
  ranges_missing_[id] += record.lock_count();
  --locks_missing_[record.open_state()];
  Expect(id, keys::LockStateByOpen(record.open_state(), id), "open");
  pb::StateRecord open;
  if (!Find(record.open_state(), &open) || open.kind() != pb::StateRecord::OPEN ||
      open.client_id() != record.client_id() || open.file().inode() != record.file().inode() ||
      open.file().fs_id() != record.file().fs_id()) {
    Problem(id, "locks without the open that they came from");
  }
}

// Rows that lead to states.
void StateCheck::CheckIndices() {
  ForEach(keys::kClusterWide, KeyTag::kStateByClient, [this](KeyReader key, absl::string_view) {
    const uint64_t client = key.U64();
    const uint64_t id = key.U64();
    pb::StateRecord record;
    if (!Find(id, &record) || record.client_id() != client) {
      Problem(id, "stands under client ", absl::Hex(client), ", and is not there or not its own");
    }
  });
  ForEach(keys::kClusterWide, KeyTag::kLockStateByOpen, [this](KeyReader key, absl::string_view) {
    const uint64_t open = key.U64();
    const uint64_t id = key.U64();
    pb::StateRecord record;
    if (!Find(id, &record) || record.kind() != pb::StateRecord::LOCK ||
        record.open_state() != open) {
      Problem(id, "stands under open ", open, ", and is not there or not from it");
    }
  });
  CheckOwnerIndex();
}

void StateCheck::CheckOwnerIndex() {
  ForEach(keys::kClusterWide, KeyTag::kStateByOwner,
          [this](KeyReader key, absl::string_view value) {
            const uint64_t client = key.U64();
            const uint8_t kind = key.U8();
            const FileSystemId fs = key.U64();
            const InodeId inode = key.U64();
            const uint64_t id = DecodeU64(value);
            pb::StateRecord record;
            if (!Find(id, &record) || record.client_id() != client || record.kind() != kind ||
                record.file().fs_id() != fs || record.file().inode() != inode ||
                absl::string_view(record.owner()) != key.Rest()) {
              Problem(id, "stands under an owner, and is not there or not that owner's");
            }
          });
}

void StateCheck::CheckOpensOfFiles(FileSystemId fs) {
  for (const KeyTag tag : {KeyTag::kStateByFile, KeyTag::kDenyByFile}) {
    ForEach(fs, tag, [&](KeyReader key, absl::string_view) {
      const InodeId inode = key.U64();
      const uint64_t id = key.U64();
      pb::StateRecord record;
      const bool found = Find(id, &record) && record.kind() == pb::StateRecord::OPEN &&
                         record.file().fs_id() == fs && record.file().inode() == inode;
      if (!found || (tag == KeyTag::kDenyByFile && record.share_deny() == 0)) {
        reporter_.FileProblem(fs, inode, "state ", id, " stands there and is not an open of it");
      }
    });
  }
}

void StateCheck::CheckRanges(FileSystemId fs) {
  InodeId file = 0;
  std::vector<Range> ranges;  // of `file`; kMaxLockRangesPerFile bounds them
  ForEach(fs, KeyTag::kLockRange, [&](KeyReader key, absl::string_view value) {
    ++reporter_.report.lock_ranges;
    const InodeId inode = key.U64();
    Range range;
    range.start = key.U64();
    range.state = key.U64();
    pb::LockRecord record;
    if (!ParseRecord(value, &record)) return;
    range.end = record.end();
    range.exclusive = record.exclusive();
    CheckRange(fs, inode, range, record);
    if (inode != file) {
      CheckConflicts(fs, file, ranges);
      ranges.clear();
      file = inode;
    }
    ranges.push_back(range);
  });
  CheckConflicts(fs, file, ranges);
}

void StateCheck::CheckRange(FileSystemId fs, InodeId inode, const Range& range,
                            const pb::LockRecord& record) {
  --ranges_missing_[range.state];
  pb::StateRecord state;
  if (range.end < range.start || !Find(range.state, &state) ||
      state.kind() != pb::StateRecord::LOCK || state.file().fs_id() != fs ||
      state.file().inode() != inode || state.client_id() != record.client_id() ||
      state.owner() != record.owner()) {
    reporter_.FileProblem(fs, inode, "lock range at ", range.start,
                          " does not belong to its state ", range.state);
  }
}

// `ranges` by start: each is looked at with those after it that begin before it ends.
void StateCheck::CheckConflicts(FileSystemId fs, InodeId inode, const std::vector<Range>& ranges) {
  for (size_t i = 0; i < ranges.size(); ++i) {
    for (size_t j = i + 1; j < ranges.size() && ranges[j].start <= ranges[i].end; ++j) {
      const bool same = ranges[i].state == ranges[j].state;
      if (!same && !ranges[i].exclusive && !ranges[j].exclusive) continue;
      reporter_.FileProblem(fs, inode, "lock ranges at ", ranges[i].start, " and ", ranges[j].start,
                            same ? " of one owner overlap" : " conflict");
    }
  }
}

void StateCheck::CheckUsage() {
  ForEach(keys::kClusterWide, KeyTag::kClientUsage, [this](KeyReader key, absl::string_view value) {
    const uint64_t client = key.U64();
    pb::ClientUsageRecord said;
    if (!ParseRecord(value, &said)) return;
    const pb::ClientUsageRecord counted = usage_[client];
    usage_.erase(client);
    if (said.states() == counted.states() && said.lock_ranges() == counted.lock_ranges()) {
      return;
    }
    reporter_.Problem("client ", absl::Hex(client), ": has ", counted.states(), " states and ",
                      counted.lock_ranges(), " lock ranges, usage says ", said.states(), " and ",
                      said.lock_ranges());
  });
  for (const auto& [client, counted] : usage_) {
    reporter_.Problem("client ", absl::Hex(client), ": has states and no usage row");
  }
}

}  // namespace

void CheckStates(const KvSnapshot& snapshot, const std::vector<FileSystemId>& file_systems,
                 Reporter* reporter) {
  StateCheck(snapshot, reporter).Run(file_systems);
}

}  // namespace openefs::metadata
