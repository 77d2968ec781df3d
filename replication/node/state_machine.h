// What a Raft group replicates: the user's side of replication.
#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "common/ids.h"

namespace openefs::replication {

// What the proposer handed to ReplicaNode::Propose comes back to it, on this node only, when its
// entry is applied. The state machine leaves its result in it.
class ProposalContext {
 public:
  virtual ~ProposalContext() = default;

  // Exactly one of the two, exactly once, on a thread of the node; neither may block.
  virtual void OnApplied() = 0;  // right after the Apply that carried it has returned
  // UNAVAILABLE: not leader, or refused before it entered the log; it has no effect and never will.
  // UNKNOWN: leadership went while it was in the log; it may or may not take effect.
  virtual void OnDropped(const absl::Status& why) = 0;
};

struct CommittedEntry {
  uint64_t index = 0;
  uint64_t term = 0;
  absl::string_view data;                    // empty for entries that are Raft's own
  std::shared_ptr<ProposalContext> context;  // null unless proposed here in this term
};

// What a state machine came to by applying all entries up to `index`: equal on all replicas.
struct StateDigest {
  uint64_t index = 0;
  uint64_t hash = 0;
};

// One group's state. Everything but AppliedIndex is called by one thread at a time, the group's
// applier.
class StateMachine {
 public:
  virtual ~StateMachine() = default;

  // Applies entries in index order, without gaps. Effects and the last index become visible, and
  // survive a crash, only together. An error stops the replica (it must not go on after one).
  virtual absl::Status Apply(absl::Span<const CommittedEntry> entries) = 0;

  // The last index applied; after a restart, what the store on disk has.
  virtual uint64_t AppliedIndex() const = 0;

  // Makes everything applied so far survive a crash by itself and returns the index that is safe:
  // the log below may be cut. Slow; called on the applier, seldom.
  virtual absl::StatusOr<uint64_t> Flush() = 0;

  // Leaves a consistent copy of the state in `directory`, which does not exist yet (its parent
  // does), and returns the applied index it stands for: always AppliedIndex() as it is. The copy is
  // a few plain files without directories below, durable, with names of [A-Za-z0-9._-] that begin
  // with a letter or digit. It must be quick (files that do not change are linked, not copied):
  // nothing is applied meanwhile. It implies Flush. Errors stop nothing: the copy is given up, the
  // caller removes what is left of it.
  virtual absl::StatusOr<uint64_t> Checkpoint(const std::string& directory) = 0;

  // Takes a copy that Checkpoint made on any replica of the group in place of everything it has;
  // AppliedIndex() is then that of the copy. Durable on return; a crash at any moment leaves the
  // old state or the new. Idempotent: it is repeated when a crash came between it and the removal
  // of `directory`, whose files stay as they are. Reads under way go on over the old state. An
  // error stops the replica; DATA_LOSS: the copy is no good, and the old state is as it was.
  virtual absl::Status Install(const std::string& directory) = 0;

  // Forgets everything: AppliedIndex() is 0, as in a new replica. Durable on return; a crash at any
  // moment leaves the old state or none. Idempotent. A machine without it cannot be rebuilt.
  virtual absl::Status Clear() {
    return absl::UnimplementedError("this state machine cannot be cleared");
  }

  // This replica leads `term` and has applied every entry of earlier terms.
  virtual void OnLeader(uint64_t term) = 0;
  virtual void OnFollower() = 0;

  // What another replica sent by ReplicaNode::SendDigests; may come late, twice or never. On a
  // thread of the node; must not block. A machine that sends none may ignore them.
  virtual void OnPeerDigests(NodeId /*from*/, absl::Span<const StateDigest> /*digests*/) {}
};

}  // namespace openefs::replication
