// An NFS client with one session: each of its slots does one operation after the other, and asks
// again, through another front-end if need be, until it is answered, as hard mounts do.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "tests/sim/environment.h"
#include "tests/sim/net/front_end.h"
#include "tests/sim/workload/segments.h"

namespace openefs::sim {

using FrontEnds = std::vector<std::unique_ptr<FrontEnd>>;

class NfsClient {
 public:
  using Answered = std::function<void(const pb::SegmentResponse&)>;

  NfsClient(uint32_t number, Environment* env, const FrontEnds* front_ends)
      : number_(number),
        env_(env),
        front_ends_(front_ends),
        front_end_(number % front_ends->size()) {}

  uint32_t number() const { return number_; }
  // What it works with lies in one group.
  GroupId group() const {
    return kFirstNamespaceGroup + static_cast<GroupId>(number_ % env_->checkers.size());
  }

  // EXCHANGE_ID and CREATE_SESSION, then `ready`.
  void Connect(std::function<void()> ready);

  // `request` as it goes, with the session and a sequence id if it is to have a slot; `done` once.
  void Ask(pb::SegmentRequest request, Answered done);

  // Fills the request's slot.
  void UseSlot(uint32_t slot, uint32_t sequence_id, pb::SegmentRequest* request) const;

  size_t outstanding() const { return outstanding_; }

 private:
  struct Call {
    Request request;
    Answered done;  // null: has run
    size_t copies = 0;
  };
  using CallPtr = std::shared_ptr<Call>;

  void CreateSession(const pb::ExchangeIdResult& client, std::function<void()> ready);
  void Send(const CallPtr& call);
  void OnAnswer(const CallPtr& call, size_t copy, const Response& response);
  void CheckAnswer(const pb::SegmentRequest& request, const pb::SegmentResponse& response) const;

  const uint32_t number_;
  Environment* const env_;
  const FrontEnds* const front_ends_;
  size_t front_end_;
  std::string session_id_;
  size_t outstanding_ = 0;
};

}  // namespace openefs::sim
