#include "metadata/state_comparison.h"

#include <algorithm>
#include <utility>

namespace openefs::metadata {

using replication::StateDigest;

namespace {

template <typename Map>
void KeepOnly(const std::vector<NodeId>& voters, Map& by_node) {
  std::erase_if(by_node, [&](const auto& item) {
    return std::find(voters.begin(), voters.end(), item.first) == voters.end();
  });
}

}  // namespace

StateComparison::StateComparison(NodeId self, std::vector<NodeId> voters)
    : self_(self), voters_(std::move(voters)) {}

void StateComparison::SetVoters(std::vector<NodeId> voters) {
  MutexLock lock(mu_);
  voters_ = std::move(voters);
  KeepOnly(voters_, peers_);
  KeepOnly(voters_, told_);
}

void StateComparison::Restart() {
  MutexLock lock(mu_);
  own_ = {};
  last_ = 0;
  told_.clear();
}

void StateComparison::Note(absl::Span<const StateDigest> applied) {
  MutexLock lock(mu_);
  for (const StateDigest& digest : applied) {
    last_ = digest.index;
    for (size_t level = 0; level < kShifts.size(); ++level) {
      if (digest.index >> kShifts[level] << kShifts[level] != digest.index) break;
      own_[level][(digest.index >> kShifts[level]) % kRemembered] = digest;
    }
  }
}

const uint64_t* StateComparison::Find(uint64_t index) const {
  for (size_t level = 0; level < kShifts.size(); ++level) {
    if (index >> kShifts[level] << kShifts[level] != index) break;
    const StateDigest& place = own_[level][(index >> kShifts[level]) % kRemembered];
    if (place.index == index && index != 0) return &place.hash;
  }
  return nullptr;
}

std::vector<StateDigest> StateComparison::Latest() const {
  MutexLock lock(mu_);
  std::vector<StateDigest> latest;
  for (const int shift : kShifts) {
    const uint64_t index = last_ >> shift << shift;
    const uint64_t* hash = Find(index);
    const bool known = !latest.empty() && latest.back().index == index;
    if (hash != nullptr && !known) latest.push_back({index, *hash});
  }
  return latest;
}

StateVerdict StateComparison::OnPeer(NodeId from, absl::Span<const StateDigest> digests) {
  MutexLock lock(mu_);
  const bool voter = std::find(voters_.begin(), voters_.end(), from) != voters_.end();
  if (self_ == 0 || from == self_ || !voter || digests.size() > kMaxPeerDigests) return {};
  peers_[from].assign(digests.begin(), digests.end());
  if (Agrees(digests)) told_.erase(from);
  StateVerdict worst;
  // Everybody's, not only this one's: it may be the missing voice.
  for (const auto& [peer, said] : peers_) {
    for (const StateDigest& digest : said) {
      const StateVerdict verdict = Judge(peer, digest);
      const bool news = told_[peer] < verdict.kind;
      if (news && verdict.kind > worst.kind) worst = verdict;
    }
  }
  if (worst.kind != StateVerdict::Kind::kNothing) told_[worst.peer] = worst.kind;
  return worst;
}

bool StateComparison::Agrees(absl::Span<const StateDigest> digests) {
  bool compared = false;
  for (const StateDigest& digest : digests) {
    const uint64_t* own = Find(digest.index);
    if (own == nullptr) continue;
    if (*own != digest.hash) return false;
    compared = true;
    if (Count(digest.index, *own) > voters_.size() / 2) agreed_ = std::max(agreed_, digest.index);
  }
  return compared;
}

uint64_t StateComparison::AgreedIndex() const {
  MutexLock lock(mu_);
  return agreed_;
}

StateVerdict StateComparison::Judge(NodeId peer, const StateDigest& digest) {
  StateVerdict verdict;
  const uint64_t* own = Find(digest.index);
  if (own == nullptr || *own == digest.hash) return verdict;
  verdict.peer = peer;
  verdict.index = digest.index;
  verdict.own_hash = *own;
  verdict.other_hash = digest.hash;
  const size_t majority = voters_.size() / 2 + 1;
  if (Count(digest.index, digest.hash) >= majority) {
    verdict.kind = StateVerdict::Kind::kSelfOdd;
  } else if (Count(digest.index, *own) >= majority) {
    verdict.kind = StateVerdict::Kind::kPeerOdd;
  } else {
    verdict.kind = StateVerdict::Kind::kUndecided;
  }
  return verdict;
}

size_t StateComparison::Count(uint64_t index, uint64_t hash) const {
  size_t count = 0;
  for (const NodeId voter : voters_) {
    if (voter == self_) {
      const uint64_t* own = Find(index);
      count += own != nullptr && *own == hash ? 1 : 0;
      continue;
    }
    const auto peer = peers_.find(voter);
    if (peer == peers_.end()) continue;
    count += std::any_of(peer->second.begin(), peer->second.end(), [&](const StateDigest& said) {
      return said.index == index && said.hash == hash;
    });
  }
  return count;
}

}  // namespace openefs::metadata
