// The ordered key-value engine below the metadata state machine. Two implementations: RocksDB
// (without its own WAL: the Raft log is the WAL) and memory, for the simulator and the tests.
#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <iterator>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace openefs::metadata {

// Steps through keys in bytewise order.
class KvIterator {
 public:
  virtual ~KvIterator() = default;
  virtual bool Valid() const = 0;
  virtual absl::string_view Key() const = 0;    // until the next Next
  virtual absl::string_view Value() const = 0;  // until the next Next
  virtual void Next() = 0;
};

// A consistent view of the engine at one moment. Any thread, many at once.
class KvSnapshot {
 public:
  virtual ~KvSnapshot() = default;
  // False: no such key. I/O errors and corruption stop the process: going on would make replicas
  // differ.
  virtual bool Get(absl::string_view key, std::string* value) const = 0;
  // Keys in [begin, end).
  virtual std::unique_ptr<KvIterator> Scan(absl::string_view begin,
                                           absl::string_view end) const = 0;
};

// What a view from MemoryView throws out of Get and Scan when it cannot go on.
struct NotInMemory {};

// A row as it shall be. An unset value deletes the key.
using Change = std::pair<std::string, std::optional<std::string>>;
using KvWrites = std::vector<Change>;
struct ChangedRow : Change {
  ChangedRow(std::string key, std::optional<std::string> value)
      : Change(std::move(key), std::move(value)) {}
  explicit ChangedRow(Change change) : Change(std::move(change)) {}

  // Nobody ever had this key before the change that made the row: if the row goes again before the
  // engine met it, the engine need not hear of it at all.
  bool unused_before = false;
};
// Each key once, in no order. A row stays where it is while others are added.
using Changes = std::deque<ChangedRow>;
// By key.
using OrderedChanges = std::vector<const Change*>;

class KvEngine {
 public:
  virtual ~KvEngine() = default;

  // All of them or none, also across a crash. One writer at a time.
  virtual absl::Status Write(const KvWrites& writes) = 0;
  // The same, for a caller that needs them no more.
  virtual absl::Status Consume(Changes changes) {
    return Write(
        KvWrites(std::make_move_iterator(changes.begin()), std::make_move_iterator(changes.end())));
  }
  // The same, for a caller that keeps them.
  virtual absl::Status WriteOrdered(const OrderedChanges& changes) {
    KvWrites writes;
    writes.reserve(changes.size());
    for (const Change* change : changes) writes.push_back(*change);
    return Write(writes);
  }

  virtual std::unique_ptr<KvSnapshot> Snapshot() = 0;

  // As Snapshot, for one thread and a few rows at once: it never waits for a disk and takes no lock
  // that a writer holds. Where it would have to, or where something was written since it was made,
  // it throws NotInMemory instead.
  virtual std::unique_ptr<KvSnapshot> MemoryView() { return Snapshot(); }

  // What Snapshot shows, for the writer's thread alone and only until it writes again: it may cost
  // less.
  virtual std::unique_ptr<KvSnapshot> WriterView() { return Snapshot(); }

  // Makes every Write so far survive a crash. Any thread, but one at a time.
  virtual absl::Status Flush() = 0;

  // Leaves a copy of everything written so far in `directory`, which does not exist yet (its parent
  // does): a few durable files without directories below. What never changes is linked, not copied.
  // The writer's thread; readers and compactions go on. After an error remains may be left there.
  virtual absl::Status Checkpoint(const std::string& directory) = 0;

  // Takes what Checkpoint left in `directory`, of this kind of engine, in place of everything it
  // has; durably, and a crash leaves the old content or the new. The files stay as they are and may
  // be removed afterwards. Snapshots taken before go on showing the old content. The writer's
  // thread; no Write at the same time. DATA_LOSS if it is no checkpoint; after an error the engine
  // goes on with the old content, but may have the new one when it is opened again.
  virtual absl::Status Install(const std::string& directory) = 0;

  // Takes an empty store in place of everything it has, as Install takes a checkpoint.
  virtual absl::Status Clear() { return absl::UnimplementedError("this store cannot be cleared"); }
};

// Where tests stop Install as a crash would.
enum class InstallStep { kBegun, kCloned, kOpened, kCurrent };
using InstallFaultHook = std::function<absl::Status(InstallStep)>;

// The database lies in `directory`/store-<number>; see rocks_kv.cc.
absl::StatusOr<std::unique_ptr<KvEngine>> OpenRocksKv(const std::string& directory,
                                                      InstallFaultHook fault = nullptr);
// For looking at a database that nobody has open, without a change to its files. Every checksum is
// verified first: DATA_LOSS if one does not fit. NOT_FOUND: there is no database.
absl::StatusOr<std::unique_ptr<KvSnapshot>> ReadRocksKv(const std::string& directory);

// How much memory blocks of all databases of the process may take together; 64 MiB until it is
// said. Any thread, at any time.
void SetRocksCacheBytes(uint64_t bytes);

std::unique_ptr<KvEngine> MakeMemoryKv();

// How much may wait in memory.
struct WriteBehindLimits {
  // Writing so many takes a millisecond or two, for which a read may have to wait.
  size_t rows = 4096;
  // Mostly inline data, which passes through memory once more in the engine below.
  size_t bytes = size_t{4} << 20;
};

// Collects writes in memory and hands them to `inner` together, when somebody wants a snapshot or
// there are many: rows that change with every entry, or come and go, reach `inner` once or never.
// What reaches it is always the state after one of the writes. See write_behind.cc.
std::unique_ptr<KvEngine> MakeWriteBehindKv(std::unique_ptr<KvEngine> inner,
                                            WriteBehindLimits limits = {});

}  // namespace openefs::metadata
