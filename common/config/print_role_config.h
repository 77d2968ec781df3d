// A configuration as the file that LoadRoleConfig reads, for programs that make one.
#pragma once

#include <string>

#include "common/config/role_config.h"

namespace openefs {

// The keys that the role needs, and those that differ from what is taken when they are left out.
std::string PrintRoleConfig(const RoleConfig& config);

}  // namespace openefs
