#include "metadata/service/lease_table.h"

namespace openefs::metadata {

void LeaseTable::Reset(const std::vector<uint64_t>& clients, int64_t now_ms) {
  MutexLock lock(mu_);
  order_.clear();
  leases_.clear();
  for (uint64_t client : clients) {
    leases_[client] = order_.insert(order_.end(), {client, now_ms});
  }
}

void LeaseTable::Grant(uint64_t client, int64_t now_ms) {
  MutexLock lock(mu_);
  auto [it, added] = leases_.try_emplace(client);
  if (added) {
    it->second = order_.insert(order_.end(), {client, now_ms});
    return;
  }
  it->second->heard_ms = now_ms;
  order_.splice(order_.end(), order_, it->second);
}

void LeaseTable::Renew(uint64_t client, int64_t now_ms) {
  MutexLock lock(mu_);
  auto it = leases_.find(client);
  if (it == leases_.end()) return;
  it->second->heard_ms = now_ms;
  order_.splice(order_.end(), order_, it->second);
}

void LeaseTable::Remove(uint64_t client) {
  MutexLock lock(mu_);
  auto it = leases_.find(client);
  if (it == leases_.end()) return;
  order_.erase(it->second);
  leases_.erase(it);
}

std::vector<uint64_t> LeaseTable::Lapsed(int64_t now_ms) const {
  MutexLock lock(mu_);
  std::vector<uint64_t> lapsed;
  for (const Lease& lease : order_) {
    if (now_ms - lease.heard_ms <= lease_ms_ || lapsed.size() == kMaxLapsedClients) break;
    lapsed.push_back(lease.client);
  }
  return lapsed;
}

std::vector<uint64_t> LeaseTable::Overdue(int64_t now_ms, size_t limit) const {
  MutexLock lock(mu_);
  size_t lapsed = 0;
  size_t silent = 0;
  for (const Lease& lease : order_) {
    if (now_ms - lease.heard_ms <= lease_ms_) break;
    ++lapsed;
    if (now_ms - lease.heard_ms > kMaxCourtesyMs) ++silent;
    if (lapsed >= kMaxLapsedClients + limit) break;
  }
  size_t count = lapsed > kMaxLapsedClients ? lapsed - kMaxLapsedClients : 0;
  count = std::min(std::max(count, silent), limit);
  std::vector<uint64_t> overdue;
  for (auto it = order_.begin(); overdue.size() < count; ++it) overdue.push_back(it->client);
  return overdue;
}

size_t LeaseTable::size() const {
  MutexLock lock(mu_);
  return leases_.size();
}

}  // namespace openefs::metadata
