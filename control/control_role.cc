#include "control/control_role.h"

#include <utility>
#include <vector>

namespace openefs::control {
namespace {

constexpr size_t kHolderBytes = 16;

std::vector<std::unique_ptr<Job>> AllJobs() {
  std::vector<std::unique_ptr<Job>> jobs;
  jobs.push_back(MakeCollectJob());
  jobs.push_back(MakeRepairJob());
  jobs.push_back(MakeRepairCorruptJob());
  jobs.push_back(MakePurgeOrphansJob());
  jobs.push_back(MakeSweepOrphanBlobsJob());
  return jobs;
}

}  // namespace

ControlRole::ControlRole(metadata::MetadataClient* metadata, datastore::BlobClient* blobs,
                         ConnectDataNode connect, const Clock* clock, RandomSource* random,
                         JobRunnerOptions options)
    : watcher_(metadata,
               [blobs](const metadata::ClusterStatePtr& state) {
                 blobs->SetClusterMap(metadata::MapOf(state));
               }),
      runner_(
          AllJobs(), metadata, blobs, std::move(connect), [this] { return watcher_.Latest(); },
          random->Bytes(kHolderBytes), clock, options) {}

ControlRole::~ControlRole() { Stop(); }

void ControlRole::Stop() {
  runner_.Stop();
  watcher_.Stop();
}

}  // namespace openefs::control
