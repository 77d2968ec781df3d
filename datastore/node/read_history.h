// Which large ranges of fragments were read from the disk lately, roughly: a table of fixed size,
// in which later ones take the places of earlier ones.
#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>

#include "absl/hash/hash.h"
#include "common/ids.h"

namespace openefs::datastore {

// Any thread.
class ReadHistory {
 public:
  // Whether the range of `id` that begins there was remembered. From now on it is.
  bool Remember(const FragmentId& id, uint32_t begin) {
    const uint64_t hash = absl::HashOf(id, begin);
    const auto tag = static_cast<uint32_t>(hash >> 32) | 1;  // never that of an empty slot
    return slots_[hash % kSlots].exchange(tag, std::memory_order_relaxed) == tag;
  }

 private:
  // Of blobs of 1 MiB the fragments of 22 GB: what a host has of page cache. Takes 256 KiB.
  static constexpr size_t kSlots = size_t{1} << 16;
  std::array<std::atomic<uint32_t>, kSlots> slots_{};
};

}  // namespace openefs::datastore
