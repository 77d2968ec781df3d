// A whole cluster in this process over simulated AZs: what `openefs dev` runs. Roles call each
// other directly; everything else is the code of the separate processes.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "common/config/role_config.h"

namespace openefs::cli {

struct EmbeddedClusterOptions {
  std::string data_dir = "openefs-data";
  std::vector<std::string> listen;  // empty: 127.0.<az>.1 for each AZ, and 127.0.0.1
  int nfs_port = 2049;
  int azs = 3;
  int datanodes_per_az = 2;
  int lease_seconds = 60;
  bool read_leases = true;                               // all replicas read the same clock
  uint64_t read_cache_mib = kUsualReadCacheBytes >> 20;  // of all front-ends together; 0: none
  std::string tcp_congestion_control = RoleConfig().tcp_congestion_control;
  uint64_t metadata_cache_mib =
      kUsualMetadataCacheBytes >> 20;             // of all metadata replicas together
  std::string metrics_listen = "127.0.0.1:9490";  // empty: none
};

class EmbeddedCluster {
 public:
  virtual ~EmbeddedCluster() = default;  // stops, as Stop

  // The exact command that mounts it on this machine.
  virtual const std::string& mount_line() const = 0;

  // Front-ends first, so that nothing is answered that is not durable.
  virtual void Stop() = 0;
};

// Returns when it serves. One clear error for a taken port, a directory that cannot be used, is of
// another version or shape, or is in use by another process.
absl::StatusOr<std::unique_ptr<EmbeddedCluster>> StartEmbeddedCluster(
    const EmbeddedClusterOptions& options);

}  // namespace openefs::cli
