// The disk under a node's Raft log: production's LogStore on files in memory (/dev/shm), where a
// crash can stop it before any change of the disk and tear what was written but not synced.
#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "absl/status/status.h"
#include "absl/types/span.h"
#include "common/ids.h"
#include "replication/log/log_store.h"
#include "tests/sim/counts.h"
#include "tests/sim/kernel/random.h"

namespace openefs::sim {

class LogDisk {
 public:
  LogDisk(std::string directory, NodeId node, uint64_t segment_bytes, SimRandom* random,
          Counts* counts);
  ~LogDisk();

  // As LogStore::Open; there is no store until then. Where `crash` is asked for, the machine stops
  // at some change of the disk that this makes, if it makes so many.
  absl::Status Open(bool crash = false);
  bool stopped() const { return stopped_; }
  const std::string& directory() const { return directory_; }
  // What a failed sync left unsynced may be there or not from now on.
  void Close();
  replication::LogStore* store() const { return store_.get(); }

  // As LogStore::Write.
  absl::Status Write(absl::Span<const replication::GroupWrite> writes);

  // The machine stops at some point of this write: before any of its changes of the disk, or after
  // all of them. What was not synced by then may be there, in part or not at all. The store is gone
  // afterwards.
  void CrashDuring(absl::Span<const replication::GroupWrite> writes);

  // Turns over a bit somewhere in the log. Not in the frame written last: that would look as if it
  // had been torn, which no log can tell from a crash.
  bool Rot();

  bool full = false;        // writes fail with ENOSPC
  bool fail_syncs = false;  // fdatasync fails: what the pages hold is unknown from then on

 private:
  absl::Status OnIo(replication::LogIo io);
  // The newest segment's path; empty: there is none.
  std::string NewestSegment() const;
  void Tear();

  const std::string directory_;
  const NodeId node_;
  const uint64_t segment_bytes_;
  SimRandom* const random_;
  Counts* const counts_;
  std::unique_ptr<replication::LogStore> store_;

  bool crashing_ = false;
  int64_t changes_until_crash_ = 0;
  bool stopped_ = false;       // nothing reaches the disk any more
  std::string unsynced_path_;  // what was written since its last sync; empty: nothing
  std::string before_;         // its content then
};

}  // namespace openefs::sim
