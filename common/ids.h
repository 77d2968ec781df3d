// Identifiers that several roles share, and what their bits mean.
#pragma once

#include <compare>
#include <cstdint>
#include <functional>

namespace openefs {

// A Raft group. Group 0 is the system group (file systems, cluster map); namespaces and NFS state
// live in groups 1 and up.
using GroupId = uint32_t;
inline constexpr GroupId kSystemGroup = 0;
inline constexpr GroupId kFirstNamespaceGroup = 1;

// A member of a Raft group or a data node. 0 is nobody.
using NodeId = uint32_t;

using FileSystemId = uint64_t;
inline constexpr FileSystemId kPseudoFileSystem = 0;  // the root that lists the file systems

// Inode number: shard of the file system in the top 16 bits, a counter below. 64 bits on the wire
// (fileid4). The root directory of a file system is inode 1 of shard 0.
using InodeId = uint64_t;
inline constexpr int kInodeCounterBits = 48;
inline constexpr InodeId kRootInode = 1;

constexpr uint16_t ShardOf(InodeId inode) {
  return static_cast<uint16_t>(inode >> kInodeCounterBits);
}
constexpr InodeId MakeInodeId(uint16_t shard, uint64_t counter) {
  return (static_cast<uint64_t>(shard) << kInodeCounterBits) |
         (counter & ((uint64_t{1} << kInodeCounterBits) - 1));
}

// Names an immutable blob for ever.
//   high: placement group (16 bits) | creation time, Unix milliseconds (48 bits)
//   low:  random
// The time lets the collector tell a blob that nobody refers to from one whose commit is under way.
struct BlobId {
  uint64_t high = 0;
  uint64_t low = 0;

  constexpr uint16_t placement_group() const { return static_cast<uint16_t>(high >> 48); }
  constexpr uint64_t created_ms() const { return high & ((uint64_t{1} << 48) - 1); }
  static constexpr BlobId Make(uint16_t placement_group, uint64_t created_ms, uint64_t random) {
    return {
        (static_cast<uint64_t>(placement_group) << 48) | (created_ms & ((uint64_t{1} << 48) - 1)),
        random};
  }
  friend constexpr auto operator<=>(const BlobId&, const BlobId&) = default;
  template <typename H>
  friend H AbslHashValue(H h, const BlobId& id) {
    return H::combine(std::move(h), id.high, id.low);
  }
};

// One Reed-Solomon fragment of a blob: index below k is data, from k on parity.
struct FragmentId {
  BlobId blob;
  uint32_t index = 0;

  friend constexpr auto operator<=>(const FragmentId&, const FragmentId&) = default;
  template <typename H>
  friend H AbslHashValue(H h, const FragmentId& id) {
    return H::combine(std::move(h), id.blob, id.index);
  }
};

}  // namespace openefs
