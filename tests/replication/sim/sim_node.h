// One simulated replica: the production core on a disk that loses what was not synced, with a state
// machine that loses what was not flushed.
#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "replication/raft/raft.h"

namespace openefs::replication::sim {

// A state machine here is the list of the entries it has applied.
struct Snapshot {
  raft::SnapshotMeta meta;
  std::vector<raft::Entry> state;
};

// What a log holds, whole, as the checkers compare it.
struct DiskImage {
  raft::HardState hard_state;
  uint64_t first_index = 1;
  uint64_t previous_term = 0;
  raft::Configuration configuration;  // as of the entry before first_index
  std::deque<raft::Entry> entries;    // from first_index

  uint64_t last_index() const { return first_index + entries.size() - 1; }
  // What votes are decided by: the last entry's term, then its index.
  std::pair<uint64_t, uint64_t> LastPosition() const {
    return {entries.empty() ? previous_term : entries.back().term, last_index()};
  }
  const raft::Entry* Find(uint64_t index) const {
    if (index < first_index || index > last_index()) return nullptr;
    return &entries[index - first_index];
  }
  // Of a replica that starts from here.
  raft::Configuration LastConfiguration() const;
  void Write(const std::optional<raft::HardState>& hard, const std::vector<raft::Entry>& added);
  void TruncateBelow(uint64_t index);
  void Reset(const raft::SnapshotMeta& meta);
};

class SimNode {
 public:
  struct Write {
    uint64_t id = 0;
    std::optional<raft::HardState> hard_state;
    std::vector<raft::Entry> entries;
    std::vector<pb::RaftMessage> messages_after;
  };

  // `initial`: the group's first configuration; of no voters on a node that is added later.
  SimNode(NodeId id, raft::RaftOptions options, raft::Configuration initial)
      : id_(id), options_(std::move(options)) {
    disk_.configuration = std::move(initial);
  }

  void Start(uint64_t seed);
  // The first `surviving` of the unsynced writes happen to be on disk. A snapshot that was being
  // installed is either not begun or carried through at the next start.
  void Crash(size_t surviving, bool install_survives);
  bool running() const { return core_ != nullptr; }

  // Takes all that the core has to say; messages that may go out now are appended to `out`.
  void Drain(std::vector<pb::RaftMessage>& out);

  // Makes the next `count` writes durable.
  void Sync(size_t count, std::vector<pb::RaftMessage>& out);
  // Applies the next `count` committed entries.
  void Apply(size_t count);
  void Flush() { flushed_ = applied_.size(); }
  // What nobody needs, or (`beyond_need`) what this state machine has flushed.
  void Compact(bool beyond_need);
  void FinishRead();

  // Of the state machine as it is; nothing if the core cannot tell its configuration.
  std::optional<Snapshot> MakeSnapshot() const;
  // A whole snapshot is here. False: the core does not want it.
  bool Receive(const Snapshot& snapshot);
  bool installing() const { return install_.has_value(); }
  void FinishInstall(std::vector<pb::RaftMessage>& out);

  raft::Raft& core() { return *core_; }
  const raft::Raft& core() const { return *core_; }
  NodeId id() const { return id_; }
  const DiskImage& disk() const { return disk_; }
  const std::deque<Write>& writes() const { return writes_; }
  size_t unsynced() const { return writes_.size(); }
  const std::deque<raft::Entry>& to_apply() const { return to_apply_; }
  size_t unapplied() const { return to_apply_.size(); }
  bool has_read() const { return !reads_.empty(); }
  // What a reader here sees once all that was handed out is applied.
  uint64_t handed_out() const { return handed_out_; }
  const std::vector<raft::Entry>& applied() const { return applied_; }

  // News since the checkers looked; they empty these.
  std::vector<raft::Entry> handed_out_entries;
  std::vector<uint64_t> released_barriers;
  std::vector<uint64_t> dropped_barriers;
  std::optional<Snapshot> installed;
  bool went_back = false;  // a snapshot took the place of a later state
  // For the network.
  std::vector<raft::Ready::SnapshotRequest> snapshot_requests;
  // For people.
  std::optional<raft::Ready::ConfigurationNews> configuration_news;
  size_t disk_reads = 0;
  size_t rollbacks = 0;  // of configurations

 private:
  void InstallOnDisk();
  void NoteConfiguration(const raft::Ready::ConfigurationNews& news);

  const NodeId id_;
  raft::RaftOptions options_;
  std::unique_ptr<raft::Raft> core_;

  DiskImage disk_;
  std::deque<Write> writes_;          // unsynced
  std::vector<raft::Entry> applied_;  // of the state machine, by index - 1
  uint64_t flushed_ = 0;              // what of it survives a crash
  std::deque<raft::Entry> to_apply_;
  uint64_t handed_out_ = 0;
  std::deque<raft::Ready::LogRead> reads_;
  std::optional<Snapshot> received_;  // the core said it wants it
  std::optional<Snapshot> install_;   // the core said to install it
  uint64_t configuration_index_ = 0;
};

}  // namespace openefs::replication::sim
