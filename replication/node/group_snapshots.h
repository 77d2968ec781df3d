// GroupSnapshots: the snapshots of one group as the event loop sees them, both ways. Everything
// here runs in a turn of the loop.
//
// Sending, on the leader:  the core wants one -> Want -> (the node has a free sender) Checkpoint
//   -> applier -> OnCheckpoint -> SnapshotSender -> OnSent -> the core
// Taking, on a follower:   SnapshotReceiver -> OnReceived -> the core says Install -> applier
//   (intent, state machine) -> OnInstalled -> log writer (reset) -> OnLogReset -> applier (the
//   intent goes) -> OnFinished -> the core goes on
//
// Between the intent and its end the core takes no entries, so carrying out the intent again after
// a crash loses nothing that was acknowledged.
#pragma once

#include <atomic>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <utility>
#include <vector>

#include "common/ids.h"
#include "replication/node/applier.h"
#include "replication/node/log_writer.h"
#include "replication/node/snapshot_sender.h"
#include "replication/raft/raft.h"

namespace openefs::replication {

class GroupSnapshots {
 public:
  struct Options {
    std::string log_directory;  // snapshots lie below it
    // Between a snapshot that could not be sent and the next attempt at it.
    int retry_ticks = 100;
    SnapshotFaultHook fault;
  };

  GroupSnapshots(GroupId group, Options options, raft::Raft* core, Applier* applier);

  // ---- sending ----
  void Want(const raft::Ready::SnapshotRequest& request);
  // Followers to be served as soon as the node can. Checkpoint is called for each.
  std::vector<NodeId> TakeWanted() { return std::exchange(wanted_, {}); }
  // False: it is not wanted any more.
  bool Checkpoint(NodeId follower);
  // Nothing: it cannot be sent.
  std::optional<SnapshotJob> OnCheckpoint(const SnapshotNews& news);
  void OnSent(const SnapshotNews& news);
  void Tick();
  // Entries from here on are kept for followers that get, or install, a snapshot.
  uint64_t KeepFrom() const;

  // ---- taking ----
  // False: it is not wanted.
  bool OnReceived(const raft::SnapshotMeta& meta);
  void Install(const raft::SnapshotMeta& meta);
  void OnInstalled();
  void OnLogReset();
  // The index that the core goes on from.
  uint64_t OnFinished();

  // The group stops: nothing of it is sent any more.
  void Cancel();

  // After every turn: cancels what a deposed leader sends; the log's reset, if it is due.
  void Process(std::vector<WriteTask>& writes);

 private:
  struct Sending {
    uint64_t term = 0;
    uint64_t keep_after = 0;  // entries above this are kept; with `pinned`
    bool pinned = false;
    bool sent = false;  // what is left is to install it
    int retry_in = 0;   // ticks until the core hears that it failed; 0: it did not
    std::shared_ptr<std::atomic<bool>> cancelled = std::make_shared<std::atomic<bool>>(false);
  };
  void SubmitInstall(SnapshotTask::Kind kind);
  // Null: that is over.
  Sending* Find(const SnapshotNews& news);
  void Fail(Sending& sending) const { sending.retry_in = options_.retry_ticks; }
  bool StillInstalling(NodeId follower, const Sending& sending) const;

  const GroupId group_;
  const Options options_;
  const SnapshotPaths paths_;
  raft::Raft* const core_;
  Applier* const applier_;

  std::vector<NodeId> wanted_;
  std::map<NodeId, Sending> sending_;

  std::optional<raft::SnapshotMeta> installing_;
  bool reset_due_ = false;
};

}  // namespace openefs::replication
