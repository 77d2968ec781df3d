// One group commit in the making: what is appended, what the index becomes, what each caller is
// told.
#pragma once

#include <sys/uio.h>

#include <cstdint>
#include <deque>
#include <optional>
#include <string>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/status/status.h"
#include "datastore/node/log_writer.h"

namespace openefs::datastore {

class CommitBatch {
 public:
  // Records go to `segment` from `tail` on. `disk_full`: puts are refused.
  CommitBatch(Index* index, SegmentSet* segments, uint64_t segment, uint64_t tail, uint32_t seed,
              bool disk_full);

  // What the caller of `work` is told if the batch becomes durable. INTERNAL: the index cannot be
  // read. The bytes of `work` must live until they are written.
  absl::Status Add(Work& work);

  std::vector<iovec> TakePieces() { return std::move(pieces_); }
  uint64_t bytes() const { return tail_ - begin_; }

  // The index changes, with the position after this batch.
  const IndexBatch& Finish();

  // Once durable: brings the live counts of the segments up to date.
  void Account();

 private:
  absl::Status AddPut(PutWork& put);
  absl::Status AddDelete(DeleteWork& work);
  absl::Status AddMove(MoveWork& move);
  absl::Status AddMoveTombstone(MoveTombstoneWork& move);
  absl::Status AddMarkCorrupt(MarkCorruptWork& mark);

  // The entry as this batch leaves it; none: no such fragment.
  absl::StatusOr<std::optional<IndexEntry>> Current(const FragmentId& id);
  Location AppendPut(const FragmentId& id, const BlockCrcs& crcs, const BufferList& bytes);
  void AppendTombstone(const FragmentId& id, uint64_t killed_segment);
  void SetFragment(const FragmentId& id, IndexEntry entry);
  void EraseFragment(const FragmentId& id, const IndexEntry& entry);
  void Push(const char* data, size_t size) {
    if (size > 0) pieces_.push_back({const_cast<char*>(data), size});
  }

  Index* const index_;
  SegmentSet* const segments_;
  const uint64_t segment_;
  const uint64_t begin_;
  const uint32_t seed_;
  const bool disk_full_;
  uint64_t tail_;
  std::deque<std::string> headers_;  // a deque: pieces_ points into its strings
  std::vector<iovec> pieces_;
  IndexBatch changes_;
  absl::flat_hash_map<FragmentId, std::optional<IndexEntry>> overlay_;
  std::vector<StoredRecord> born_;
  std::vector<StoredRecord> dead_;
};

}  // namespace openefs::datastore
