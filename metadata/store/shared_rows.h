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
  // Threads that read different rows seldom meet; all together as much as 16 MiB.
  static constexpr size_t kShards = 16;
  static constexpr size_t kShardBytes = 1 << 20;

  // As KvEngine::MemoryView, which it reads from. Throws NotInMemory while something is written.
  // Any thread. The engine and the rows outlive the view.
  std::unique_ptr<KvSnapshot> Over(KvEngine& engine);

  // The writer's thread, around each write of these rows. Between the two nobody reads here; a
  // write whose outcome is unknown does not end before the engine's content is replaced.
  void BeginWrite(const Changes& changes);
  void EndWrite() { version_.fetch_add(1, std::memory_order_acq_rel); }
  // In place of EndWrite: everything may be different.
  void EndReplacement();

 private:
  class View;
  struct Shard {
    Mutex mu;
    RecentRows rows ABSL_GUARDED_BY(mu){kShardBytes};
  };

  Shard& ShardOf(absl::string_view key);
  // Throws unless the version is still that.
  void CheckUnchanged(uint64_t version) const;
  bool Find(absl::string_view key, std::string* value, bool* exists);
  void Remember(absl::string_view key, const std::string* value, uint64_t version);

  std::array<Shard, kShards> shards_;
  std::atomic<uint64_t> version_{0};  // odd while something is written
};

}  // namespace openefs::metadata
