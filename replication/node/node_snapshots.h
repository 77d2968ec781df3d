// NodeSnapshots: the snapshots of all groups of a node: who may send, what came from peers, and
// what a crash left on disk. In a turn of the loop, but for Start and Stop.
#pragma once

#include <deque>
#include <functional>
#include <memory>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "replication/log/log_store.h"
#include "replication/node/group.h"
#include "replication/node/snapshot_receiver.h"
#include "replication/node/snapshot_sender.h"

namespace openefs::replication {

class NodeSnapshots {
 public:
  // Carries out the intent to install that a crash left, and removes what is of no use. Before the
  // group's log is loaded.
  static absl::Status Recover(GroupId group, const std::string& log_directory,
                              StateMachine* machine, LogStore* store);

  NodeSnapshots(SnapshotSender::Options sender, SnapshotReceiver::Options receiver,
                SnapshotSender::Call call, Inbox* inbox, const Clock* clock);

  void Start();
  void Stop();

  // `group` is null where this node has none of that number.
  // What was received for it will not be installed.
  void Release(GroupId group) { receiver_.Release(group); }
  void OnArrival(SnapshotArrival arrival, const Group* group);
  void OnNews(const SnapshotNews& news, Group* group);

  // After the groups have processed their input.
  void Collect(Group& group);
  void Serve(const std::function<Group*(GroupId)>& find);

 private:
  using Key = std::pair<GroupId, NodeId>;
  void OnCheckpoint(const SnapshotNews& news, Group* group);

  SnapshotSender sender_;
  SnapshotReceiver receiver_;
  std::deque<Key> waiting_;  // bounded: one for each follower of each group
  std::set<Key> sending_;    // at most kSnapshotsAtOnce
};

}  // namespace openefs::replication
