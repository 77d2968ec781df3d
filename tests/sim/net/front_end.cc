#include "tests/sim/net/front_end.h"

#include <algorithm>
#include <utility>

#include "absl/strings/numbers.h"
#include "metadata/client/repeatable.h"

namespace openefs::sim {
namespace {

// As MetadataClientOptions and its client.
constexpr int64_t kFirstWait = 20 * kMs;
constexpr int64_t kMaxWait = 10 * kFirstWait;

}  // namespace

void FrontEnd::Execute(Request request, Done done) {
  auto call = std::make_shared<Call>();
  call->may_repeat = metadata::MayRepeat(*request);
  call->request = std::move(request);
  call->done = std::move(done);
  call->incarnation = incarnation_;
  call->wait_ns = kFirstWait;
  call->give_up_ns = env_->scheduler.now_ns() + env_->options.patience_ms * kMs;
  Attempt(call);
}

void FrontEnd::Crash() {
  env_->counts.Add("crashes of a front-end");
  ++incarnation_;
  leader_.clear();
}

void FrontEnd::Attempt(const CallPtr& call) {
  if (call->incarnation != incarnation_ || !call->done) return;
  const uint32_t attempt = ++call->attempt;
  SimNode* node = call->target = (*nodes_)[leader_[call->request->group()]].get();
  env_->counts.Add("attempts of front-ends");
  env_->network.Send(Network::Kind::kCall, address_, node->id(),
                     [this, call, attempt, node] { Reach(call, attempt, node); });
  env_->scheduler.After(env_->options.attempt_timeout_ms * kMs, [this, call, attempt] {
    OnAnswer(call, attempt, absl::UnknownError("no answer in time"));
  });
}

// The request has come to the node.
void FrontEnd::Reach(const CallPtr& call, uint32_t attempt, SimNode* node) {
  const NodeId id = node->id();
  auto back = [this, call, attempt, id](NodeAnswer answer) {
    env_->network.Send(Network::Kind::kCall, id, address_,
                       [this, call, attempt, answer] { OnAnswer(call, attempt, answer); });
  };
  const bool heard =
      node->Execute(std::make_unique<pb::SegmentRequest>(*call->request),
                    [back](absl::StatusOr<std::unique_ptr<pb::SegmentResponse>> response) {
                      if (!response.ok()) return back(response.status());
                      back(std::shared_ptr<const pb::SegmentResponse>(*std::move(response)));
                    });
  // A refused connection says nothing about what an earlier one may have carried.
  if (!heard) back(absl::UnknownError("connection refused"));
}

void FrontEnd::OnAnswer(const CallPtr& call, uint32_t attempt, const NodeAnswer& answer) {
  if (call->incarnation != incarnation_ || !call->done) return;
  if (answer.ok()) return Finish(call, answer);
  if (attempt == call->attempt) Reroute(call, answer.status());
}

void FrontEnd::Finish(const CallPtr& call, const Response& response) {
  std::exchange(call->done, nullptr)(response);
}

// After a failed attempt: where to go next, and whether at once or after a wait.
void FrontEnd::Reroute(const CallPtr& call, const absl::Status& failure) {
  NodeId hint = 0;
  const bool elsewhere = failure.code() == absl::StatusCode::kFailedPrecondition;
  if (failure.code() == absl::StatusCode::kInvalidArgument) {
    throw Violation("a sound request was refused: " + failure.ToString());
  }
  if (failure.code() == absl::StatusCode::kUnknown && !call->may_repeat) {
    return Finish(call, failure);
  }
  if (elsewhere && absl::SimpleAtoi(failure.message(), &hint) && NodeOf(hint) != nullptr) {
    const auto found = std::find_if(nodes_->begin(), nodes_->end(),
                                    [&](const auto& node) { return node->id() == hint; });
    leader_[call->request->group()] = static_cast<size_t>(found - nodes_->begin());
  } else {
    TryNext(call->request->group(), call->target);
  }
  if (env_->scheduler.now_ns() >= call->give_up_ns) {
    env_->counts.Add("calls that front-ends gave up");
    return Finish(call, absl::UnavailableError("no leader in time"));
  }
  const bool busy = failure.code() == absl::StatusCode::kUnavailable;
  if (!busy && ++call->hops <= nodes_->size()) return Attempt(call);
  call->hops = 0;
  const int64_t wait_ns = call->wait_ns;
  call->wait_ns = std::min(2 * wait_ns, kMaxWait);
  ++call->attempt;  // a late answer to the old one must not lead to a second wait
  env_->scheduler.After(wait_ns, [this, call] { Attempt(call); });
}

// Another call may have learnt better meanwhile.
void FrontEnd::TryNext(GroupId group, const SimNode* from) {
  size_t& leader = leader_[group];
  if ((*nodes_)[leader].get() == from) leader = (leader + 1) % nodes_->size();
}

SimNode* FrontEnd::NodeOf(NodeId id) const {
  for (const auto& node : *nodes_) {
    if (node->id() == id) return node.get();
  }
  return nullptr;
}

}  // namespace openefs::sim
