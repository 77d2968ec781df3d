// Stand-ins for the services that jobs drive, to make them fail when a test wants them to.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "common/mutex.h"
#include "control/jobs/job.h"

namespace openefs::control {

// Answers each operation with what `on_execute` fills in; a status of its own fails the call.
class FakeMetadata final : public metadata::MetadataClient {
 public:
  using OnExecute =
      std::function<absl::Status(GroupId, const pb::Operation&, pb::OperationResult&)>;

  explicit FakeMetadata(OnExecute on_execute) : on_execute_(std::move(on_execute)) {}

  void Execute(std::unique_ptr<pb::SegmentRequest> request,
               metadata::SegmentCallback done) override {
    auto response = std::make_unique<pb::SegmentResponse>();
    absl::Status status;
    {
      MutexLock lock(mu_);
      status = on_execute_(request->group(), request->operations(0), *response->add_results());
    }
    if (status.ok()) {
      done(std::move(response));
    } else {
      done(status);
    }
  }

 private:
  Mutex mu_;  // one call at a time
  const OnExecute on_execute_;
};

// Remembers what it was asked to do.
class FakeBlobs final : public datastore::BlobClient {
 public:
  void SetClusterMap(std::shared_ptr<const pb::ClusterMap> map) override {
    MutexLock lock(mu_);
    map_ = std::move(map);
    changed_.SignalAll();
  }
  void Write(BufferList,
             absl::AnyInvocable<void(absl::StatusOr<datastore::WrittenBlob>)> done) override {
    done(absl::UnimplementedError("not of use here"));
  }
  void Read(BlobId, uint32_t, uint32_t, uint32_t,
            absl::AnyInvocable<void(absl::StatusOr<BufferList>)> done) override {
    done(absl::UnimplementedError("not of use here"));
  }
  void Delete(std::vector<BlobId> ids, absl::AnyInvocable<void(absl::Status)> done) override {
    absl::Status status;
    for (const BlobId& id : ids) {
      if (broken_groups.contains(id.placement_group())) status = absl::UnavailableError("down");
    }
    if (status.ok()) deleted.insert(deleted.end(), ids.begin(), ids.end());
    if (!silent) done(status);
  }
  void Repair(BlobId id, uint32_t, uint32_t mask,
              absl::AnyInvocable<void(absl::StatusOr<uint32_t>)> done) override {
    repaired.emplace_back(id, mask);
    if (repair_error.ok()) {
      done(mask & repairable);
    } else {
      done(repair_error);
    }
  }
  uint64_t WaitForEpoch() {
    MutexLock lock(mu_);
    while (map_ == nullptr) changed_.Wait(mu_);
    return map_->epoch();
  }

  std::set<uint16_t> broken_groups;  // placement groups whose Delete fails
  bool silent = false;               // never answers Delete
  uint32_t repairable = ~0u;
  absl::Status repair_error;
  std::vector<BlobId> deleted;
  std::vector<std::pair<BlobId, uint32_t>> repaired;

 private:
  Mutex mu_;
  CondVar changed_;
  std::shared_ptr<const pb::ClusterMap> map_ ABSL_GUARDED_BY(mu_);
};

// A data node that has fragments to list.
class FakeDataNode final : public datastore::DataNodeClient {
 public:
  void Put(FragmentId, BufferList, absl::AnyInvocable<void(absl::Status)> done) override {
    done(absl::UnimplementedError("not of use here"));
  }
  void Get(FragmentId, uint32_t, uint32_t,
           absl::AnyInvocable<void(absl::StatusOr<Buffer>)> done) override {
    done(absl::UnimplementedError("not of use here"));
  }
  void Delete(std::vector<FragmentId>, absl::AnyInvocable<void(absl::Status)> done) override {
    done(absl::UnimplementedError("not of use here"));
  }
  void Status(absl::AnyInvocable<void(absl::StatusOr<pb::DataNodeStatus>)> done) override {
    done(absl::UnimplementedError("not of use here"));
  }
  void List(pb::ListFragmentsRequest request,
            absl::AnyInvocable<void(absl::StatusOr<pb::ListFragmentsResponse>)> done) override {
    ++lists;
    if (!error.ok()) {
      done(error);
      return;
    }
    pb::ListFragmentsResponse response;
    auto it = blobs.upper_bound(FromProto(request.after()));
    const uint32_t limit = std::min(request.limit(), page);
    for (uint32_t n = 0; it != blobs.end() && n < limit; ++it, ++n) {
      pb::ListFragmentsResponse::Entry* entry = response.add_entries();
      *entry->mutable_fragment()->mutable_blob() = ToProto(*it);
      entry->mutable_fragment()->set_index(fragment);
      entry->set_corrupt(corrupt.contains(*it));
    }
    response.set_end(it == blobs.end());
    done(std::move(response));
  }

  std::set<BlobId> blobs;  // of each it has this fragment
  uint32_t fragment = 0;
  std::set<BlobId> corrupt;  // of those
  uint32_t page = ~0u;       // never lists more at once
  absl::Status error;
  int lists = 0;
};

// One placement group (id 1) over nodes 1, 2, ... with the given states, one file system per group.
inline metadata::ClusterStatePtr Cluster(const std::vector<pb::NodeStatus>& nodes,
                                         const std::vector<GroupId>& groups = {1}) {
  auto state = std::make_shared<pb::ClusterState>();
  state->mutable_map()->set_epoch(1);
  pb::PlacementGroup* placement = state->mutable_map()->add_placement_groups();
  placement->set_id(1);
  for (const pb::NodeStatus status : nodes) {
    pb::DataNode* node = state->mutable_map()->add_data_nodes();
    node->set_node_id(static_cast<uint32_t>(state->map().data_nodes_size()));
    node->set_status(status);
    placement->add_node_ids(node->node_id());
  }
  for (const GroupId group : groups) state->add_file_systems()->add_groups(group);
  return state;
}

// A job with all it needs.
struct JobFixture {
  JobFixture(std::unique_ptr<Job> the_job, metadata::ClusterStatePtr state,
             FakeMetadata::OnExecute on_execute)
      : job(std::move(the_job)), metadata(std::move(on_execute)) {
    context.cluster = std::move(state);
  }

  std::unique_ptr<Job> job;
  FakeMetadata metadata;
  FakeBlobs blobs;
  std::map<NodeId, std::shared_ptr<FakeDataNode>> nodes;
  ConnectDataNode connect = [this](const pb::DataNode& node) { return nodes.at(node.node_id()); };
  ManualClock clock;
  metrics::Counter items;
  JobContext context{metadata, blobs, connect, clock, std::make_shared<StopSignal>(),
                     nullptr,  items};

  absl::StatusOr<RoundEnd> Run() { return job->RunRound(context); }
};

}  // namespace openefs::control
