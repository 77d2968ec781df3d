// Whether the replicas of a group agree. Each tells the others what its state came to at a few
// indexes; where a majority of the voters came to one hash and a replica to another, it is odd.
#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "absl/types/span.h"
#include "common/ids.h"
#include "common/mutex.h"
#include "replication/node/state_machine.h"

namespace openefs::metadata {

struct StateVerdict {
  enum class Kind {
    kNothing,    // nothing new is known to be wrong
    kUndecided,  // we differ from a peer, and no majority says who is right
    kPeerOdd,    // that peer differs from a majority which this replica belongs to
    kSelfOdd,    // this replica differs from a majority
  };
  Kind kind = Kind::kNothing;
  NodeId peer = 0;  // the one compared with
  uint64_t index = 0;
  uint64_t own_hash = 0;
  uint64_t other_hash = 0;
};

// Any thread.
class StateComparison {
 public:
  // `self` 0: compares nothing (a machine outside a cluster).
  StateComparison(NodeId self, std::vector<NodeId> voters);

  // Who decides from now on; what others have said is forgotten.
  void SetVoters(std::vector<NodeId> voters);

  // This replica's state came from somewhere else (a restart, a snapshot): what is remembered of
  // it is void.
  void Restart();

  // Entry after entry, in order.
  void Note(absl::Span<const replication::StateDigest> applied);

  // What peers are to be told: the hash at the last index, and at the last multiples of some powers
  // of two. Those are indexes that all replicas have told each other about at some time, however
  // fast entries come and however far one of them is behind.
  std::vector<replication::StateDigest> Latest() const;

  // The last index at which a majority of the voters is known to have come to the same as this
  // replica; 0: none yet.
  uint64_t AgreedIndex() const;

  // A verdict on a peer is given once, until the peer agrees again.
  StateVerdict OnPeer(NodeId from, absl::Span<const replication::StateDigest> digests);

 private:
  // Level 0 is every index, the others every 2^8th, 2^12th, ...: a few seconds of entries as well
  // as hours of them. 16 bytes a place, 5 KiB for each group.
  static constexpr std::array<int, 5> kShifts = {0, 8, 12, 16, 20};
  static constexpr size_t kRemembered = 64;
  // More than a peer that works as it should can send.
  static constexpr size_t kMaxPeerDigests = kShifts.size();

  // Null: not applied yet, or forgotten.
  const uint64_t* Find(uint64_t index) const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  // Wherever they can be compared, and somewhere they can.
  bool Agrees(absl::Span<const replication::StateDigest> digests)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  StateVerdict Judge(NodeId peer, const replication::StateDigest& digest)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  // Voters that are known to have come to `hash` at `index`.
  size_t Count(uint64_t index, uint64_t hash) const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);

  const NodeId self_;

  mutable Mutex mu_;
  std::vector<NodeId> voters_ ABSL_GUARDED_BY(mu_);
  std::array<std::array<replication::StateDigest, kRemembered>, kShifts.size()> own_
      ABSL_GUARDED_BY(mu_);
  uint64_t last_ ABSL_GUARDED_BY(mu_) = 0;
  uint64_t agreed_ ABSL_GUARDED_BY(mu_) = 0;
  // What each peer said last; peers are as many as nodes of the group.
  std::map<NodeId, std::vector<replication::StateDigest>> peers_ ABSL_GUARDED_BY(mu_);
  std::map<NodeId, StateVerdict::Kind> told_ ABSL_GUARDED_BY(mu_);
};

}  // namespace openefs::metadata
