// Decides where a cache should put what is new. As what was used last (LRU) is right as long as
// what is read again fits; when a little more than that is read in a circle, LRU finds nothing at
// all, and letting nearly everything that is new go first keeps most of the rest. Both are played
// out side by side with the keys alone, and the one that finds more wins: the dynamic insertion
// policy of Qureshi et al., "Adaptive Insertion Policies for High Performance Caching", ISCA 2007.
#pragma once

#include <compare>
#include <cstddef>
#include <cstdint>
#include <list>
#include <random>
#include <utility>

#include "absl/container/flat_hash_map.h"
#include "common/ids.h"

namespace openefs::datastore {

// A cached range of a blob, by where it begins.
struct RangeKey {
  BlobId blob;
  uint32_t offset = 0;

  friend constexpr auto operator<=>(const RangeKey&, const RangeKey&) = default;
  template <typename H>
  friend H AbslHashValue(H h, const RangeKey& key) {
    return H::combine(std::move(h), key.blob, key.offset);
  }
};

// What an entry costs in memory, in both games together.
inline constexpr size_t kDuelEntryBytes = 256;

// One thread at a time. Every operation takes constant time, but for making room.
class InsertionDuel {
 public:
  // `capacity_bytes` of the real cache. Entries that are said to take at least kDuelEntryBytes each
  // keep the duel's own memory below that.
  explicit InsertionDuel(size_t capacity_bytes);

  // A range that takes `bytes` (at most the capacity) was read, from the cache or not.
  void OnRead(const RangeKey& key, size_t bytes);

  // Whether what comes in now is put where what was used last is; else where the next to go is.
  bool KeepNew();

 private:
  // One of so many that are new is kept even so, or what is read now would never take the place of
  // what was read yesterday. By chance: reads that take turns must not decide which.
  static constexpr uint32_t kKeepOneOf = 16;
  bool Chance() { return random_() % kKeepOneOf == 0; }

  // What a cache would hold that had one way of its own all the time.
  class Game {
   public:
    explicit Game(size_t capacity_bytes) : capacity_bytes_(capacity_bytes) {}
    // Whether it would have been there. `keep`: if it was not, and is kept as used last.
    bool Read(const RangeKey& key, size_t bytes, bool keep);

   private:
    struct Entry {
      RangeKey key;
      size_t bytes;
    };
    void EraseOldest();

    const size_t capacity_bytes_;
    std::list<Entry> ages_;  // next to go first
    absl::flat_hash_map<RangeKey, std::list<Entry>::iterator> entries_;
    size_t held_bytes_ = 0;
  };

  const int64_t max_lead_bytes_;
  Game keeping_;
  Game dropping_;
  int64_t dropping_lead_bytes_ = 0;  // what it found and the other did not, lately
  std::minstd_rand random_;
};

}  // namespace openefs::datastore
