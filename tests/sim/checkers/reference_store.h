// A replica that cannot fail: applies every committed entry, one at a time, and knows what the
// store of any replica must be at any index.
#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "metadata/store/transaction.h"
#include "tests/sim/checkers/committed_log.h"
#include "tests/sim/checkers/exactly_once.h"
#include "tests/sim/disk/kv_disk.h"

namespace openefs::sim {

class ReferenceStore {
 public:
  explicit ReferenceStore(GroupId group);

  // The next entry.
  void Apply(uint64_t index, const CommittedLog::Entry& entry);

  uint64_t applied_index() const { return hashes_.size() - 1; }
  // Of the whole store after `index`; see KvDisk.
  uint64_t HashAt(uint64_t index) const { return hashes_[index]; }
  // As it is now.
  const KvImage& content() const { return disk_.content(); }
  metadata::KvEngine& engine() { return *engine_; }

  ExactlyOnce& exactly_once() { return exactly_once_; }

 private:
  void ApplySegments(metadata::Transaction& txn, uint64_t index, const pb::MetadataEntry& entry);

  const GroupId group_;
  KvDisk disk_;
  std::unique_ptr<metadata::KvEngine> engine_;
  int64_t wall_time_ns_ = 0;
  uint64_t state_hash_ = 0;
  std::vector<uint64_t> hashes_;
  ExactlyOnce exactly_once_;
};

// Whether a replica's store is, byte by byte, what the reference has; they are at the same index.
void CheckSameContent(NodeId node, const KvImage& content, const KvImage& reference);

}  // namespace openefs::sim
