// What a front-end does beside answering: reports clients that are alive, so that their leases go
// on, and asks whether sessions it has cached still exist.
#pragma once

#include <memory>

#include "server/nfs4/services.h"
#include "server/rpc/io_pool.h"

namespace openefs::nfs4 {

class LeaseKeeper {
 public:
  // A session destroyed through another front-end is served here for at most this part of a lease,
  // and a client's lease is at most this late: with one report lost there is still time for others.
  static constexpr int64_t kRoundsPerLease = 6;

  // Both outlive it. Runs on the first thread of `io`.
  LeaseKeeper(Services* services, rpc::IoPool* io);
  // Waits for what is under way: see Stop.
  ~LeaseKeeper();

  // Begins no more rounds. A report in the metadata client's hands ends when that answers or is
  // destroyed.
  void Stop();

 private:
  struct Impl;
  const std::shared_ptr<Impl> impl_;
};

}  // namespace openefs::nfs4
