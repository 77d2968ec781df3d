// Where each fragment is: a RocksDB without a log of its own. It is a view of the segment files:
// every batch carries the log position up to which it holds, and what a crash takes from it is
// replayed from there.
//
//   F blob index          -> location, length, block CRCs, corrupt?   (Find, List)
//   L segment offset      -> what stands there: fragment or tombstone (compaction, scrubbing)
//   P                     -> position
#pragma once

#include <compare>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "common/ids.h"
#include "datastore/node/record.h"

namespace openefs::datastore {

// A place in the log: where a record begins.
struct Location {
  uint64_t segment = 0;
  uint64_t offset = 0;
  friend constexpr auto operator<=>(const Location&, const Location&) = default;
};

struct IndexEntry {
  Location at;
  uint32_t length = 0;
  bool corrupt = false;  // a block did not match once: a Put may replace it
  BlockCrcs crcs;
};

// A live record, found by its place.
struct StoredRecord {
  Location at;
  RecordType type = RecordType::kPut;
  FragmentId id;
  uint32_t length = 0;
  uint64_t killed_segment = 0;

  uint64_t Bytes() const {
    return type == RecordType::kPut ? PutRecordBytes(length) : kTombstoneBytes;
  }
};

struct ListedFragment {
  FragmentId id;
  uint32_t length = 0;
  bool corrupt = false;
};

// Changes that become visible, and later durable, together.
class IndexBatch {
 public:
  void SetFragment(const FragmentId& id, const IndexEntry& entry);
  void EraseFragment(const FragmentId& id, const Location& at);
  void SetTombstone(const FragmentId& id, const Location& at, uint64_t killed_segment);
  void EraseTombstone(const Location& at);
  void SetPosition(const Location& position);
  bool empty() const { return changes_.empty(); }

 private:
  friend class Index;
  std::vector<std::pair<std::string, std::optional<std::string>>> changes_;  // none: erase
};

// Any thread; batches come from one thread at a time.
class Index {
 public:
  enum class Reach { kDisk, kCacheOnly };

  // Made if it is not there. A damaged one is thrown away and made anew: Position() is then zero.
  static absl::StatusOr<std::unique_ptr<Index>> Open(const std::string& directory);
  ~Index();  // without Flush, what was not flushed is lost

  // NOT_FOUND. With kCacheOnly also UNAVAILABLE: only the disk knows.
  absl::StatusOr<IndexEntry> Find(const FragmentId& id, Reach reach) const;

  absl::Status Apply(const IndexBatch& batch);

  // Makes everything applied durable. `wait` false: begins to.
  absl::Status Flush(bool wait);

  absl::StatusOr<Location> Position() const;

  // Live records of a segment from `offset` on, in order, at most `limit`.
  absl::StatusOr<std::vector<StoredRecord>> StoredIn(uint64_t segment, uint64_t offset,
                                                     size_t limit) const;
  // All live records.
  absl::Status ForEachStored(const std::function<void(const StoredRecord&)>& visit) const;

  // Fragments of blobs after `after` in blob order (all of a blob or none of it), about `limit`.
  // `end`: there are no more.
  absl::StatusOr<std::vector<ListedFragment>> List(std::optional<BlobId> after, size_t limit,
                                                   bool* end) const;

 private:
  struct Database;
  explicit Index(std::unique_ptr<Database> database);
  const std::unique_ptr<Database> database_;
};

}  // namespace openefs::datastore
