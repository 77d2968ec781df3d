// Blocking calls to the metadata service for callers that have a thread to spare: the command line,
// set-up and heartbeats.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "common/ids.h"
#include "metadata/client/metadata_client.h"
#include "proto/metadata.pb.h"

namespace openefs::control {

// Runs one operation in `group`, without a slot, and waits for its result, whose error() may be
// anything. A status is a failure to get a result: as MetadataClient::Execute.
absl::StatusOr<pb::OperationResult> ExecuteOne(metadata::MetadataClient& client, GroupId group,
                                               pb::Operation operation);

// The cluster map, the file systems and the secrets. FAILED_PRECONDITION: not formatted yet.
absl::StatusOr<pb::ClusterState> GetClusterState(metadata::MetadataClient& client);

}  // namespace openefs::control
