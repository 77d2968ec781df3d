// The control role: the background jobs that keep promise P6 (no lost and no leaked bytes) and
// bring back missing fragments. Any number may run; leases share the jobs out among them.
#pragma once

#include <memory>

#include "common/clock.h"
#include "common/random.h"
#include "control/job_runner.h"
#include "control/jobs/job.h"
#include "datastore/client/blob_client.h"
#include "metadata/client/cluster_watcher.h"
#include "metadata/client/metadata_client.h"

namespace openefs::control {

class ControlRole {
 public:
  // Starts at once; waits by itself for a cluster that is not formatted or not reachable yet.
  // Keeps the cluster map of `blobs` fresh. `connect` gives the client of a node in the map. What
  // the pointers name must outlive the role.
  ControlRole(metadata::MetadataClient* metadata, datastore::BlobClient* blobs,
              ConnectDataNode connect, const Clock* clock, RandomSource* random,
              JobRunnerOptions options = {});
  ~ControlRole();  // stops

  // Ends within the time of a call's reply or sooner. Jobs go on where they were, here or
  // elsewhere.
  void Stop();

 private:
  metadata::ClusterWatcher watcher_;
  JobRunner runner_;
};

}  // namespace openefs::control
