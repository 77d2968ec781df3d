// What one slot of a client does: operations by chance on one domain after the other, recorded as
// histories.
#pragma once

#include <cstdint>
#include <vector>

#include "tests/sim/workload/nfs_client.h"

namespace openefs::sim {

// Of all workers of a run.
struct Histories {
  std::vector<History> of_domain;
  uint64_t moments = 0;     // gives every ask and answer a time of its own
  uint64_t next_value = 1;  // contents differ, so that a read tells which write it saw
};

class Worker {
 public:
  Worker(NfsClient* client, uint32_t slot, uint32_t owner, Environment* env,
         const std::vector<Domain>* domains, Histories* histories)
      : client_(client),
        slot_(slot),
        owner_(owner),
        env_(env),
        domains_(domains),
        histories_(histories) {
    for (size_t i = 0; i < domains->size(); ++i) {
      if ((*domains)[i].group == client->group()) mine_.push_back(i);
    }
  }

  void Start() { Think(); }
  // After `more` further operations it is done.
  void FinishAfter(int more) { left_ = more; }
  bool done() const { return done_; }

 private:
  void Think();
  void Next();
  Op Choose();
  Op ChooseOnOpen(Op op);
  OpKind ChooseRead();
  OpKind ChooseMutation();
  void Record(const Op& op, size_t domain, uint64_t asked, const pb::SegmentResponse& response);

  NfsClient* const client_;
  const uint32_t slot_;
  const uint32_t owner_;
  Environment* const env_;
  const std::vector<Domain>* const domains_;
  Histories* const histories_;
  std::vector<size_t> mine_;  // places of the domains in its client's group
  uint32_t sequence_id_ = 1;
  HeldOpen held_;
  size_t held_domain_ = 0;
  int left_ = -1;  // operations to do yet; -1: no end in sight
  bool done_ = false;
};

}  // namespace openefs::sim
