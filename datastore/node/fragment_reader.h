// Reads and checks ranges of fragments.
#pragma once

#include <cstdint>
#include <optional>

#include "absl/functional/any_invocable.h"
#include "absl/status/statusor.h"
#include "common/buffer.h"
#include "common/ids.h"
#include "datastore/node/index.h"
#include "datastore/node/read_history.h"
#include "datastore/node/segment_set.h"

namespace openefs::datastore {

// Any thread.
//
// A large range that is not in the page cache is read past it the first time: files that are read
// through once put nothing out of memory, and cost no copy and no new pages. What is read from the
// disk again while that is remembered goes through the page cache, and stays there.
class FragmentReader {
 public:
  // `on_corrupt` is told of every fragment with a block that does not match.
  using OnCorrupt = absl::AnyInvocable<void(const FragmentId&, const Location&) const>;

  FragmentReader(const Index* index, const SegmentSet* segments, OnCorrupt on_corrupt)
      : index_(index), segments_(segments), on_corrupt_(std::move(on_corrupt)) {}

  // NOT_FOUND; OUT_OF_RANGE: the fragment is shorter; DATA_LOSS: a block of the range is corrupt;
  // INTERNAL: the disk. With kCacheOnly it never waits for a disk: UNAVAILABLE if it would have to.
  // `found`: where an earlier call for the same range has found it, looked up again if it is not
  // there any more; set to where this one did.
  absl::StatusOr<Buffer> Read(const FragmentId& id, uint32_t offset, uint32_t length,
                              Index::Reach reach, std::optional<IndexEntry>* found) const;

  // A whole fragment as it is on the disk, for compaction, with its index entry.
  struct Raw {
    IndexEntry entry;
    Buffer bytes;
    bool matches = false;  // all of its blocks
  };
  // NOT_FOUND: it is not, or no longer, at `at`.
  absl::StatusOr<Raw> ReadRaw(const FragmentId& id, const Location& at) const;

 private:
  absl::StatusOr<Buffer> ReadEntry(const FragmentId& id, const IndexEntry& entry, uint32_t offset,
                                   uint32_t length, Index::Reach reach) const;

  const Index* const index_;
  const SegmentSet* const segments_;
  const OnCorrupt on_corrupt_;
  mutable ReadHistory history_;
};

}  // namespace openefs::datastore
