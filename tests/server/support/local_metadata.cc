#include "tests/server/support/local_metadata.h"

#include <utility>

#include "common/check.h"
#include "common/clock.h"
#include "common/ids.h"
#include "metadata/ops/segment.h"
#include "metadata/store/transaction.h"

namespace openefs::testing {
namespace {

pb::SegmentRequest One(uint32_t group, pb::Operation operation) {
  pb::SegmentRequest request;
  request.set_group(group);
  *request.add_operations() = std::move(operation);
  return request;
}

pb::Operation FormatCluster() {
  pb::Operation operation;
  pb::FormatCluster& format = *operation.mutable_format_cluster();
  format.set_cluster_id("0123456789abcdef");
  format.mutable_secrets()->set_handle_key("fedcba9876543210");
  format.mutable_secrets()->set_write_verifier("verifier");
  format.mutable_secrets()->set_server_owner("openefs-test-cluster");
  return operation;
}

}  // namespace

LocalMetadata::LocalMetadata(const std::vector<std::string>& file_systems) {
  {
    MutexLock lock(mu_);
    engines_.push_back(metadata::MakeMemoryKv());
    engines_.push_back(metadata::MakeMemoryKv());
  }
  OPENEFS_CHECK(RunOne(kSystemGroup, FormatCluster()).error() == pb::FS_OK);
  for (const std::string& name : file_systems) {
    pb::Operation create;
    create.mutable_create_file_system()->set_name(name);
    create.mutable_create_file_system()->add_groups(kFirstNamespaceGroup);
    const pb::OperationResult created = RunOne(kSystemGroup, create);
    OPENEFS_CHECK(created.error() == pb::FS_OK);
    pb::Operation format;
    format.mutable_format_file_system()->set_fs_id(created.file_system().fs_id());
    OPENEFS_CHECK(RunOne(kFirstNamespaceGroup, format).error() == pb::FS_OK);
  }
}

LocalMetadata::~LocalMetadata() {
  std::vector<Held> held;
  {
    MutexLock lock(mu_);
    held.swap(held_);
  }
  for (Held& each : held) each.done(absl::CancelledError("the client is gone"));
}

std::unique_ptr<pb::SegmentResponse> LocalMetadata::Serve(const pb::SegmentRequest& request) {
  metadata::KvEngine& engine = *engines_.at(request.group());
  metadata::Transaction txn(engine.Snapshot());
  metadata::ApplyEnvironment environment;
  environment.wall_time_ns = SystemClock::Get()->WallNs();
  environment.group = request.group();
  environment.random_state = ++index_ * 0x9e3779b97f4a7c15;
  auto response = std::make_unique<pb::SegmentResponse>();
  if (metadata::SegmentMutates(request)) {
    environment.raft_index = index_;
    metadata::ApplySegment(txn, environment, request, response.get());
    OPENEFS_CHECK(engine.Write(txn.TakeWrites()).ok());
  } else if (request.operations_size() > 0 && request.operations(0).has_renew_leases()) {
    response->add_results();  // the leader's memory only: nothing to keep
  } else {
    metadata::ReadSegment(txn, environment, request, response.get());
  }
  return response;
}

void LocalMetadata::Execute(std::unique_ptr<pb::SegmentRequest> request,
                            metadata::SegmentCallback done) {
  using Answer = absl::StatusOr<std::unique_ptr<pb::SegmentResponse>>;
  Answer answer = absl::UnavailableError("made to order");
  {
    MutexLock lock(mu_);
    const bool system = request->group() == kSystemGroup;
    if (!system) requests_.push_back(*request);
    const Fate fate = fate_ == nullptr || system ? Fate::kServe : fate_(*request);
    if (fate == Fate::kHold) {
      held_.push_back({std::move(request), std::move(done)});
      return;
    }
    if (fate == Fate::kServe) answer = Serve(*request);
    if (fate == Fate::kLose) Serve(*request);
  }
  done(std::move(answer));
}

void LocalMetadata::SetFate(std::function<Fate(const pb::SegmentRequest&)> fate) {
  MutexLock lock(mu_);
  fate_ = std::move(fate);
}

void LocalMetadata::Release() {
  std::vector<Held> held;
  std::vector<std::unique_ptr<pb::SegmentResponse>> responses;
  {
    MutexLock lock(mu_);
    held.swap(held_);
    for (const Held& each : held) responses.push_back(Serve(*each.request));
  }
  for (size_t i = 0; i < held.size(); ++i) held[i].done(std::move(responses[i]));
}

size_t LocalMetadata::held() const {
  MutexLock lock(mu_);
  return held_.size();
}

std::vector<pb::SegmentRequest> LocalMetadata::requests() const {
  MutexLock lock(mu_);
  return requests_;
}

void LocalMetadata::ClearRequests() {
  MutexLock lock(mu_);
  requests_.clear();
}

pb::OperationResult LocalMetadata::RunOne(uint32_t group, pb::Operation operation) {
  MutexLock lock(mu_);
  return Serve(One(group, std::move(operation)))->results(0);
}

}  // namespace openefs::testing
