// The cluster's id as files and people see it: 32 hex digits for 16 random bytes.
#pragma once

#include <string>

#include "absl/status/statusor.h"

namespace openefs::cli {

// The id kept in `path`; makes one, durably, if the file is not there.
absl::StatusOr<std::string> LoadOrCreateClusterId(const std::string& path);

}  // namespace openefs::cli
