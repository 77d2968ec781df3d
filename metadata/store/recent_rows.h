// The rows that somebody met last, in front of the engine: sessions, slots, counters and the
// directories in use are read by nearly every entry, and a look into a table of RocksDB costs
// several microseconds.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <vector>

#include "absl/container/flat_hash_set.h"
#include "absl/hash/hash.h"
#include "absl/strings/string_view.h"

namespace openefs::metadata {

// Not thread-safe. It holds what the engine holds, so that whether a row is found here makes no
// difference to any answer.
class RecentRows {
 public:
  // What it may take unless it is told: a group's share of an idle process's memory stays small,
  // and 4 MiB are some ten thousand rows of sessions and inodes.
  static constexpr size_t kMaxBytes = 4 << 20;
  // Inline data and listings are not read by the next entry.
  static constexpr size_t kMaxValueBytes = 1024;

  // Unset: there is no such row.
  using Value = std::optional<absl::string_view>;

  explicit RecentRows(size_t max_bytes = kMaxBytes) : max_bytes_(max_bytes) {}

  // The engine's content was replaced.
  void Clear();

  // Unset: not here. Otherwise the row's value, until the next change.
  std::optional<Value> Find(absl::string_view key);
  void Remember(absl::string_view key, Value value);
  // The same for a row that is here; another one stays unknown.
  void Update(absl::string_view key, Value value);

  // Whatever it is: not known here any more.
  void Drop(absl::string_view key);

  // Never more than max_bytes and a row, with what the allocator and the tables take.
  size_t bytes() const { return bytes_; }

 private:
  // With key and value in one allocation behind it.
  struct Row {
    uint32_t key_bytes;
    uint32_t value_bytes;
    uint32_t place;  // in ring_
    bool exists;
    bool wanted;  // since the hand passed
    char* data() { return reinterpret_cast<char*>(this + 1); }
    absl::string_view key() { return {data(), key_bytes}; }
    Value value();
  };
  struct Release {
    void operator()(Row* row) const { ::operator delete(row); }
  };
  struct Hash {
    using is_transparent = void;
    size_t operator()(absl::string_view key) const { return absl::HashOf(key); }
    size_t operator()(Row* row) const { return absl::HashOf(row->key()); }
  };
  struct Equal {
    using is_transparent = void;
    static absl::string_view Key(Row* row) { return row->key(); }
    static absl::string_view Key(absl::string_view key) { return key; }
    template <typename A, typename B>
    bool operator()(const A& a, const B& b) const {
      return Key(a) == Key(b);
    }
  };

  using Index = absl::flat_hash_set<Row*, Hash, Equal>;
  using Ring = std::vector<std::unique_ptr<Row, Release>>;

  static size_t BytesOf(const Row& row);
  void Add(absl::string_view key, Value value, bool wanted);
  void Erase(Row* row);
  void EvictOne();
  void SwapPlaces(size_t a, size_t b);

  size_t max_bytes_;

  Index rows_;
  size_t bytes_ = 0;

  // All rows. A clock's hand goes round and takes the first that nobody wanted since it passed.
  Ring ring_;
  size_t hand_ = 0;
};

}  // namespace openefs::metadata
