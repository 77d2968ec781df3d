// The snapshots of a simulated process, both ways: production's GroupSnapshots decide, install and
// recover; what NodeSnapshots, SnapshotSender and SnapshotReceiver do with threads and a stream in
// parts is one parcel over the simulated network here.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "common/ids.h"
#include "replication/node/group.h"
#include "replication/node/inbox.h"

namespace openefs::sim {

// Everything that a follower gets of a snapshot.
struct SnapshotParcel {
  pb::SnapshotManifest manifest;
  std::vector<std::string> files;  // contents, as the manifest has them
};
using SnapshotParcelPtr = std::shared_ptr<const SnapshotParcel>;

class SnapshotTraffic {
 public:
  // `done(true)`: it is whole on the follower's disk.
  using Send = std::function<void(NodeId follower, SnapshotParcelPtr, std::function<void(bool)>)>;

  // `wake` is called whenever the inbox has news.
  SnapshotTraffic(std::string log_directory, replication::Inbox* inbox, Send send,
                  std::function<void()> wake);

  void OnNews(const replication::SnapshotNews& news, replication::Group& group);
  // After every turn of the group.
  void Collect(replication::Group& group);

  // A parcel has come. False: it is not taken.
  bool Receive(const SnapshotParcel& parcel, uint64_t applied_index);

 private:
  void OnCheckpoint(const replication::SnapshotNews& news, replication::Group& group);
  absl::Status Store(const SnapshotParcel& parcel) const;

  const std::string log_directory_;
  replication::Inbox* const inbox_;
  const Send send_;
  const std::function<void()> wake_;
  std::set<NodeId> waiting_;
  std::set<NodeId> sending_;
  bool offered_ = false;  // the group has a snapshot that came: no other is taken meanwhile
};

}  // namespace openefs::sim
