// Where a node keeps the snapshots of one group that come and go, and what makes them safe against
// crashes. Below `snapshots/<group>` of the node's log directory:
//
//   outgoing-<follower>  a checkpoint that is being sent; removed after use and on start
//   incoming/manifest    what is being received, and incoming/files what has come of it; stays over
//                        a restart, so that the sender need not send it again
//   install              was `incoming`: complete, verified, durable, and accepted. The intent to
//                        take it in place of state machine and log: on start it is carried out
//   trash-<n>            is being removed
//
// Functions without state; each names the thread it belongs to.
#pragma once

#include <functional>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "common/ids.h"
#include "proto/raft.pb.h"
#include "replication/node/state_machine.h"
#include "replication/raft/configuration.h"

namespace openefs::replication {

// RocksDB keeps a multi-gigabyte state in some hundreds of tables; a manifest is one call.
inline constexpr size_t kMaxSnapshotFiles = 100'000;
inline constexpr size_t kSnapshotHashBytes = 32;  // SHA-256: equal means the same file
inline constexpr size_t kMaxManifestBytes = size_t{32} << 20;

class SnapshotPaths {
 public:
  // `log_directory` is the node's.
  SnapshotPaths(const std::string& log_directory, GroupId group);

  const std::string& base() const { return base_; }
  std::string Outgoing(NodeId follower) const;
  std::string Incoming() const { return base_ + "/incoming"; }
  std::string Install() const { return base_ + "/install"; }
  // Of Incoming or Install.
  static std::string Files(const std::string& directory) { return directory + "/files"; }
  static std::string Manifest(const std::string& directory) { return directory + "/manifest"; }

 private:
  std::string base_;
};

// Told of every `bytes` that were read; waits as long as is due. An error ends the work.
using SnapshotPace = std::function<absl::Status(size_t bytes)>;

// Reads every file of a checkpoint in `directory`.
absl::StatusOr<pb::SnapshotManifest> MakeManifest(const std::string& directory,
                                                  const std::string& cluster_id, GroupId group,
                                                  const raft::SnapshotMeta& meta,
                                                  const SnapshotPace& pace);

// INVALID_ARGUMENT, in one line, unless it can be what MakeManifest made for this cluster and group
// on a node that works as it should: nothing in it is trusted before.
absl::Status CheckManifest(const pb::SnapshotManifest& manifest, const std::string& cluster_id,
                           GroupId group);
raft::SnapshotMeta MetaOf(const pb::SnapshotManifest& manifest);
uint64_t BytesOf(const pb::SnapshotManifest& manifest);

// The manifest in a directory; NOT_FOUND if there is none, DATA_LOSS if it does not parse.
absl::StatusOr<pb::SnapshotManifest> ReadManifest(const std::string& directory);

// SHA-256 of a file's content; INTERNAL if it cannot be read.
absl::StatusOr<std::string> HashFile(const std::string& path, const SnapshotPace& pace = nullptr);

// Makes the intent: `incoming` becomes `install`, durably.
absl::Status BeginInstall(const SnapshotPaths& paths);
// The intent carried out for the state machine, which then has applied `index`.
absl::Status InstallInMachine(const SnapshotPaths& paths, StateMachine* machine, uint64_t index);
// The intent is carried out: `install` is gone when this returns OK, also after a crash.
absl::Status FinishInstall(const SnapshotPaths& paths);

// Removes a directory so that a crash leaves it whole or gone. No such directory: OK.
absl::Status RemoveWhole(const std::string& path);

// Makes the group's directory, durably, unless it is there.
absl::Status EnsureSnapshotDirectory(const SnapshotPaths& paths);
// On start: removes what is of no use any more.
absl::Status CleanSnapshotDirectory(const SnapshotPaths& paths);

}  // namespace openefs::replication
