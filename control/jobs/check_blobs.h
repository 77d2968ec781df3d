// What the metadata knows of blobs that data nodes have.
#pragma once

#include <vector>

#include "control/jobs/job.h"

namespace openefs::control {

// An answer of `group` for each of `ids`, in their order.
absl::StatusOr<pb::CheckBlobsResult> CheckBlobs(JobContext& context, GroupId group,
                                                const std::vector<BlobId>& ids);

}  // namespace openefs::control
