// The ordered key-value engine below the metadata state machine. Two implementations: RocksDB
// (without its own WAL: the Raft log is the WAL) and memory, for the simulator and the tests.
#pragma once

#include <cstdint>
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

// An unset value deletes the key.
using KvWrites = std::vector<std::pair<std::string, std::optional<std::string>>>;

class KvEngine {
 public:
  virtual ~KvEngine() = default;

  // All of them or none, also across a crash. One writer at a time.
  virtual absl::Status Write(const KvWrites& writes) = 0;

  virtual std::unique_ptr<KvSnapshot> Snapshot() = 0;

  // Makes every Write so far survive a crash.
  virtual absl::Status Flush() = 0;
};

absl::StatusOr<std::unique_ptr<KvEngine>> OpenRocksKv(const std::string& directory);
std::unique_ptr<KvEngine> MakeMemoryKv();

}  // namespace openefs::metadata
