// Every key of a group's store. A key begins with the file system (0: cluster-wide), then one tag
// byte, then big-endian ids, so that byte order is the order scans want and everything of one file
// system, one directory or one file lies together. Values are the records of proto/records.proto.
#pragma once

#include <cstdint>
#include <string>

#include "absl/strings/string_view.h"
#include "common/ids.h"

namespace openefs::metadata {

// On disk: never renumber. Letters group what belongs together.
enum class KeyTag : uint8_t {
  // Per file system.
  kInode = 0x10,           // inode                        -> InodeRecord
  kDirentByName = 0x11,    // directory, name              -> DirentRecord
  kDirentByCookie = 0x12,  // directory, cookie            -> DirentRecord with name
  kExtent = 0x13,          // inode, end                   -> ExtentRecord
  kOrphan = 0x14,          // inode                        -> empty: unlinked, still open
  kUsage = 0x15,           //                              -> UsageRecord
  kInodeCounter = 0x16,    // shard                        -> next counter, 8 bytes big-endian
  kStateByFile = 0x18,     // inode, state                 -> empty
  kLockRange = 0x19,       // inode, start, state          -> LockRecord
  kDenyByFile = 0x1A,      // inode, state                 -> empty: opens with a share_deny
  // Cluster-wide: data.
  kBlob = 0x30,          // blob                          -> BlobRecord
  kCollectQueue = 0x31,  // Unix ms when queued, blob     -> empty
  kRepairQueue = 0x32,   // blob                          -> RepairRecord
  kPurgeQueue = 0x33,    // file system, inode            -> PurgeRecord: extents to be freed
  kStateHash = 0x3D,     //                               -> 8 bytes big-endian
  kAppliedIndex = 0x3E,  //                               -> 8 bytes big-endian
  kLastWallTime = 0x3F,  //                               -> 8 bytes big-endian
  // Cluster-wide: clients, sessions, state.
  kClient = 0x40,           // client                      -> ClientRecord
  kClientByOwner = 0x41,    // co_ownerid                  -> ClientOwnerRecord
  kSession = 0x42,          // session id                  -> SessionRecord
  kSessionByClient = 0x43,  // client, session id          -> empty
  kSlot = 0x44,             // session id, slot            -> SlotRecord
  kState = 0x45,            // state                       -> StateRecord
  kStateByClient = 0x46,    // client, state               -> empty
  kStateByOwner = 0x47,     // client, kind, file system, inode, owner -> state, 8 bytes big-endian
  kStateCounter = 0x48,     //                             -> 8 bytes big-endian
  kClientUsage = 0x49,      // client                      -> ClientUsageRecord
  kClientCounter = 0x4A,    //                             -> 8 bytes big-endian
  kLockStateByOpen = 0x4B,  // state of the open, state    -> empty
  kClientCount = 0x4C,      //                             -> 8 bytes big-endian
  // System group.
  kClusterMap = 0x60,      //                              -> ClusterMap (epoch and cluster id)
  kNode = 0x61,            // node                         -> DataNode
  kPlacementGroup = 0x62,  // placement group              -> PlacementGroup
  kFileSystem = 0x63,      // file system                  -> FileSystem
  kSecrets = 0x64,         //                              -> ClusterSecrets
  kJobLease = 0x65,        // name                         -> JobLeaseRecord
};

// Builds a key piece by piece. Variable-length pieces come last, so none needs an escape.
class KeyBuilder {
 public:
  KeyBuilder(FileSystemId fs, KeyTag tag) {
    key_.reserve(48);
    U64(fs).U8(static_cast<uint8_t>(tag));
  }
  KeyBuilder& U8(uint8_t value) { return BigEndian(value, 1); }
  KeyBuilder& U32(uint32_t value) { return BigEndian(value, 4); }
  KeyBuilder& U64(uint64_t value) { return BigEndian(value, 8); }
  KeyBuilder& Bytes(absl::string_view bytes) {
    key_.append(bytes.data(), bytes.size());
    return *this;
  }
  KeyBuilder& Blob(BlobId id) { return U64(id.high).U64(id.low); }
  operator std::string() && { return std::move(key_); }  // at the end of a chain
  operator std::string() & { return std::move(key_); }

 private:
  KeyBuilder& BigEndian(uint64_t value, int bytes) {
    for (int shift = 8 * (bytes - 1); shift >= 0; shift -= 8)
      key_.push_back(static_cast<char>(value >> shift));
    return *this;
  }
  std::string key_;
};

// Reads a key back; the caller knows its form. A key that is too short stops the process.
class KeyReader {
 public:
  explicit KeyReader(absl::string_view key) : rest_(key) {}
  uint8_t U8() { return static_cast<uint8_t>(BigEndian(1)); }
  uint32_t U32() { return static_cast<uint32_t>(BigEndian(4)); }
  uint64_t U64() { return BigEndian(8); }
  BlobId Blob() {
    uint64_t high = U64();
    return {high, U64()};
  }
  absl::string_view Rest() const { return rest_; }
  void SkipPrefix() { (void)U64(), (void)U8(); }  // file system and tag

 private:
  uint64_t BigEndian(size_t bytes);
  absl::string_view rest_;
};

// The first key that does not begin with `prefix`: the end of its scan.
std::string PrefixEnd(absl::string_view prefix);

// Numbers kept as values: 8 bytes, big-endian.
std::string EncodeU64(uint64_t value);
uint64_t DecodeU64(absl::string_view value);

namespace keys {

inline constexpr FileSystemId kClusterWide = 0;

inline std::string Prefix(FileSystemId fs, KeyTag tag) { return KeyBuilder(fs, tag); }

// ---- per file system

inline std::string Inode(FileSystemId fs, InodeId inode) {
  return KeyBuilder(fs, KeyTag::kInode).U64(inode);
}
inline std::string DirentByName(FileSystemId fs, InodeId directory, absl::string_view name) {
  return KeyBuilder(fs, KeyTag::kDirentByName).U64(directory).Bytes(name);
}
inline std::string DirentByCookie(FileSystemId fs, InodeId directory, uint64_t cookie) {
  return KeyBuilder(fs, KeyTag::kDirentByCookie).U64(directory).U64(cookie);
}
inline std::string DirentsByCookie(FileSystemId fs, InodeId directory) {
  return KeyBuilder(fs, KeyTag::kDirentByCookie).U64(directory);
}
// An extent stands under the offset after its last byte: a forward scan from offset + 1 begins
// with the extent that covers `offset`, or the first one after it.
inline std::string Extent(FileSystemId fs, InodeId inode, uint64_t end) {
  return KeyBuilder(fs, KeyTag::kExtent).U64(inode).U64(end);
}
inline std::string Extents(FileSystemId fs, InodeId inode) {
  return KeyBuilder(fs, KeyTag::kExtent).U64(inode);
}
inline std::string Orphan(FileSystemId fs, InodeId inode) {
  return KeyBuilder(fs, KeyTag::kOrphan).U64(inode);
}
inline std::string Usage(FileSystemId fs) { return KeyBuilder(fs, KeyTag::kUsage); }
inline std::string InodeCounter(FileSystemId fs, uint16_t shard) {
  return KeyBuilder(fs, KeyTag::kInodeCounter).U32(shard);
}
inline std::string StateByFile(FileSystemId fs, InodeId inode, uint64_t state) {
  return KeyBuilder(fs, KeyTag::kStateByFile).U64(inode).U64(state);
}
inline std::string StatesOfFile(FileSystemId fs, InodeId inode) {
  return KeyBuilder(fs, KeyTag::kStateByFile).U64(inode);
}
inline std::string LockRange(FileSystemId fs, InodeId inode, uint64_t start, uint64_t state) {
  return KeyBuilder(fs, KeyTag::kLockRange).U64(inode).U64(start).U64(state);
}
inline std::string LocksOfFile(FileSystemId fs, InodeId inode) {
  return KeyBuilder(fs, KeyTag::kLockRange).U64(inode);
}

inline std::string DenyByFile(FileSystemId fs, InodeId inode, uint64_t state) {
  return KeyBuilder(fs, KeyTag::kDenyByFile).U64(inode).U64(state);
}
inline std::string DeniesOfFile(FileSystemId fs, InodeId inode) {
  return KeyBuilder(fs, KeyTag::kDenyByFile).U64(inode);
}

// ---- cluster-wide: data

inline std::string Blob(BlobId id) { return KeyBuilder(kClusterWide, KeyTag::kBlob).Blob(id); }
inline std::string Collect(uint64_t queued_ms, BlobId id) {
  return KeyBuilder(kClusterWide, KeyTag::kCollectQueue).U64(queued_ms).Blob(id);
}
inline std::string Repair(BlobId id) {
  return KeyBuilder(kClusterWide, KeyTag::kRepairQueue).Blob(id);
}
inline std::string Purge(FileSystemId fs, InodeId inode) {
  return KeyBuilder(kClusterWide, KeyTag::kPurgeQueue).U64(fs).U64(inode);
}
inline std::string AppliedIndex() { return KeyBuilder(kClusterWide, KeyTag::kAppliedIndex); }
inline std::string StateHash() { return KeyBuilder(kClusterWide, KeyTag::kStateHash); }
inline std::string LastWallTime() { return KeyBuilder(kClusterWide, KeyTag::kLastWallTime); }

// ---- cluster-wide: clients, sessions, state

inline std::string Client(uint64_t client) {
  return KeyBuilder(kClusterWide, KeyTag::kClient).U64(client);
}
inline std::string ClientByOwner(absl::string_view owner_id) {
  return KeyBuilder(kClusterWide, KeyTag::kClientByOwner).Bytes(owner_id);
}
inline std::string Session(absl::string_view session_id) {
  return KeyBuilder(kClusterWide, KeyTag::kSession).Bytes(session_id);
}
inline std::string SessionByClient(uint64_t client, absl::string_view session_id) {
  return KeyBuilder(kClusterWide, KeyTag::kSessionByClient).U64(client).Bytes(session_id);
}
inline std::string SessionsOfClient(uint64_t client) {
  return KeyBuilder(kClusterWide, KeyTag::kSessionByClient).U64(client);
}
// Session ids are 16 bytes (the driver refuses others), so slots of one session are one prefix.
inline std::string Slot(absl::string_view session_id, uint32_t slot) {
  return KeyBuilder(kClusterWide, KeyTag::kSlot).Bytes(session_id).U32(slot);
}
inline std::string SlotsOfSession(absl::string_view session_id) {
  return KeyBuilder(kClusterWide, KeyTag::kSlot).Bytes(session_id);
}
inline std::string State(uint64_t state) {
  return KeyBuilder(kClusterWide, KeyTag::kState).U64(state);
}
inline std::string StateByClient(uint64_t client, uint64_t state) {
  return KeyBuilder(kClusterWide, KeyTag::kStateByClient).U64(client).U64(state);
}
inline std::string StatesOfClient(uint64_t client) {
  return KeyBuilder(kClusterWide, KeyTag::kStateByClient).U64(client);
}
// `kind` is pb::StateRecord::Kind.
inline std::string StateByOwner(uint64_t client, uint8_t kind, FileSystemId fs, InodeId inode,
                                absl::string_view owner) {
  return KeyBuilder(kClusterWide, KeyTag::kStateByOwner)
      .U64(client)
      .U8(kind)
      .U64(fs)
      .U64(inode)
      .Bytes(owner);
}
inline std::string StateCounter() { return KeyBuilder(kClusterWide, KeyTag::kStateCounter); }
inline std::string ClientUsage(uint64_t client) {
  return KeyBuilder(kClusterWide, KeyTag::kClientUsage).U64(client);
}
inline std::string ClientCounter() { return KeyBuilder(kClusterWide, KeyTag::kClientCounter); }
inline std::string ClientCount() { return KeyBuilder(kClusterWide, KeyTag::kClientCount); }
inline std::string LockStateByOpen(uint64_t open_state, uint64_t lock_state) {
  return KeyBuilder(kClusterWide, KeyTag::kLockStateByOpen).U64(open_state).U64(lock_state);
}
inline std::string LockStatesOfOpen(uint64_t open_state) {
  return KeyBuilder(kClusterWide, KeyTag::kLockStateByOpen).U64(open_state);
}

// ---- system group

inline std::string ClusterMap() { return KeyBuilder(kClusterWide, KeyTag::kClusterMap); }
inline std::string Node(uint32_t node) { return KeyBuilder(kClusterWide, KeyTag::kNode).U32(node); }
inline std::string PlacementGroup(uint32_t id) {
  return KeyBuilder(kClusterWide, KeyTag::kPlacementGroup).U32(id);
}
inline std::string FileSystem(FileSystemId fs) {
  return KeyBuilder(kClusterWide, KeyTag::kFileSystem).U64(fs);
}
inline std::string Secrets() { return KeyBuilder(kClusterWide, KeyTag::kSecrets); }
inline std::string JobLease(absl::string_view job) {
  return KeyBuilder(kClusterWide, KeyTag::kJobLease).Bytes(job);
}

}  // namespace keys
}  // namespace openefs::metadata
