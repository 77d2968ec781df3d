// RocksStore: one opened RocksDB. RocksKv (rocks_kv.cc) replaces it whole when a snapshot is
// installed; whoever still reads from the old one keeps it alive.
#pragma once

#include <atomic>
#include <memory>
#include <string>

#include "metadata/store/kv.h"

namespace rocksdb {
class DB;
}

namespace openefs::metadata {

class RocksCursor;

class RocksStore : public std::enable_shared_from_this<RocksStore> {
 public:
  // Opens or creates `directory`.
  static absl::StatusOr<std::shared_ptr<RocksStore>> Open(const std::string& directory);
  // Opens what is there, writes nothing into it, and reads all of it once to verify every checksum.
  // DATA_LOSS: one does not fit, or it is not a database.
  static absl::StatusOr<std::shared_ptr<RocksStore>> OpenForReading(const std::string& directory);
  ~RocksStore();  // closes; then removes the directory, if Abandon was called

  absl::Status Write(const OrderedChanges& changes);
  absl::Status Flush();
  std::unique_ptr<KvSnapshot> Snapshot();
  std::unique_ptr<KvSnapshot> MemoryView();
  // See KvEngine::WriterView.
  std::unique_ptr<KvSnapshot> WriterView();
  // See KvEngine::Checkpoint.
  absl::Status Checkpoint(const std::string& directory);

  // Reads all tables and compares their checksums. DATA_LOSS: one is damaged.
  absl::Status Verify();

  // Nobody will open this directory again. Removing it can wait for the next start, so it may fail.
  void Abandon() { abandoned_ = true; }

  RocksStore(const RocksStore&) = delete;
  RocksStore& operator=(const RocksStore&) = delete;

 private:
  friend class RocksWriterView;

  RocksStore(std::string directory, std::unique_ptr<rocksdb::DB> db);

  // One that nobody uses, or null. What it shows is what a new one would, until the next Write.
  std::unique_ptr<RocksCursor> TakeCursor();
  void GiveBack(std::unique_ptr<RocksCursor> cursor);

  const std::string directory_;
  std::unique_ptr<rocksdb::DB> db_;
  std::atomic<bool> abandoned_{false};

  // The writer's thread only: making an iterator costs more than what most scans do with it. It
  // keeps tables alive that a compaction has replaced, at most those of one moment.
  std::unique_ptr<RocksCursor> cursor_;
};

}  // namespace openefs::metadata
