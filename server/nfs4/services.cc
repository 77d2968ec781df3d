#include "server/nfs4/services.h"

#include <algorithm>

#include "server/nfs4/session_table.h"

namespace openefs::nfs4 {

Services::Services(metadata::MetadataClient* metadata, datastore::BlobClient* blobs,
                   const Clock* clock, int64_t lease_ms, pb::ClusterState cluster)
    : metadata_(metadata, &gate_),
      blobs_(blobs, &gate_),
      clock_(clock),
      lease_ms_(lease_ms),
      secrets_(cluster.secrets()),
      handles_(secrets_.handle_key()),
      sessions_(std::make_unique<SessionTable>(clock)),
      cluster_(std::make_shared<const pb::ClusterState>(std::move(cluster))) {}

Services::~Services() = default;

uint32_t Services::lease_seconds() const {
  return static_cast<uint32_t>(std::max<int64_t>(1, lease_ms_ / 1000));
}

std::shared_ptr<const pb::ClusterState> Services::cluster() const {
  MutexLock lock(mu_);
  return cluster_;
}

void Services::SetCluster(pb::ClusterState cluster) {
  auto next = std::make_shared<const pb::ClusterState>(std::move(cluster));
  MutexLock lock(mu_);
  cluster_.swap(next);  // the old one is freed outside the lock
}

}  // namespace openefs::nfs4
