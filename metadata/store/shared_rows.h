// Rows that readers met last, in front of the engine, for many threads at once. A look into
// RocksDB costs a microsecond or two, and a GETATTR takes three of them.
#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <memory>

#include "common/mutex.h"
#include "metadata/store/kv.h"
#include "metadata/store/recent_rows.h"

namespace openefs::metadata {

// Every write to the engine is announced, so that a view can tell that nothing changed while it
// read: what it shows is one moment's content, from these rows or from the engine.
class SharedRows {
 public:
  // Threads that read different rows seldom meet.
  static constexpr size_t kShards = 16;
  // What all of them may take, unless it is told.
  static constexpr size_t kMaxBytes = 16 << 20;

  explicit SharedRows(size_t max_bytes = kMaxBytes);

  // As KvEngine::MemoryView, which it reads from. Throws NotInMemory while something is written.
  // Any thread. The engine and the rows outlive the view.
  std::unique_ptr<KvSnapshot> Over(KvEngine& engine);

  // The writer's thread, around each write of these rows. Between the two nobody reads here, so
  // what is known of them is from here on what is written; a write whose outcome is unknown does
  // not end before the engine's content is replaced.
  void BeginWrite(const Changes& changes);
  void EndWrite() { version_.fetch_add(1, std::memory_order_acq_rel); }
  // In place of EndWrite: everything may be different.
  void EndReplacement();

  // Gives the memory back, where nobody is expected to read any more. Any thread.
  void Clear();

 private:
  class View;
  struct Shard {
    explicit Shard(size_t max_bytes) : rows(max_bytes) {}
    Mutex mu;
    RecentRows rows ABSL_GUARDED_BY(mu);
  };

  Shard& ShardOf(absl::string_view key);
  // Throws unless the version is still that.
  void CheckUnchanged(uint64_t version) const;
  bool Find(absl::string_view key, std::string* value, bool* exists);
  void Remember(absl::string_view key, const std::string* value, uint64_t version);

  std::array<std::unique_ptr<Shard>, kShards> shards_;  // constant
  std::atomic<uint64_t> version_{0};                    // odd while something is written
  // Whether there ever was a row here: on a replica that nobody reads, no write need look for any.
  std::atomic<bool> used_{false};
};

}  // namespace openefs::metadata
