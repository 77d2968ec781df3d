// The command with which a Linux client mounts a front-end.
#pragma once

#include <string>

namespace openefs::cli {

// With the options EFS recommends; `address` is an IP address.
std::string MountLine(const std::string& address, int port);

}  // namespace openefs::cli
