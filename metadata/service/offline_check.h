// The check of a metadata node that does not run: what `openefs fsck --store` does.
#pragma once

#include <functional>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "common/ids.h"
#include "metadata/store/check.h"

namespace openefs::metadata {

// Calls `each` for the store of every group below the data directory of a metadata node, in order.
// A store that was damaged below its rows, or condemned, comes as DATA_LOSS; other errors mean that
// it could not be read. What is found is the state of the last flush: the rest is in the Raft log.
//
// Holds the directory's lock and changes nothing. An error without a call of `each`: no such
// directory, another role's, or in use by a process.
absl::Status CheckStoppedNode(
    const std::string& data_dir,
    const std::function<void(GroupId group, const absl::StatusOr<CheckReport>& report)>& each);

}  // namespace openefs::metadata
