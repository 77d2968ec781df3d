// Stores that must not be used again: their state differed from that of a majority of the replicas.
#pragma once

#include <string>

#include "absl/status/status.h"

namespace openefs::metadata {

// Marks the store at `path` for good, durably. The first reason stays.
absl::Status CondemnStore(const std::string& path, const std::string& why);

// FAILED_PRECONDITION, with the reason and what to do, for a store that was condemned.
absl::Status CheckNotCondemned(const std::string& path);

}  // namespace openefs::metadata
