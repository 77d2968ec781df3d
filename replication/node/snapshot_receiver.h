// SnapshotReceiver: the thread of a node that takes snapshots from leaders. What comes is hostile
// until it is proved: names, sizes and order are checked, every file is hashed, and only what is
// complete and durable is offered to the group, which decides whether it wants it.
//
// A broken connection, or a restart of either side, costs only what was not on disk: BEGIN is
// answered with how much of each file is there. Files of an earlier snapshot that the new one has
// too, by hash, are kept.
#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "common/clock.h"
#include "common/mutex.h"
#include "replication/node/inbox.h"
#include "replication/node/sha256.h"
#include "replication/node/snapshot_files.h"
#include "replication/node/snapshot_step.h"

namespace openefs::replication {

// A part of a file: the largest that is accepted.
inline constexpr size_t kMaxSnapshotPartBytes = size_t{1} << 20;

class SnapshotReceiver {
 public:
  struct Options {
    std::string cluster_id;
    std::string log_directory;
    std::vector<GroupId> groups;
    SnapshotFaultHook fault;
    // A snapshot of which nothing came for so long is removed: its sender has given up.
    int64_t idle_ms = 600'000;
    // Disk that must stay free for the log and the state machines.
    uint64_t reserve_bytes = uint64_t{256} << 20;
  };
  // `inbox` hears of a complete snapshot as SnapshotNews::kReceived.
  SnapshotReceiver(Options options, Inbox* inbox, const Clock* clock);
  ~SnapshotReceiver() { Stop(); }

  void Start();
  // What is queued is answered UNAVAILABLE.
  void Stop();

  // A step from a peer that is who it says. `applied_index`: of the group here. Answers, beside the
  // codes of broken connections:
  //   ALREADY_EXISTS       the replica has that state already
  //   INVALID_ARGUMENT     what no node that works as it should sends
  //   FAILED_PRECONDITION  from a leader of an older term
  //   ABORTED, OUT_OF_RANGE  not what comes next: begin again
  //   DATA_LOSS            a file is not what the manifest says; it was removed: begin again
  //   RESOURCE_EXHAUSTED   the disk is full; what had come is removed
  //   UNAVAILABLE          busy, or another snapshot is being installed
  void Submit(SnapshotArrival arrival);

  // What was offered to the group is installed, or not wanted: another one may come.
  void Release(GroupId group);

 private:
  struct File {
    uint64_t have = 0;
    bool verified = false;  // complete, durable, and its hash is right
  };
  struct Incoming {
    pb::SnapshotManifest manifest;
    uint64_t leader_term = 0;
    uint64_t transfer = 0;
    bool offered = false;  // the group has it
    int64_t touched_ms = 0;
    std::vector<File> files;
    // The file being written, and its hash if it was written from its beginning here.
    int open_file = -1;
    int fd = -1;
    std::unique_ptr<Sha256> hash;
  };
  struct Task {
    SnapshotArrival arrival;
    std::optional<GroupId> release;  // if set: only this
  };

  void Run();
  bool Take(Task& task);
  void Carry(SnapshotArrival arrival);
  absl::StatusOr<pb::SnapshotReply> Begin(const SnapshotArrival& arrival);
  absl::Status CheckBegin(const SnapshotArrival& arrival);
  absl::Status Prepare(GroupId group, const pb::SnapshotManifest& manifest);
  absl::Status KeepWhatMatches(const SnapshotPaths& paths, const pb::SnapshotManifest& old,
                               const pb::SnapshotManifest& manifest);
  absl::Status CheckSpace(GroupId group, const Incoming& incoming) const;
  absl::Status TakePart(GroupId group, Incoming& incoming, const SnapshotArrival& arrival);
  absl::Status OpenFile(GroupId group, Incoming& incoming, int number);
  absl::Status CloseFile(GroupId group, Incoming& incoming);
  absl::Status End(GroupId group, Incoming& incoming);
  absl::Status Verify(GroupId group, Incoming& incoming, int number);
  absl::Status Reject(GroupId group, Incoming& incoming, int number);
  Incoming* Find(const pb::SnapshotRequest& request);
  void Forget(GroupId group);
  void Drop(GroupId group);
  void DropIdle();
  std::string PathOf(GroupId group, const Incoming& incoming, int number) const;
  absl::Status Reached(SnapshotStep step) const;

  // Constant.
  const Options options_;
  Inbox* const inbox_;
  const Clock* const clock_;

  // Receiver thread only.
  std::map<GroupId, Incoming> incoming_;

  Mutex mu_;
  CondVar work_;
  std::deque<Task> queue_ ABSL_GUARDED_BY(mu_);
  size_t queued_bytes_ ABSL_GUARDED_BY(mu_) = 0;
  bool stop_ ABSL_GUARDED_BY(mu_) = false;

  std::thread thread_;
};

}  // namespace openefs::replication
