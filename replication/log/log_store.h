// LogStore: the one Raft log of a node, shared by all its groups, so that one fdatasync makes what
// many groups wrote durable.
//
// Appends only. Overwriting an entry means appending it again; cutting off the front means a record
// that says so, after which whole segments that nobody needs are deleted; so does replacing a
// group's log by a snapshot. Every segment begins with every group's hard state, its front and its
// configuration there, so deleting an older one never loses a vote or a member.
//
// After the first error in writing or syncing, nothing is ever acknowledged from this log again:
// what the kernel did with the pages is unknown (an fsync that is repeated and succeeds proves
// nothing).
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "common/ids.h"
#include "common/mutex.h"
#include "common/store_directory.h"
#include "replication/log/group_index.h"
#include "replication/log/segment.h"
#include "replication/raft/raft.h"

namespace openefs::replication {

struct LogStoreOptions {
  std::string directory;
  NodeId node_id = 0;
  std::string cluster_id;
  // A new segment is begun beyond this: the grain in which space is given back.
  uint64_t segment_bytes = uint64_t{64} << 20;
  size_t zero_ahead_bytes = kZeroAheadBytes;
  LogFaultHook fault;  // tests only
  // Called when the log turns out to be damaged before acknowledged data, while it is locked. OK:
  // its files are set aside (as `damaged-<n>` in the directory) and an empty log takes their place.
  // An error, or null: Open fails.
  std::function<absl::Status(const absl::Status& damage)> on_damage;
};

// What one group adds in one write, applied in the order of the members.
struct GroupWrite {
  GroupId group = 0;
  std::optional<raft::Configuration> first_configuration;  // before any entry
  // A snapshot takes the place of the log: no entries, and the front after `reset->index`. Of index
  // 0: the log is that of a new replica, but for its configuration.
  std::optional<raft::SnapshotMeta> reset;
  std::optional<raft::HardState> hard_state;
  std::vector<raft::Entry> entries;
  uint64_t truncate_to = 0;    // not 0: entries below are no longer needed
  uint64_t previous_term = 0;  // with truncate_to: the term of the entry before it
};

class LogStore {
 public:
  // Opens or formats. Errors, each one line: those of StoreDirectory::Open; DATA_LOSS if the log is
  // damaged anywhere but in a torn last write, which is cut off (but see options.on_damage), or
  // cannot be read.
  static absl::StatusOr<std::unique_ptr<LogStore>> Open(LogStoreOptions options);

  // What the log holds of a group, with the entries from `recent_from` on.
  struct GroupLog {
    // As of the log's front; without voters: none was ever written, the group is new here or waits
    // to be added.
    raft::Configuration configuration;
    std::map<uint64_t, raft::Configuration> configurations;  // of the entries about them, by index
    raft::HardState hard_state;
    raft::LogView::Contents contents;
  };
  absl::StatusOr<GroupLog> Load(GroupId group, uint64_t recent_from) const;

  // All of it or, after a crash, nothing, or a part of the last write; durable on return. One
  // thread. RESOURCE_EXHAUSTED when the disk is full, DATA_LOSS otherwise; then for ever.
  absl::Status Write(absl::Span<const GroupWrite> writes);

  // Entries from `low` on, at least one, then as many as fit both limits. Any thread. NOT_FOUND if
  // they are truncated.
  absl::StatusOr<std::vector<raft::Entry>> Read(GroupId group, uint64_t low, size_t max_entries,
                                                size_t max_bytes) const;

  // Bytes of the entries that a group has in the log, and the smallest index from which on they
  // are at most `bytes` (last_index + 1 if none is). Any thread.
  uint64_t GroupBytes(GroupId group) const;
  uint64_t IndexKeeping(GroupId group, uint64_t bytes) const;
  // The last index that a group has in the oldest segment, which cannot be deleted before the group
  // is truncated beyond; 0 if it does not hold it up. Any thread.
  uint64_t LastIndexInOldest(GroupId group) const;

  // Bytes in all segments, and the groups that keep the oldest one from being deleted. Any thread.
  uint64_t TotalBytes() const;
  std::vector<GroupId> PinningGroups() const;
  size_t SegmentCount() const;

 private:
  explicit LogStore(LogStoreOptions options) : options_(std::move(options)) {}

  // recovery.cc
  absl::Status Recover();
  absl::StatusOr<std::vector<uint64_t>> ListSegments();
  absl::Status ReplaySegment(uint64_t number, bool is_last);
  absl::Status ReplayFrames(Segment& segment, bool is_last, const std::string& bytes);
  absl::Status ReplayFrame(Segment& segment, uint64_t frame_offset, std::string_view payload,
                           bool* torn);
  absl::Status ReplayRecord(Segment& segment, uint64_t offset, const Record& record);
  absl::Status Damaged(std::string what);
  absl::Status BeginAnew(const absl::Status& damage);

  absl::Status BeginSegment();
  absl::Status WriteFrame(absl::Span<const GroupWrite> writes);
  void AddGroupHeads(FrameWriter& frame) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  static void AddFront(GroupId group, const GroupIndex& index, FrameWriter& frame);
  void AddWrite(const GroupWrite& write, uint64_t frame_offset, FrameWriter& frame)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  void AddReset(const GroupWrite& write, GroupIndex& index, FrameWriter& frame)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  void AddEntries(const GroupWrite& write, uint64_t frame_offset, GroupIndex& index,
                  FrameWriter& frame) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  void AddTruncation(const GroupWrite& write, GroupIndex& index, FrameWriter& frame)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  absl::Status DeleteUnneededSegments();
  bool Needed(const Segment& segment) const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);

  // Constant after Open.
  LogStoreOptions options_;
  std::unique_ptr<StoreDirectory> directory_;

  // While opening.
  bool damaged_ = false;  // DATA_LOSS is not only a file that cannot be opened

  // Writer thread only.
  absl::Status failed_;
  uint64_t next_frame_ = 1;
  std::shared_ptr<Segment> active_;

  mutable Mutex mu_;
  std::map<GroupId, GroupIndex> groups_ ABSL_GUARDED_BY(mu_);
  std::map<uint64_t, std::shared_ptr<Segment>> segments_ ABSL_GUARDED_BY(mu_);
};

}  // namespace openefs::replication
