// LogView: what the pure core knows of its group's log. It holds the term of every entry (as runs,
// so a log of millions of entries costs a few words), the recent entries themselves, and which of
// them storage has made durable. Storage is asynchronous: entries are handed out in numbered writes
// and acknowledged later.
#pragma once

#include <cstdint>
#include <deque>
#include <optional>
#include <vector>

#include "replication/raft/entry.h"

namespace openefs::replication::raft {

class LogView {
 public:
  // All entries from `index` up to the next run have `term`.
  struct TermRun {
    uint64_t index = 0;
    uint64_t term = 0;
  };

  // What storage holds at start. `recent` are the last entries, without gaps and up to the last.
  struct Contents {
    uint64_t first_index = 1;
    uint64_t previous_term = 0;  // of entry first_index - 1; 0 before entry 1
    std::vector<TermRun> terms;  // of [first_index, last_index]
    uint64_t last_index = 0;
    std::vector<Entry> recent;
  };

  explicit LogView(Contents contents);

  uint64_t first_index() const { return first_index_; }
  uint64_t last_index() const { return last_index_; }
  uint64_t last_term() const { return *Term(last_index_); }

  // Known for [first_index - 1, last_index].
  std::optional<uint64_t> Term(uint64_t index) const;
  bool Matches(uint64_t index, uint64_t term) const { return Term(index) == term; }

  // The largest index <= `at` whose term is <= `term`: where two logs may still agree. Never below
  // first_index - 1.
  uint64_t LastWithTermAtMost(uint64_t at, uint64_t term) const;

  // entry.index is last_index + 1 and its term not below last_term.
  void Append(Entry entry);

  // Drops `index` and all after it; a write of them that is under way no longer counts.
  void TruncateFrom(uint64_t index);

  // Forgets entries below `first_index`, which must be durable and is at most last_index + 1.
  void CompactTo(uint64_t first_index);

  // A snapshot took the place of everything: the log is empty and goes on after `index`. Writes
  // that are under way no longer count.
  void Reset(uint64_t index, uint64_t term);

  // Recent entries from `low` on, at most `max_entries` and, beyond the first, `max_bytes`. Empty
  // if `low` is not in memory (see InMemory) or past the end.
  std::vector<Entry> Slice(uint64_t low, size_t max_entries, size_t max_bytes) const;
  bool InMemory(uint64_t index) const { return index >= cache_first_; }

  // Lets go of the oldest recent entries at or below `up_to`, which must be durable, until at most
  // `keep_bytes` are in memory.
  void Evict(uint64_t up_to, size_t keep_bytes);
  size_t cached_bytes() const { return cached_bytes_; }

  // Entries that storage has not been given yet; they belong to write `write_id` from now on.
  std::vector<Entry> TakeUnwritten(uint64_t write_id);
  bool HasUnwritten() const { return next_unwritten_ <= last_index_; }

  // All writes up to `write_id` are durable.
  void Persisted(uint64_t write_id);

  // Entries up to here are durable here.
  uint64_t stable_index() const { return stable_index_; }

 private:
  struct Write {
    uint64_t id = 0;
    uint64_t last_index = 0;  // cut when entries are overwritten: they were durable in vain
  };

  uint64_t first_index_;
  uint64_t last_index_;
  std::vector<TermRun> runs_;  // the first stands for first_index - 1
  uint64_t cache_first_;
  std::deque<Entry> cache_;  // [cache_first_, last_index_]
  size_t cached_bytes_ = 0;
  uint64_t next_unwritten_;
  uint64_t stable_index_;
  std::deque<Write> writes_;
};

}  // namespace openefs::replication::raft
