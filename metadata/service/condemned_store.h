// Stores that must not be used again: their state differed from that of a majority of the replicas.
#pragma once

#include <string>

#include "absl/status/status.h"

namespace openefs::metadata {

// Marks the store at `path`, durably, until it is pardoned. The first reason stays.
absl::Status CondemnStore(const std::string& path, const std::string& why);

// FAILED_PRECONDITION, with the reason, for a store that was condemned: what is in it must not be
// used, its replica is rebuilt from the others when its node runs.
absl::Status CheckNotCondemned(const std::string& path);

// The store was emptied: removes the mark, durably.
absl::Status PardonStore(const std::string& path);

}  // namespace openefs::metadata
