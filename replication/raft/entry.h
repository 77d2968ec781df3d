// What a Raft log consists of. Names are those of the Raft paper (Ongaro and Ousterhout 2014).
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>

#include "common/ids.h"

namespace openefs::replication::raft {

// As pb::RaftEntry::Kind; the numbers are on disk and on the wire.
enum class EntryKind : uint8_t { kNormal = 0, kNoOp = 1, kConfiguration = 2 };

// Cheap to copy: cache, log writer, applier and messages share the bytes.
struct Entry {
  uint64_t index = 0;
  uint64_t term = 0;
  EntryKind kind = EntryKind::kNormal;
  std::shared_ptr<const std::string> data;  // null: empty

  // What flow control and caches count: the bytes and what goes with them.
  static constexpr size_t kOverheadBytes = 64;
  size_t bytes() const { return kOverheadBytes + (data == nullptr ? 0 : data->size()); }
};

// What must survive a crash beside the entries. `commit` is only a hint: it may be behind.
struct HardState {
  uint64_t term = 0;
  NodeId voted_for = 0;  // 0: nobody
  uint64_t commit = 0;

  friend bool operator==(const HardState&, const HardState&) = default;
};

}  // namespace openefs::replication::raft
