#include "metadata/state/lock_table.h"

#include <algorithm>

#include "common/check.h"
#include "metadata/state/limits.h"
#include "metadata/store/keys.h"

namespace openefs::metadata {
namespace {

constexpr uint64_t kToEnd = ~uint64_t{0};

bool Overlap(ByteRange a, ByteRange b) { return a.start <= b.end && b.start <= a.end; }

// `left` ends right before `right` begins.
bool Touch(ByteRange left, ByteRange right) {
  return left.end != kToEnd && left.end + 1 == right.start;
}

HeldRange WithRange(const HeldRange& held, uint64_t start, uint64_t end) {
  HeldRange piece = held;
  piece.range = {start, end};
  return piece;
}

// Appends in order of start, growing the last range where the new one continues it.
void AppendMerged(std::vector<HeldRange>* ranges, const HeldRange& next) {
  if (!ranges->empty() && ranges->back().exclusive == next.exclusive &&
      Touch(ranges->back().range, next.range)) {
    ranges->back().range.end = next.range.end;
    return;
  }
  ranges->push_back(next);
}

// What of `own` lies outside `range`.
std::vector<HeldRange> CutOut(const std::vector<HeldRange>& own, ByteRange range) {
  std::vector<HeldRange> kept;
  for (const HeldRange& held : own) {
    if (!Overlap(held.range, range)) {
      kept.push_back(held);
      continue;
    }
    if (held.range.start < range.start) {
      kept.push_back(WithRange(held, held.range.start, range.start - 1));
    }
    if (held.range.end > range.end) {
      kept.push_back(WithRange(held, range.end + 1, held.range.end));
    }
  }
  return kept;
}

std::vector<HeldRange> RangesOfState(const std::vector<HeldRange>& ranges, uint64_t state) {
  std::vector<HeldRange> own;
  std::copy_if(ranges.begin(), ranges.end(), std::back_inserter(own),
               [state](const HeldRange& held) { return held.state == state; });
  return own;
}

std::string KeyOf(const pb::FileRef& file, const HeldRange& held) {
  return keys::LockRange(file.fs_id(), file.inode(), held.range.start, held.state);
}

bool SameRange(const HeldRange& a, const HeldRange& b) {
  return a.range.start == b.range.start && a.range.end == b.range.end && a.exclusive == b.exclusive;
}

void PutRange(Transaction& txn, const HeldState& lock, const HeldRange& held) {
  pb::LockRecord record;
  record.set_end(held.range.end);
  record.set_exclusive(held.exclusive);
  record.set_client_id(lock.record.client_id());
  record.set_owner(lock.record.owner());
  txn.PutRecord(KeyOf(lock.record.file(), held), record);
}

bool Contains(const std::vector<HeldRange>& sorted, const HeldRange& held) {
  auto place = std::lower_bound(
      sorted.begin(), sorted.end(), held.range.start,
      [](const HeldRange& other, uint64_t start) { return other.range.start < start; });
  return place != sorted.end() && SameRange(*place, held);
}

// Turns `before` into `after` in the store, touching only what differs.
void StoreRanges(Transaction& txn, const HeldState& lock, const std::vector<HeldRange>& before,
                 const std::vector<HeldRange>& after) {
  for (const HeldRange& held : before) {
    if (!Contains(after, held)) txn.Delete(KeyOf(lock.record.file(), held));
  }
  for (const HeldRange& held : after) {
    if (!Contains(before, held)) PutRange(txn, lock, held);
  }
}

// Counts the change of a client's ranges. False: it would pass its limit.
bool ChangeUsage(Transaction& txn, uint64_t client_id, size_t before, size_t after) {
  if (before == after) return true;
  pb::ClientUsageRecord usage;
  OPENEFS_CHECK(txn.GetRecord(keys::ClientUsage(client_id), &usage));
  OPENEFS_CHECK(usage.lock_ranges() >= before);
  const size_t total = usage.lock_ranges() - before + after;
  if (after > before && total > kMaxLockRangesPerClient) return false;
  usage.set_lock_ranges(static_cast<uint32_t>(total));
  txn.PutRecord(keys::ClientUsage(client_id), usage);
  return true;
}

}  // namespace

pb::FsError MakeByteRange(const pb::LockRange& range, ByteRange* result) {
  if (range.length() == 0) return pb::FS_INVAL;
  if (range.length() == kToEnd) {
    *result = {range.offset(), kToEnd};
    return pb::FS_OK;
  }
  if (range.length() - 1 > kToEnd - range.offset()) return pb::FS_INVAL;
  *result = {range.offset(), range.offset() + (range.length() - 1)};
  return pb::FS_OK;
}

pb::LockRange ToLockRange(ByteRange range) {
  pb::LockRange result;
  result.set_offset(range.start);
  result.set_length(range.end == kToEnd ? kToEnd : range.end - range.start + 1);
  return result;
}

std::vector<HeldRange> RangesOfFile(const Transaction& txn, const pb::FileRef& file) {
  std::vector<HeldRange> ranges;
  const std::string prefix = keys::LocksOfFile(file.fs_id(), file.inode());
  for (auto it = txn.Scan(prefix, PrefixEnd(prefix)); it->Valid(); it->Next()) {
    absl::string_view key = it->Key();
    key.remove_prefix(prefix.size());
    KeyReader reader(key);
    pb::LockRecord record;
    if (!record.ParseFromArray(it->Value().data(), static_cast<int>(it->Value().size()))) {
      CorruptRecord(it->Key());
    }
    HeldRange held;
    held.range = {reader.U64(), record.end()};
    held.exclusive = record.exclusive();
    held.client_id = record.client_id();
    held.owner = record.owner();
    held.state = reader.U64();
    ranges.push_back(std::move(held));
  }
  return ranges;
}

const HeldRange* FindConflict(const std::vector<HeldRange>& ranges, ByteRange range, bool exclusive,
                              uint64_t client_id, const std::string& owner) {
  for (const HeldRange& held : ranges) {
    if (!Overlap(held.range, range) || !(exclusive || held.exclusive)) continue;
    if (held.client_id != client_id || held.owner != owner) return &held;
  }
  return nullptr;
}

void DescribeConflict(const HeldRange& held, pb::LockConflict* conflict) {
  *conflict->mutable_range() = ToLockRange(held.range);
  conflict->set_exclusive(held.exclusive);
  conflict->mutable_owner()->set_client_id(held.client_id);
  conflict->mutable_owner()->set_owner(held.owner);
}

std::vector<HeldRange> ReplaceRange(const std::vector<HeldRange>& own, ByteRange range,
                                    std::optional<bool> exclusive) {
  std::vector<HeldRange> pieces = CutOut(own, range);
  if (exclusive.has_value()) {
    HeldRange taken;
    taken.range = range;
    taken.exclusive = *exclusive;
    auto place = std::find_if(pieces.begin(), pieces.end(), [&](const HeldRange& held) {
      return held.range.start > range.start;
    });
    pieces.insert(place, taken);
  }
  std::vector<HeldRange> merged;
  for (const HeldRange& piece : pieces) AppendMerged(&merged, piece);
  return merged;
}

pb::FsError ApplyRange(Transaction& txn, const std::vector<HeldRange>& ranges, ByteRange range,
                       std::optional<bool> exclusive, HeldState* lock) {
  const std::vector<HeldRange> before = RangesOfState(ranges, lock->id);
  std::vector<HeldRange> after = ReplaceRange(before, range, exclusive);
  for (HeldRange& held : after) held.state = lock->id;
  const size_t in_file = ranges.size() - before.size() + after.size();
  if (after.size() > before.size() && in_file > kMaxLockRangesPerFile) return pb::FS_DQUOT;
  if (!ChangeUsage(txn, lock->record.client_id(), before.size(), after.size())) {
    return pb::FS_DQUOT;
  }
  StoreRanges(txn, *lock, before, after);
  lock->record.set_lock_count(static_cast<uint32_t>(after.size()));
  return pb::FS_OK;
}

void RemoveAllRanges(Transaction& txn, const HeldState& lock) {
  if (lock.record.lock_count() == 0) return;
  const std::vector<HeldRange> own = RangesOfState(RangesOfFile(txn, lock.record.file()), lock.id);
  OPENEFS_CHECK(own.size() == lock.record.lock_count());
  for (const HeldRange& held : own) txn.Delete(KeyOf(lock.record.file(), held));
  OPENEFS_CHECK(ChangeUsage(txn, lock.record.client_id(), own.size(), 0));
}

}  // namespace openefs::metadata
