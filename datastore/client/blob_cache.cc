#include "datastore/client/blob_cache.h"

#include <algorithm>
#include <cstring>
#include <utility>

#include "datastore/client/client_metrics.h"
#include "datastore/codes/stripe.h"

namespace openefs::datastore {
namespace {

// A piece below this is copied, so that it does not keep what it is a slice of: a block of a
// fragment, or what a peer sent together with it. Above it that is little beside the piece itself.
constexpr size_t kCopyBelow = size_t{64} << 10;

// What a slice may keep alive beside its own bytes: a block of the fragment and a page at either
// end.
constexpr size_t kSliceOverhead = size_t{40} << 10;

// Of a range, for the two containers, the pieces' counters and what the duel remembers of it.
constexpr size_t kRangeOverhead = 256 + kDuelEntryBytes;

// Ranges that are not fetched ahead for one that was in vain: few of those that are.
constexpr int kAheadPause = 32;

Buffer Kept(const Buffer& piece) {
  return piece.size() < kCopyBelow ? Buffer::Copy(piece.view()) : piece;
}

size_t HeldBytes(const BufferList& pieces) {
  size_t held = kRangeOverhead;
  for (const Buffer& piece : pieces) {
    held += piece.size() + (piece.size() < kCopyBelow ? 0 : kSliceOverhead);
  }
  return held;
}

}  // namespace

BlobCache::~BlobCache() {
  MutexLock lock(mu_);
  ClientMetrics::Get().cached_bytes.Add(-static_cast<int64_t>(held_bytes_));
}

std::optional<BufferList> BlobCache::Find(const BlobId& blob, uint32_t offset, uint32_t length) {
  MutexLock lock(mu_);
  const auto found = Covering(blob, offset, length);
  if (found == ranges_.end()) return std::nullopt;
  NoteRead(found->first, found->second);
  return SliceList(found->second.bytes, offset - found->first.offset, length);
}

bool BlobCache::WantsAhead(const BlobId& blob, uint32_t offset, uint32_t length) {
  MutexLock lock(mu_);
  if (Covering(blob, offset, length) != ranges_.end()) return false;
  if (ahead_pause_ == 0) return true;
  --ahead_pause_;
  return false;
}

bool BlobCache::Has(const BlobId& blob, uint32_t offset, uint32_t length) {
  MutexLock lock(mu_);
  return Covering(blob, offset, length) != ranges_.end();
}

void BlobCache::NoteRead(const RangeKey& key, Range& range) {
  duel_.OnRead(key, range.held_bytes);
  if (!range.ahead) return ages_.splice(ages_.end(), ages_, range.age);
  range.ahead = false;
  ahead_bytes_ -= range.held_bytes;
  ages_.splice(duel_.KeepNew() ? ages_.end() : ages_.begin(), ahead_, range.age);
}

void BlobCache::Insert(const BlobId& blob, uint32_t offset, const BufferList& bytes) {
  Insert(blob, offset, bytes, false);
}

void BlobCache::InsertAhead(const BlobId& blob, uint32_t offset, const BufferList& bytes) {
  Insert(blob, offset, bytes, true);
}

void BlobCache::Insert(const BlobId& blob, uint32_t offset, const BufferList& bytes, bool ahead) {
  Range range;
  for (const Buffer& piece : bytes) range.bytes.push_back(Kept(piece));
  range.length = static_cast<uint32_t>(TotalBytes(bytes));
  range.held_bytes = HeldBytes(range.bytes);
  range.ahead = ahead;
  if (range.length == 0 || range.held_bytes > (ahead ? max_ahead_bytes() : capacity_bytes_)) return;
  MutexLock lock(mu_);
  if (Covering(blob, offset, range.length) != ranges_.end()) return;  // somebody else was first
  const auto before = static_cast<int64_t>(held_bytes_);
  EraseWithin(blob, offset, range.length);
  while (ahead && ahead_bytes_ + range.held_bytes > max_ahead_bytes()) {
    EraseOne(ranges_.find(ahead_.front()));
    ahead_pause_ = kAheadPause;
  }
  while (held_bytes_ + range.held_bytes > capacity_bytes_) EraseNext();
  const RangeKey key{blob, offset};
  range.age = Place(key, range);
  held_bytes_ += range.held_bytes;
  ranges_.emplace(key, std::move(range));
  ClientMetrics::Get().cached_bytes.Add(static_cast<int64_t>(held_bytes_) - before);
}

std::list<RangeKey>::iterator BlobCache::Place(const RangeKey& key, const Range& range) {
  if (range.ahead) {
    ahead_bytes_ += range.held_bytes;
    return ahead_.insert(ahead_.end(), key);
  }
  duel_.OnRead(key, range.held_bytes);
  return ages_.insert(duel_.KeepNew() ? ages_.end() : ages_.begin(), key);
}

void BlobCache::EraseNext() {
  EraseOne(ranges_.find(ages_.empty() ? ahead_.front() : ages_.front()));
}

void BlobCache::Erase(const BlobId& blob) {
  MutexLock lock(mu_);
  const auto before = static_cast<int64_t>(held_bytes_);
  EraseWithin(blob, 0, UINT32_MAX);
  ClientMetrics::Get().cached_bytes.Add(static_cast<int64_t>(held_bytes_) - before);
}

size_t BlobCache::held_bytes() const {
  MutexLock lock(mu_);
  return held_bytes_;
}

// Ranges may overlap but none is within another, so of those that begin at or before `offset` the
// last one reaches farthest.
BlobCache::Ranges::iterator BlobCache::Covering(const BlobId& blob, uint32_t offset,
                                                uint32_t length) {
  auto found = ranges_.upper_bound(RangeKey{blob, offset});
  if (found == ranges_.begin()) return ranges_.end();
  --found;
  const bool covers =
      found->first.blob == blob &&
      uint64_t{found->first.offset} + found->second.length >= uint64_t{offset} + length;
  return covers ? found : ranges_.end();
}

void BlobCache::EraseWithin(const BlobId& blob, uint32_t offset, uint32_t length) {
  const uint64_t end = uint64_t{offset} + length;
  auto at = ranges_.lower_bound(RangeKey{blob, offset});
  while (at != ranges_.end() && at->first.blob == blob && at->first.offset < end) {
    const bool within = uint64_t{at->first.offset} + at->second.length <= end;
    at = within ? EraseOne(at) : std::next(at);
  }
}

BlobCache::Ranges::iterator BlobCache::EraseOne(Ranges::iterator range) {
  held_bytes_ -= range->second.held_bytes;
  if (range->second.ahead) ahead_bytes_ -= range->second.held_bytes;
  (range->second.ahead ? ahead_ : ages_).erase(range->second.age);
  return ranges_.erase(range);
}

}  // namespace openefs::datastore
