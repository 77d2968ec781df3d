#include "replication/node/links.h"

#include <algorithm>
#include <utility>

#include "common/timers.h"

namespace openefs::replication {
namespace {

// Streams that peers opened and that are remembered: one for each of at most a few dozen peers, and
// what strangers and copies may hold for a while.
constexpr size_t kMaxBacks = 64;

}  // namespace

Links::Links(NodeId self, const std::map<NodeId, std::string>& addresses, Dial dial,
             const Clock* clock)
    : self_(self), dial_(std::move(dial)), clock_(clock) {
  MutexLock lock(mu_);
  for (const auto& [node, address] : addresses) {
    Peer& peer = peers_[node];
    peer.address = address;
    peer.configured = true;
    if (Leads(node)) DialNow(peer);
  }
}

void Links::DialNow(Peer& peer) {
  if (!closed_ && !peer.address.empty()) peer.dialed = dial_(peer.address);
}

// A channel waits for its callbacks when it goes, which the threads that send shall not.
void Links::Discard(std::shared_ptr<rpc::Channel> channel) {
  if (channel == nullptr) return;
  Timers::Get().RunAfter(0, [channel = std::move(channel)] {});
}

void Links::LearnAddress(NodeId node, const std::string& address) {
  if (address.empty()) return;
  MutexLock lock(mu_);
  Peer& peer = peers_[node];
  if (peer.configured || peer.address == address) return;
  peer.address = address;
  const bool dialed = peer.dialed != nullptr;
  Discard(std::exchange(peer.dialed, nullptr));
  if (dialed || Leads(node)) DialNow(peer);
}

// Forgets streams that have ended, or are about to be noted anew.
void Links::DropEnded(uint64_t noted_anew) {
  backs_ = 0;
  for (auto& [node, peer] : peers_) {
    std::erase_if(peer.backs, [&](const Back& back) {
      return back.stream == noted_anew || !back.caller->IsUp();
    });
    backs_ += peer.backs.size();
  }
  // Of whom nothing is known but that a stream claimed to be theirs.
  std::erase_if(peers_, [](const auto& entry) {
    return entry.second.backs.empty() && entry.second.address.empty();
  });
}

// Of whoever has most of them the oldest; one that is in use is noted again with its next message.
void Links::DropOne() {
  const auto most = std::max_element(
      peers_.begin(), peers_.end(),
      [](const auto& a, const auto& b) { return a.second.backs.size() < b.second.backs.size(); });
  most->second.backs.erase(most->second.backs.begin());
  --backs_;
}

void Links::NoteOrigin(NodeId node, uint64_t session, rpc::Origin& origin) {
  MutexLock lock(mu_);
  if (closed_ || node == self_ || node == 0) return;
  if (const auto found = peers_.find(node); found != peers_.end()) {
    for (Back& back : found->second.backs) {
      if (back.stream != origin.id()) continue;
      back.session = session;
      return;
    }
  }
  DropEnded(origin.id());
  if (backs_ >= kMaxBacks) DropOne();
  peers_[node].backs.push_back({origin.id(), session, origin.Back()});
  ++backs_;
}

std::shared_ptr<rpc::Caller> Links::ToSession(NodeId node, uint64_t session) {
  MutexLock lock(mu_);
  const auto found = peers_.find(node);
  if (found == peers_.end()) return nullptr;
  Peer& peer = found->second;
  if (Leads(node) && peer.dialed != nullptr && peer.dialed->IsUp()) return peer.dialed;
  for (const Back& back : peer.backs) {
    if (back.session != session || !back.caller->IsUp()) continue;
    peer.alone_since_ms = -1;
    if (!Leads(node)) Discard(std::exchange(peer.dialed, nullptr));
    return back.caller;
  }
  return peer.dialed;
}

std::shared_ptr<rpc::Caller> Links::ForHello(NodeId node) {
  MutexLock lock(mu_);
  const auto found = peers_.find(node);
  if (found == peers_.end()) return nullptr;
  Peer& peer = found->second;
  if (Leads(node) && peer.dialed != nullptr && peer.dialed->IsUp()) return peer.dialed;
  for (auto back = peer.backs.rbegin(); back != peer.backs.rend(); ++back) {
    if (!back->caller->IsUp()) continue;
    peer.alone_since_ms = -1;
    return back->caller;
  }
  if (peer.dialed != nullptr) return peer.dialed;
  const int64_t now_ms = clock_->MonotonicMs();
  if (peer.alone_since_ms < 0) peer.alone_since_ms = now_ms;
  if (Leads(node) || now_ms - peer.alone_since_ms >= kDialPatienceMs) DialNow(peer);
  return peer.dialed;
}

void Links::Close() {
  std::vector<std::shared_ptr<rpc::Channel>> channels;
  {
    MutexLock lock(mu_);
    closed_ = true;
    for (auto& [node, peer] : peers_) channels.push_back(std::move(peer.dialed));
    peers_.clear();
  }
}

}  // namespace openefs::replication
