// The configuration file of one role: `openefs metadata|datanode|frontend|control --config FILE`.
// YAML, read strictly. One file may serve several roles of a host: each takes the keys it needs.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "common/ids.h"
#include "common/log.h"

namespace openefs {

enum class Role { kMetadata, kDataNode, kFrontend, kControl };

// As on the command line: "metadata", "datanode", "frontend", "control".
const char* RoleName(Role role);

struct MetadataNodeConfig {
  NodeId id = 0;
  std::string az;
  std::string address;  // host:port of its rpc_listen, as others reach it
};

// Of a front-end: what a busy directory of files is read from again and again, and little beside a
// host's memory.
inline constexpr uint64_t kUsualReadCacheBytes = uint64_t{256} << 20;

// Of a metadata node: half for blocks of tables, half for rows that readers met. An inode and a
// name take some 250 bytes there, so that a directory of a million files stays in memory.
inline constexpr uint64_t kUsualMetadataCacheBytes = uint64_t{512} << 20;

// Every key has the name of its member. docs/operations.md has the same list for operators.
struct RoleConfig {
  Role role = Role::kMetadata;
  // All roles.
  std::string cluster_id;                          // 16 bytes, 32 hex digits in the file; required
  std::string az;                                  // required
  std::vector<MetadataNodeConfig> metadata_nodes;  // 1 to kMaxMetadataNodes; required
  std::string metrics_listen;                      // host:port; empty: no metrics
  LogLevel log_level = LogLevel::kInfo;            // debug, info, warning, error
  // metadata, datanode: required.
  NodeId node_id = 0;         // unique among nodes of its role
  std::string data_dir;       // absolute
  std::string rpc_listen;     // host:port
  std::string rpc_advertise;  // host:port under which others reach it; rpc_listen if left out
  // frontend.
  std::vector<std::string> nfs_listen;  // numeric addresses; required
  uint16_t nfs_port = 2049;
  uint64_t read_cache_bytes = kUsualReadCacheBytes;  // memory for file data; 0: none
  std::string tcp_congestion_control = "cubic";      // "system": what the system uses
  // metadata, frontend: the same on all of them.
  int64_t lease_seconds = 60;
  // metadata: the same on all of them.
  bool read_leases = false;
  // metadata.
  uint64_t metadata_cache_bytes = kUsualMetadataCacheBytes;  // MetadataServiceOptions::cache_bytes
  // datanode.
  uint64_t segment_bytes = uint64_t{64} << 20;
  uint64_t reserve_bytes = uint64_t{256} << 20;  // free space that is never used
};

inline constexpr size_t kMaxMetadataNodes = 9;  // three per AZ: more makes every commit slower
inline constexpr int64_t kMinLeaseSeconds = 1;
inline constexpr int64_t kMaxLeaseSeconds = 3'600;

// INVALID_ARGUMENT for anything that is not as it should be: one line that names the file, the line
// and the key. NOT_FOUND or INTERNAL when the file cannot be read.
absl::StatusOr<RoleConfig> LoadRoleConfig(Role role, const std::string& path);

}  // namespace openefs
