#include "control/system_client.h"

#include <future>
#include <memory>
#include <utility>

#include "absl/strings/str_cat.h"

namespace openefs::control {
namespace {

using Response = absl::StatusOr<std::unique_ptr<pb::SegmentResponse>>;

Response ExecuteAndWait(metadata::MetadataClient& client,
                        std::unique_ptr<pb::SegmentRequest> request) {
  auto promise = std::make_shared<std::promise<Response>>();
  std::future<Response> answer = promise->get_future();
  client.Execute(std::move(request),
                 [promise](Response response) { promise->set_value(std::move(response)); });
  return answer.get();
}

}  // namespace

absl::StatusOr<pb::OperationResult> ExecuteOne(metadata::MetadataClient& client, GroupId group,
                                               pb::Operation operation) {
  auto request = std::make_unique<pb::SegmentRequest>();
  request->set_group(group);
  *request->add_operations() = std::move(operation);
  Response response = ExecuteAndWait(client, std::move(request));
  if (!response.ok()) return response.status();
  if ((*response)->results_size() != 1) return absl::InternalError("no result came back");
  return std::move(*(*response)->mutable_results(0));
}

absl::StatusOr<pb::ClusterState> GetClusterState(metadata::MetadataClient& client) {
  pb::Operation operation;
  operation.mutable_get_cluster_state();
  absl::StatusOr<pb::OperationResult> result =
      ExecuteOne(client, kSystemGroup, std::move(operation));
  if (!result.ok()) return result.status();
  if (result->error() != pb::FS_OK) {
    return absl::FailedPreconditionError(
        absl::StrCat("reading the cluster state: ", pb::FsError_Name(result->error())));
  }
  return std::move(*result->mutable_cluster_state());
}

}  // namespace openefs::control
