// Bytes of blobs that were read lately, in memory. A blob never changes, so what is in here is
// never wrong; at worst it is of a blob that nobody refers to any more, and ages out.
#pragma once

#include <cstddef>
#include <cstdint>
#include <list>
#include <memory>
#include <optional>

#include "absl/base/thread_annotations.h"
#include "absl/container/btree_map.h"
#include "common/buffer.h"
#include "common/ids.h"
#include "common/mutex.h"
#include "datastore/client/blob_client.h"
#include "datastore/client/insertion_duel.h"

namespace openefs::datastore {

// What was used last stays, and of what is read in too large a circle as much as goes in
// (insertion_duel.h). Any thread.
class BlobCache {
 public:
  // Never holds more than `capacity_bytes` of memory, counting what pieces of buffers keep alive.
  explicit BlobCache(size_t capacity_bytes)
      : capacity_bytes_(capacity_bytes), duel_(capacity_bytes) {}
  ~BlobCache();

  // [offset, offset + length) of the blob, if one range that was inserted has all of it.
  std::optional<BufferList> Find(const BlobId& blob, uint32_t offset, uint32_t length);

  // `bytes`, verified, are those of the blob from `offset` on. Shares them, unless they are small.
  void Insert(const BlobId& blob, uint32_t offset, const BufferList& bytes);

  // The same for bytes that nobody has asked for yet. They may take a quarter of the cache, the
  // oldest go first; once read they are as others.
  void InsertAhead(const BlobId& blob, uint32_t offset, const BufferList& bytes);

  // Whether these bytes are worth fetching ahead: not if they are there, nor for a while after some
  // had to go before anybody read them, because more is read at once than there is room for.
  bool WantsAhead(const BlobId& blob, uint32_t offset, uint32_t length);

  // As Find, without using it.
  bool Has(const BlobId& blob, uint32_t offset, uint32_t length);

  size_t max_ahead_bytes() const { return capacity_bytes_ / 4; }

  void Erase(const BlobId& blob);

  size_t held_bytes() const;

 private:
  struct Range {
    BufferList bytes;
    uint32_t length = 0;
    size_t held_bytes = 0;
    bool ahead = false;  // in `ahead_`, not in `ages_`
    std::list<RangeKey>::iterator age;
  };
  using Ranges = absl::btree_map<RangeKey, Range>;

  void Insert(const BlobId& blob, uint32_t offset, const BufferList& bytes, bool ahead)
      ABSL_LOCKS_EXCLUDED(mu_);
  std::list<RangeKey>::iterator Place(const RangeKey& key, const Range& range)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  void NoteRead(const RangeKey& key, Range& range) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  void EraseNext() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);

  // The range that has all of these bytes; end(): none.
  Ranges::iterator Covering(const BlobId& blob, uint32_t offset, uint32_t length)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  void EraseWithin(const BlobId& blob, uint32_t offset, uint32_t length)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  Ranges::iterator EraseOne(Ranges::iterator range) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);

  const size_t capacity_bytes_;

  mutable Mutex mu_;
  Ranges ranges_ ABSL_GUARDED_BY(mu_);
  std::list<RangeKey> ages_ ABSL_GUARDED_BY(mu_);  // next to go first
  InsertionDuel duel_ ABSL_GUARDED_BY(mu_);
  std::list<RangeKey> ahead_ ABSL_GUARDED_BY(mu_);  // nobody has read them; oldest first
  size_t ahead_bytes_ ABSL_GUARDED_BY(mu_) = 0;     // of held_bytes_
  int ahead_pause_ ABSL_GUARDED_BY(mu_) = 0;        // ranges that are not wanted ahead
  size_t held_bytes_ ABSL_GUARDED_BY(mu_) = 0;
};

// `client`, whose Reads look into `cache` first. Several clients may share a cache.
std::unique_ptr<BlobClient> MakeCachingBlobClient(std::unique_ptr<BlobClient> client,
                                                  std::shared_ptr<BlobCache> cache);

}  // namespace openefs::datastore
