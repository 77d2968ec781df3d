// Byte-range locks of files with POSIX semantics: the ranges of one lock state never overlap or
// touch with the same type; taking a range replaces what the state held there (fcntl(2)).
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "metadata/ops/operation.h"
#include "metadata/state/state_table.h"

namespace openefs::metadata {

struct ByteRange {
  uint64_t start = 0;
  uint64_t end = 0;  // inclusive; all ones: to the end of the file, however it grows
};

// FS_INVAL: length 0, or past 2^64 - 1 (RFC 8881 18.10.3).
pb::FsError MakeByteRange(const pb::LockRange& range, ByteRange* result);
pb::LockRange ToLockRange(ByteRange range);

// One range as it stands in the table.
struct HeldRange {
  ByteRange range;
  bool exclusive = false;
  uint64_t client_id = 0;
  std::string owner;
  uint64_t state = 0;  // of the lock state
};

// All ranges of a file by start; at most kMaxLockRangesPerFile and a few that a split adds.
std::vector<HeldRange> RangesOfFile(const Transaction& txn, const pb::FileRef& file);

// The first range that overlaps, belongs to another owner and excludes the request.
const HeldRange* FindConflict(const std::vector<HeldRange>& ranges, ByteRange range, bool exclusive,
                              uint64_t client_id, const std::string& owner);

// For the answer of LOCK and LOCKT.
void DescribeConflict(const HeldRange& held, pb::LockConflict* conflict);

// What a state holds after `exclusive`, or nothing where it is unset, took the place of all it
// held within `range`: split, cut and merged. `own` are its ranges by start; pure.
std::vector<HeldRange> ReplaceRange(const std::vector<HeldRange>& own, ByteRange range,
                                    std::optional<bool> exclusive);

// Sets (or, unset, clears) `range` of `lock`, a state whose file holds `ranges`, and updates its
// lock_count, but does not write the state back. FS_DQUOT: kMaxLockRangesPerFile or
// kMaxLockRangesPerClient would be passed; nothing has changed then.
pb::FsError ApplyRange(Transaction& txn, const std::vector<HeldRange>& ranges, ByteRange range,
                       std::optional<bool> exclusive, HeldState* lock);

// Gives back every range of a lock state.
void RemoveAllRanges(Transaction& txn, const HeldState& lock);

}  // namespace openefs::metadata
