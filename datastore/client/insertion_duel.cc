#include "datastore/client/insertion_duel.h"

#include <algorithm>

namespace openefs::datastore {
namespace {

// What neither finds says that something else is read now than that which made the lead: so many
// bytes of it take one byte from it.
constexpr int64_t kForgetOneOf = 8;

int64_t TowardsZero(int64_t value, int64_t step) {
  return value > 0 ? std::max<int64_t>(0, value - step) : std::min<int64_t>(0, value + step);
}

}  // namespace

InsertionDuel::InsertionDuel(size_t capacity_bytes)
    // A lead that takes a quarter of the cache to lose: reads of another kind are noticed soon, a
    // few odd ones are not.
    : max_lead_bytes_(static_cast<int64_t>(capacity_bytes / 4)),
      keeping_(capacity_bytes),
      dropping_(capacity_bytes) {}

void InsertionDuel::OnRead(const RangeKey& key, size_t bytes) {
  const auto gain = static_cast<int64_t>(bytes);
  const bool kept = keeping_.Read(key, bytes, true);
  const bool dropped = dropping_.Read(key, bytes, Chance());
  int64_t lead = dropping_lead_bytes_ + (dropped ? gain : 0) - (kept ? gain : 0);
  if (!kept && !dropped) lead = TowardsZero(lead, gain / kForgetOneOf);
  dropping_lead_bytes_ = std::clamp(lead, -max_lead_bytes_, max_lead_bytes_);
}

bool InsertionDuel::KeepNew() { return dropping_lead_bytes_ <= 0 || Chance(); }

bool InsertionDuel::Game::Read(const RangeKey& key, size_t bytes, bool keep) {
  if (const auto found = entries_.find(key); found != entries_.end()) {
    ages_.splice(ages_.end(), ages_, found->second);
    return true;
  }
  while (!ages_.empty() && held_bytes_ + bytes > capacity_bytes_) EraseOldest();
  entries_[key] = ages_.insert(keep ? ages_.end() : ages_.begin(), Entry{key, bytes});
  held_bytes_ += bytes;
  return false;
}

void InsertionDuel::Game::EraseOldest() {
  held_bytes_ -= ages_.front().bytes;
  entries_.erase(ages_.front().key);
  ages_.pop_front();
}

}  // namespace openefs::datastore
