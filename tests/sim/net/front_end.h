// A stateless front-end as far as the metadata service knows it: finds the leader, follows hints,
// waits and retries, by the rules of metadata/client/metadata_client.h and in virtual time.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <vector>

#include "absl/status/statusor.h"
#include "tests/sim/environment.h"
#include "tests/sim/node/sim_node.h"

namespace openefs::sim {

using Request = std::shared_ptr<const pb::SegmentRequest>;
using Response = absl::StatusOr<std::shared_ptr<const pb::SegmentResponse>>;

class FrontEnd {
 public:
  using Done = std::function<void(const Response&)>;
  using Nodes = std::vector<std::unique_ptr<SimNode>>;

  FrontEnd(uint32_t number, Environment* env, const Nodes* nodes)
      : address_(kFirstFrontEnd + number), env_(env), nodes_(nodes) {}

  Address address() const { return address_; }

  // `done` runs once, unless the front-end crashes first: with a response, or with a status where
  // none could be had in time.
  void Execute(Request request, Done done);

  // It starts again at once and knows nothing of what went before.
  void Crash();

 private:
  struct Call {
    Request request;
    Done done;  // null: has run
    bool may_repeat = false;
    uint64_t incarnation = 0;
    uint32_t attempt = 0;
    size_t hops = 0;  // attempts since the last wait
    int64_t wait_ns = 0;
    int64_t give_up_ns = 0;
    SimNode* target = nullptr;
  };
  using CallPtr = std::shared_ptr<Call>;
  using NodeAnswer = absl::StatusOr<std::shared_ptr<const pb::SegmentResponse>>;

  void Attempt(const CallPtr& call);
  void Reach(const CallPtr& call, uint32_t attempt, SimNode* node);
  void OnAnswer(const CallPtr& call, uint32_t attempt, const NodeAnswer& answer);
  void Finish(const CallPtr& call, const Response& response);
  void Reroute(const CallPtr& call, const absl::Status& failure);
  void TryNext(GroupId group, const SimNode* from);
  SimNode* NodeOf(NodeId id) const;

  const Address address_;
  Environment* const env_;
  const Nodes* const nodes_;
  uint64_t incarnation_ = 0;
  std::map<GroupId, size_t> leader_;  // place in nodes_ of the one that was said to lead
};

}  // namespace openefs::sim
