#include "cli/roles/report.h"

#include <algorithm>
#include <cstdio>
#include <string>

namespace openefs::cli {

int ReportError(const absl::Status& status) {
  std::string line(status.message());
  std::replace(line.begin(), line.end(), '\n', ' ');
  std::fprintf(stderr, "openefs: %s\n", line.c_str());
  return 1;
}

}  // namespace openefs::cli
