// The network between nodes, front-ends and clients: delay, loss, duplication, overtaking and cuts,
// each direction by itself.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <set>
#include <utility>

#include "tests/sim/counts.h"
#include "tests/sim/kernel/random.h"
#include "tests/sim/kernel/scheduler.h"
#include "tests/sim/options.h"

namespace openefs::sim {

// Nodes have their ids; the others are above them.
using Address = uint32_t;
inline constexpr Address kFirstFrontEnd = 1'000;
inline constexpr Address kFirstClient = 2'000;

class Network {
 public:
  // What goes over it. Messages of Raft may be doubled; calls may only be lost, because a
  // connection carries each request and each answer once.
  enum class Kind { kRaft, kCall };

  Network(Scheduler* scheduler, SimRandom* random, const SimOptions& options, Counts* counts)
      : scheduler_(scheduler), random_(random), options_(options), counts_(counts) {}

  // `deliver` runs later, never, or (kRaft) twice.
  void Send(Kind kind, Address from, Address to, std::function<void()> deliver);

  // What is under way when a direction is cut is lost too.
  void Cut(Address from, Address to) { cuts_.insert({from, to}); }
  void Heal(Address from, Address to) { cuts_.erase({from, to}); }
  bool IsCut(Address from, Address to) const { return cuts_.contains({from, to}); }

  // Not faulty, as at first: nothing is lost, doubled, late or cut.
  void SetFaulty(bool faulty);

 private:
  int64_t Delay();
  void Deliver(Address from, Address to, std::function<void()> deliver);
  void NoteOrder(Address from, Address to, uint64_t number);

  Scheduler* const scheduler_;
  SimRandom* const random_;
  const SimOptions& options_;
  Counts* const counts_;
  std::set<std::pair<Address, Address>> cuts_;
  uint64_t sent_ = 0;
  std::map<std::pair<Address, Address>, uint64_t> delivered_;  // the latest of those sent
  bool faulty_ = false;
};

}  // namespace openefs::sim
