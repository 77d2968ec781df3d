// The rows that the applier met last, in front of the engine: sessions, slots, counters and the
// directories in use are read by nearly every entry, and a look into a table of RocksDB costs
// several microseconds.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "absl/container/flat_hash_map.h"
#include "absl/strings/string_view.h"

namespace openefs::metadata {

// Not thread-safe: for the one thread that writes to the engine. It holds what the engine holds, so
// that whether a row is found here makes no difference to any answer.
class RecentRows {
 public:
  // What it may take: a group's share of an idle process's memory stays small, and 4 MiB are some
  // ten thousand rows of sessions and inodes.
  static constexpr size_t kMaxBytes = 4 << 20;
  // Inline data and listings are not read by the next entry.
  static constexpr size_t kMaxValueBytes = 1024;

  explicit RecentRows(size_t max_bytes = kMaxBytes) : max_bytes_(max_bytes) {}

  // The engine's content was replaced.
  void Clear();

  // Null: not here. Otherwise the row's value, unset: there is no such row.
  const std::optional<std::string>* Find(absl::string_view key);
  void Remember(std::string key, std::optional<std::string> value);

  // Whatever it is: not known here any more.
  void Drop(absl::string_view key);

  // Never more than max_bytes and a row.
  size_t bytes() const { return young_bytes_ + old_bytes_; }

 private:
  using Rows = absl::flat_hash_map<std::string, std::optional<std::string>>;
  static void Forget(absl::string_view key, Rows& rows, size_t& bytes);

  const size_t max_bytes_;

  // Two generations: a full young one becomes the old one, whose rows are forgotten unless somebody
  // asked for them.
  Rows young_;
  Rows old_;
  size_t young_bytes_ = 0;
  size_t old_bytes_ = 0;
};

}  // namespace openefs::metadata
