#include "tests/sim/workload/nfs_client.h"

#include <utility>

#include "metadata/ops/segment.h"

namespace openefs::sim {
namespace {

// NFS4ERR_DELAY: the client waits a little.
constexpr int64_t kDelayWait = 100 * kMs;

constexpr uint32_t kSlots = 16;

}  // namespace

void NfsClient::Connect(std::function<void()> ready) {
  pb::SegmentRequest request;
  request.set_group(group());
  pb::ExchangeId* exchange = request.add_operations()->mutable_exchange_id();
  exchange->set_owner_id("client " + std::to_string(number_));
  exchange->set_verifier(1);
  Ask(std::move(request), [this, ready](const pb::SegmentResponse& response) {
    CreateSession(response.results(0).exchange_id(), ready);
  });
}

void NfsClient::CreateSession(const pb::ExchangeIdResult& client, std::function<void()> ready) {
  pb::SegmentRequest request;
  request.set_group(group());
  pb::CreateSession* create = request.add_operations()->mutable_create_session();
  create->set_client_id(client.client_id());
  create->set_sequence_id(client.sequence_id());
  create->mutable_fore_channel()->set_max_requests(kSlots);
  create->mutable_back_channel()->set_max_requests(1);
  Ask(std::move(request), [this, ready](const pb::SegmentResponse& response) {
    const pb::OperationResult& result = response.results(0);
    // A second copy of EXCHANGE_ID made the client anew (RFC 8881 18.35.4 case 4).
    if (result.error() == pb::FS_STALE_CLIENTID) return Connect(ready);
    session_id_ = result.create_session().session_id();
    if (session_id_.empty()) throw Violation("no session: " + response.ShortDebugString());
    ready();
  });
}

void NfsClient::UseSlot(uint32_t slot, uint32_t sequence_id, pb::SegmentRequest* request) const {
  request->mutable_slot()->set_session_id(session_id_);
  request->mutable_slot()->set_slot(slot);
  request->mutable_slot()->set_sequence_id(sequence_id);
}

void NfsClient::Ask(pb::SegmentRequest request, Answered done) {
  ++outstanding_;
  auto call = std::make_shared<Call>();
  call->request = std::make_shared<const pb::SegmentRequest>(std::move(request));
  call->done = std::move(done);
  Send(call);
  if (!env_->random.Chance(env_->options.hasty)) return;
  env_->counts.Add("copies sent at once");
  front_end_ = (front_end_ + 1) % front_ends_->size();
  Send(call);
}

// One copy through the front-end of now. Without an answer in time, another through the next.
void NfsClient::Send(const CallPtr& call) {
  if (!call->done) return;
  const size_t copy = ++call->copies;
  if (copy > 1) env_->counts.Add("retries of clients");
  FrontEnd* front_end = (*front_ends_)[front_end_].get();
  const Address me = kFirstClient + number_;
  const Address to = front_end->address();
  env_->network.Send(Network::Kind::kCall, me, to, [this, call, copy, me, to, front_end] {
    front_end->Execute(call->request, [this, call, copy, me, to](const Response& response) {
      env_->network.Send(Network::Kind::kCall, to, me,
                         [this, call, copy, response] { OnAnswer(call, copy, response); });
    });
  });
  env_->scheduler.After(env_->options.client_timeout_ms * kMs, [this, call, copy] {
    if (copy != call->copies || !call->done) return;
    front_end_ = (front_end_ + 1) % front_ends_->size();
    Send(call);
  });
}

void NfsClient::OnAnswer(const CallPtr& call, size_t copy, const Response& response) {
  if (!call->done) return;
  if (!response.ok()) {
    // Front-ends do not answer what they do not know; the client asks again.
    if (copy != call->copies) return;
    env_->scheduler.After(kDelayWait, [this, call, copy] {
      if (copy == call->copies) Send(call);
    });
    return;
  }
  --outstanding_;
  CheckAnswer(*call->request, **response);
  std::exchange(call->done, nullptr)(**response);
}

void NfsClient::CheckAnswer(const pb::SegmentRequest& request,
                            const pb::SegmentResponse& response) const {
  if (response.results_size() == 0) throw Violation("an answer without results");
  if (!request.has_slot()) return;
  if (metadata::SegmentMutates(request)) {
    env_->checkers.at(group()).Acknowledged(request, response);
  } else {
    env_->counts.Add("reads answered");
  }
}

}  // namespace openefs::sim
