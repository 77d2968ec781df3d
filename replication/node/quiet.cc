#include "replication/node/quiet.h"

namespace openefs::replication {
namespace {

// A QUIET, or what wakes a group, is on its way for less than this many signs of life.
constexpr int kMaxDiffering = 3;

// splitmix64's last steps.
uint64_t Mix(uint64_t z) {
  z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9;
  z = (z ^ (z >> 27)) * 0x94d049bb133111eb;
  return z ^ (z >> 31);
}

}  // namespace

void QuietVouch::Add(GroupId group, uint64_t term) {
  ++groups;
  sum += Mix(Mix(group + 1) + term);
}

bool QuietCheck::Differs(NodeId peer, const QuietVouch& said, const QuietVouch& expected) {
  if (said == expected) {
    differing_.erase(peer);
    return false;
  }
  if (++differing_[peer] < kMaxDiffering) return false;
  differing_.erase(peer);
  return true;
}

}  // namespace openefs::replication
