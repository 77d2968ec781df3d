// A file system in memory that loses power: what was not synced is lost, torn or kept, as the test
// wants it, and every call that changes the disk is a place where that can happen.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "common/mutex.h"
#include "common/random.h"
#include "datastore/node/file.h"

namespace openefs::datastore {

class MemoryFileSystem final : public FileSystem {
 public:
  enum class Unsynced { kLost, kKept, kTorn };

  absl::StatusOr<std::unique_ptr<File>> Open(const std::string& path) override;
  absl::Status Remove(const std::string& path) override;
  absl::Status SyncDirectory(const std::string& path) override;
  absl::StatusOr<std::vector<std::string>> List(const std::string& path) override;
  absl::StatusOr<uint64_t> FreeBytes(const std::string& path) override;

  // After this many more calls that change the disk, it loses power: the last of them is done in
  // part, later ones fail.
  void LosePowerAfter(int calls);
  void NeverLosePower() { LosePowerAfter(-1); }
  bool power_lost() const;
  // Power again. All files must be closed. `seed` decides what kTorn tears.
  void Restart(Unsynced unsynced, uint64_t seed);

  void FailNextSync();                     // and forget, as Linux does, that the pages were dirty
  void TruncateEverywhere(uint64_t size);  // cache and disk, of every file longer than that
  void SetFreeBytes(uint64_t bytes);       // as FreeBytes reports
  // From now on files say that nothing of them is cached; without direct reads, unless `direct`.
  void SetUncached(bool direct);
  int direct_reads() const;
  void SetCapacity(uint64_t bytes);  // of all files: writes beyond it are RESOURCE_EXHAUSTED

 private:
  // One write that a sync has not covered.
  struct Write {
    uint64_t offset;
    std::string bytes;
  };
  struct Content {
    std::string cached;           // what reads see
    std::string disk;             // what is there after losing power
    std::vector<Write> unsynced;  // between the two
    bool name_durable = false;
    bool removed = false;  // in the cache; on the disk once the directory is synced
  };
  class MemoryFile;

  // True: the call may be done. `last`: only in part.
  bool Spend(bool* last) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  absl::Status WriteAt(Content* content, uint64_t offset, std::string bytes);
  absl::Status Sync(Content* content);
  absl::Status Truncate(Content* content, uint64_t size);
  uint64_t UsedBytes() const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  static void Apply(const Write& write, std::string* bytes);
  static void Settle(Content* content, Unsynced unsynced, SeededRandom* random);

  mutable Mutex mu_;
  std::map<std::string, std::shared_ptr<Content>> files_ ABSL_GUARDED_BY(mu_);
  int calls_left_ ABSL_GUARDED_BY(mu_) = -1;
  bool power_lost_ ABSL_GUARDED_BY(mu_) = false;
  bool fail_sync_ ABSL_GUARDED_BY(mu_) = false;
  bool uncached_ ABSL_GUARDED_BY(mu_) = false;
  bool direct_ ABSL_GUARDED_BY(mu_) = false;
  int direct_reads_ ABSL_GUARDED_BY(mu_) = 0;
  uint64_t free_bytes_ ABSL_GUARDED_BY(mu_) = uint64_t{1} << 40;
  uint64_t capacity_ ABSL_GUARDED_BY(mu_) = uint64_t{1} << 40;
};

}  // namespace openefs::datastore
