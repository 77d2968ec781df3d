// How a subcommand says that it failed: one line on stderr, exit code 1.
#pragma once

#include "absl/status/status.h"

namespace openefs::cli {

int ReportError(const absl::Status& status);

}  // namespace openefs::cli
