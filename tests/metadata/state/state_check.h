// Whether every row of NFS state agrees with every other.
#pragma once

#include <string>
#include <vector>

#include "metadata/store/kv.h"

namespace openefs::metadata::testing {

// One line for each disagreement.
std::vector<std::string> CheckState(const KvSnapshot& snapshot);

}  // namespace openefs::metadata::testing
