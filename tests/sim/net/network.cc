#include "tests/sim/net/network.h"

#include <algorithm>

namespace openefs::sim {

void Network::Send(Kind kind, Address from, Address to, std::function<void()> deliver) {
  if (faulty_ && random_->Chance(options_.loss)) return counts_->Add("messages lost");
  if (faulty_ && kind == Kind::kRaft && random_->Chance(options_.duplication)) {
    counts_->Add("messages doubled");
    Deliver(from, to, deliver);
  }
  Deliver(from, to, std::move(deliver));
}

void Network::Deliver(Address from, Address to, std::function<void()> deliver) {
  scheduler_->After(Delay(), [this, from, to, number = ++sent_, deliver = std::move(deliver)] {
    if (IsCut(from, to)) return counts_->Add("messages cut off");
    NoteOrder(from, to, number);
    deliver();
  });
}

void Network::NoteOrder(Address from, Address to, uint64_t number) {
  uint64_t& latest = delivered_[{from, to}];
  if (number < latest) counts_->Add("messages overtaken");
  latest = std::max(latest, number);
}

int64_t Network::Delay() {
  const int64_t usual =
      random_->Exponential(options_.delay_us * kUs / 2) + options_.delay_us * kUs / 2;
  if (!faulty_ || !random_->Chance(options_.straggling)) return usual;
  counts_->Add("messages late");
  return usual + random_->Between(0, options_.straggle_ms) * kMs;
}

void Network::SetFaulty(bool faulty) {
  faulty_ = faulty;
  if (!faulty) cuts_.clear();
}

}  // namespace openefs::sim
