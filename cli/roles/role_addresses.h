// Where the metadata replicas of a running `openefs dev` can be asked: a small file in its data
// directory, so that `openefs cluster status --data-dir DIR` needs no fixed port.
#pragma once

#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "common/ids.h"

namespace openefs::cli {

struct RoleAddress {
  NodeId node_id = 0;
  std::string az;
  std::string address;  // host:port
};

absl::Status WriteRoleAddresses(const std::string& data_dir,
                                const std::vector<RoleAddress>& addresses);

// NOT_FOUND, in one clear line, where no `openefs dev` has ever run.
absl::StatusOr<std::vector<RoleAddress>> ReadRoleAddresses(const std::string& data_dir);

}  // namespace openefs::cli
