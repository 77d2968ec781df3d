// Majorities over the voters of a group; in a joint configuration, over each half.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <vector>

#include "replication/raft/configuration.h"

namespace openefs::replication::raft {

constexpr size_t QuorumOf(size_t voters) { return voters / 2 + 1; }

// The largest value that a majority of `values` (one per voter) reaches; 0 if there is no voter.
inline uint64_t QuorumValue(std::vector<uint64_t> values) {
  if (values.empty()) return 0;
  const size_t quorum = QuorumOf(values.size());
  std::nth_element(values.begin(), values.begin() + (quorum - 1), values.end(),
                   std::greater<uint64_t>());
  return values[quorum - 1];
}

// The same over `value(voter)` of a configuration.
template <typename Value>
uint64_t QuorumValue(const Configuration& configuration, Value value) {
  const auto of_half = [&](const std::vector<NodeId>& voters) {
    std::vector<uint64_t> values;
    for (const NodeId voter : voters) values.push_back(value(voter));
    return QuorumValue(std::move(values));
  };
  const uint64_t incoming = of_half(configuration.voters);
  if (!configuration.joint()) return incoming;
  return std::min(incoming, of_half(configuration.voters_outgoing));
}

// Whether those for whom `is_in(voter)` are a quorum.
template <typename IsIn>
bool HasQuorum(const Configuration& configuration, IsIn is_in) {
  return QuorumValue(configuration, [&](NodeId voter) { return is_in(voter) ? 1 : 0; }) == 1;
}

enum class VoteOutcome { kPending, kWon, kLost };

// What votes (true: granted) amount to; those of others than voters do not count.
inline VoteOutcome CountVotes(const Configuration& configuration,
                              const std::map<NodeId, bool>& votes) {
  const auto voted = [&](NodeId voter, bool unknown) {
    const auto vote = votes.find(voter);
    return vote == votes.end() ? unknown : vote->second;
  };
  if (HasQuorum(configuration, [&](NodeId v) { return voted(v, false); })) return VoteOutcome::kWon;
  if (HasQuorum(configuration, [&](NodeId v) { return voted(v, true); })) {
    return VoteOutcome::kPending;
  }
  return VoteOutcome::kLost;
}

}  // namespace openefs::replication::raft
