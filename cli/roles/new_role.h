// The configuration of a role on a new host: the usual ports, its file, and that nothing is in the
// way.
#pragma once

#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "common/config/role_config.h"

namespace openefs::cli {

// The ports that are taken where the operator names none.
inline constexpr int kMetadataPort = 7001;
inline constexpr int kDataNodePort = 7002;
inline constexpr int kFirstMetricsPort = 9101;  // and one more for each role, in the order of Role

struct HostPort {
  std::string host;  // a name, an IPv4 address, or an IPv6 address without brackets
  int port = 0;

  bool numeric() const;  // an address and no name
  std::string ToString() const;
};

// "host", "host:port", "[ipv6]" or "[ipv6]:port". INVALID_ARGUMENT for anything else.
absl::StatusOr<HostPort> ParseHost(const std::string& text, int default_port);

// Where /metrics of a role is served: on the host's own address, if it is numeric.
std::string MetricsAddress(Role role, const HostPort& self);

// FAILED_PRECONDITION: the directory holds something already, of this cluster or another, or
// nothing of openefs.
absl::Status CheckDirectoryIsFree(const RoleConfig& config);

// Writes the configuration to `path`, with a first line that says what it is. ALREADY_EXISTS: the
// file is there; a configuration is never written over.
absl::Status WriteNewRoleFile(const RoleConfig& config, const std::string& path);

}  // namespace openefs::cli
