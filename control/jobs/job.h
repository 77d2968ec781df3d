// A background job of the cluster. It has a lease of its own, so that of several control processes
// one at a time does it; and since a lease may lapse unseen, doing a round twice does no harm.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <vector>

#include "absl/status/statusor.h"
#include "common/clock.h"
#include "common/ids.h"
#include "common/metrics/metrics.h"
#include "control/jobs/calls.h"
#include "datastore/client/blob_client.h"
#include "datastore/client/data_node_client.h"
#include "metadata/client/cluster_watcher.h"
#include "metadata/client/metadata_client.h"

namespace openefs::control {

using ConnectDataNode =
    std::function<std::shared_ptr<datastore::DataNodeClient>(const pb::DataNode&)>;

// What a round works with.
struct JobContext {
  metadata::MetadataClient& metadata;
  datastore::BlobClient& blobs;
  const ConnectDataNode& connect;
  const Clock& clock;
  std::shared_ptr<StopSignal> signal;
  metadata::ClusterStatePtr cluster;  // as of the start of the round
  metrics::Counter& items;            // what the job got done, in its own units
};

enum class RoundEnd {
  kIdle,  // there was nothing to do
  kDone,  // did what there was
  kMore,  // did as much as a round may; more waits
};

class Job {
 public:
  virtual ~Job() = default;
  virtual const char* name() const = 0;                               // also of its lease
  virtual int64_t interval_ms() const = 0;                            // between rounds
  virtual int64_t idle_interval_ms() const { return interval_ms(); }  // while there is nothing

  // A bounded round. What failed is logged, and tried again in a later round; an error says that
  // the round got nowhere. The job's thread only.
  virtual absl::StatusOr<RoundEnd> RunRound(JobContext& context) = 0;
};

// A round of a job that rebuilds blobs rebuilds no more than this, one after the other: some 64 MiB
// read and written, so that clients keep most of the disks and the network.
inline constexpr int kMaxRepairsInRound = 64;

std::unique_ptr<Job> MakeCollectJob();
std::unique_ptr<Job> MakeRepairJob();
std::unique_ptr<Job> MakeRepairCorruptJob();
std::unique_ptr<Job> MakePurgeOrphansJob();
std::unique_ptr<Job> MakeSweepOrphanBlobsJob();

// The groups that hold names of files, and so refer to blobs, in ascending order.
std::vector<GroupId> NamespaceGroups(const pb::ClusterState& cluster);

inline BlobId FromProto(const pb::BlobId& id) { return {id.high(), id.low()}; }
inline pb::BlobId ToProto(const BlobId& id) {
  pb::BlobId proto;
  proto.set_high(id.high);
  proto.set_low(id.low);
  return proto;
}

}  // namespace openefs::control
