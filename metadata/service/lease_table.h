// When each client was last heard of: memory of a group's leader alone. A new leader grants every
// client one full lease, so nothing is lost with the old one's table.
#pragma once

#include <cstdint>
#include <list>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "common/mutex.h"

namespace openefs::metadata {

// A courteous server keeps what a silent client holds until somebody wants it. Beyond these it
// stops waiting: a day is longer than any reboot, and every entry that may push state aside lists
// the lapsed clients.
inline constexpr int64_t kMaxCourtesyMs = 24LL * 60 * 60 * 1000;
inline constexpr size_t kMaxLapsedClients = 1024;

// Times are a monotonic clock's milliseconds. Any thread.
class LeaseTable {
 public:
  explicit LeaseTable(int64_t lease_ms) : lease_ms_(lease_ms) {}

  // A term begins: these clients exist, and all have a full lease from now on.
  void Reset(const std::vector<uint64_t>& clients, int64_t now_ms);

  // A client was made, or did something.
  void Grant(uint64_t client, int64_t now_ms);
  // A report of another: renews only clients that exist.
  void Renew(uint64_t client, int64_t now_ms);
  void Remove(uint64_t client);

  // Clients whose lease has run out, the longest silent first; at most kMaxLapsedClients.
  std::vector<uint64_t> Lapsed(int64_t now_ms) const;

  // Clients to expire although nobody wants what they hold, at most `limit`: silent for
  // kMaxCourtesyMs, or more than kMaxLapsedClients in number.
  std::vector<uint64_t> Overdue(int64_t now_ms, size_t limit) const;

  size_t size() const;

 private:
  struct Lease {
    uint64_t client = 0;
    int64_t heard_ms = 0;
  };
  using Order = std::list<Lease>;  // the longest silent first

  const int64_t lease_ms_;

  mutable Mutex mu_;
  Order order_ ABSL_GUARDED_BY(mu_);
  absl::flat_hash_map<uint64_t, Order::iterator> leases_ ABSL_GUARDED_BY(mu_);
};

}  // namespace openefs::metadata
