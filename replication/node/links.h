// Links: on which stream a node reaches each of its peers, so that a pair has one, used both ways.
//
// Either of two nodes may connect; the one with the lower id does so at once, the other one when it
// has had no stream from it for a while and has something to say: it was told no address, is not on
// record there, or only this direction works. Whoever is connected to answers on that stream: what
// arrives on it names a node and its session, and what goes to that session goes back the same way.
// So a process that merely claims an id, as a copy or a directory that was wiped does, draws no
// messages that are meant for another: hellos alone follow whoever spoke last, and judging them is
// for peers.h. When both have connected, the higher one drops its own stream as soon as it can
// answer on the other.
//
// Streams that break are made again by their channels, with growing pauses. An old stream that is
// still open when a process has started again is not used any more: its session is another.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "common/clock.h"
#include "common/ids.h"
#include "common/mutex.h"
#include "common/rpc/channel.h"

namespace openefs::replication {

// How long a node waits for one with a lower id to connect.
inline constexpr int64_t kDialPatienceMs = 1'000;

// Any thread.
class Links {
 public:
  using Dial = std::function<std::shared_ptr<rpc::Channel>(const std::string& address)>;

  // `addresses` are configured, and win over what is learned later.
  Links(NodeId self, const std::map<NodeId, std::string>& addresses, Dial dial, const Clock* clock);

  // Where a peer is reached, unless that is configured. Another address than before takes the place
  // of the earlier one.
  void LearnAddress(NodeId peer, const std::string& address) ABSL_LOCKS_EXCLUDED(mu_);

  // Something came from a session of `peer` on a stream that it opened.
  void NoteOrigin(NodeId peer, uint64_t session, rpc::Origin& origin) ABSL_LOCKS_EXCLUDED(mu_);

  // For messages to a session. Null: there is no way now.
  std::shared_ptr<rpc::Caller> ToSession(NodeId peer, uint64_t session) ABSL_LOCKS_EXCLUDED(mu_);

  // For a hello. Null: its address is not known, or it shall connect first. Connects if it must.
  std::shared_ptr<rpc::Caller> ForHello(NodeId peer) ABSL_LOCKS_EXCLUDED(mu_);

  // Ends the streams that this node opened; no new ones are made.
  void Close() ABSL_LOCKS_EXCLUDED(mu_);

 private:
  // A stream that the peer opened.
  struct Back {
    uint64_t stream = 0;
    uint64_t session = 0;
    std::shared_ptr<rpc::Caller> caller;
  };
  struct Peer {
    std::string address;
    bool configured = false;
    std::shared_ptr<rpc::Channel> dialed;
    std::vector<Back> backs;      // in the order in which they were first heard on
    int64_t alone_since_ms = -1;  // with no stream from the peer; -1: not noticed yet
  };

  bool Leads(NodeId peer) const { return self_ < peer; }
  void DialNow(Peer& peer) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  void DropOne() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  void DropEnded(uint64_t noted_anew) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  static void Discard(std::shared_ptr<rpc::Channel> channel);

  // Constant.
  const NodeId self_;
  const Dial dial_;
  const Clock* const clock_;

  Mutex mu_;
  std::map<NodeId, Peer> peers_ ABSL_GUARDED_BY(mu_);
  size_t backs_ ABSL_GUARDED_BY(mu_) = 0;  // of all peers
  bool closed_ ABSL_GUARDED_BY(mu_) = false;
};

}  // namespace openefs::replication
