#include "control/bootstrap.h"

#include <chrono>
#include <thread>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "common/clock.h"
#include "common/random.h"
#include "control/system_client.h"

namespace openefs::control {
namespace {

constexpr size_t kSecretBytes = 16;
constexpr size_t kVerifierBytes = 8;
constexpr auto kPollInterval = std::chrono::milliseconds(50);

absl::Status ToStatus(absl::string_view what, const absl::StatusOr<pb::OperationResult>& result) {
  if (!result.ok()) return result.status();
  // Done before: every step of a bootstrap may be repeated.
  if (result->error() == pb::FS_OK || result->error() == pb::FS_EXIST) return absl::OkStatus();
  return absl::FailedPreconditionError(absl::StrCat(what, ": ", pb::FsError_Name(result->error())));
}

absl::StatusOr<pb::ClusterState> WaitForDataNodes(metadata::MetadataClient& client, int wanted,
                                                  int64_t deadline_ms) {
  while (true) {
    absl::StatusOr<pb::ClusterState> state = GetClusterState(client);
    if (!state.ok()) return state.status();
    if (state->map().data_nodes_size() >= wanted) return state;
    if (SystemClock::Get()->MonotonicMs() > deadline_ms) {
      return absl::DeadlineExceededError(absl::StrCat(
          "only ", state->map().data_nodes_size(), " of ", wanted, " data nodes have registered"));
    }
    std::this_thread::sleep_for(kPollInterval);
  }
}

absl::Status DefinePlacementGroups(metadata::MetadataClient& client,
                                   const pb::ClusterState& state) {
  if (state.map().placement_groups_size() > 0) return absl::OkStatus();
  absl::StatusOr<std::vector<pb::PlacementGroup>> plan =
      PlanPlacementGroups({state.map().data_nodes().begin(), state.map().data_nodes().end()});
  if (!plan.ok()) return plan.status();
  for (pb::PlacementGroup& group : *plan) {
    pb::Operation operation;
    *operation.mutable_define_placement_group()->mutable_group() = std::move(group);
    absl::Status defined = ToStatus("defining a placement group",
                                    ExecuteOne(client, kSystemGroup, std::move(operation)));
    if (!defined.ok()) return defined;
  }
  return absl::OkStatus();
}

absl::Status FormatFileSystem(metadata::MetadataClient& client, const pb::FileSystem& fs) {
  pb::Operation operation;
  operation.mutable_format_file_system()->set_fs_id(fs.fs_id());
  return ToStatus("making the root directory",
                  ExecuteOne(client, fs.groups(0), std::move(operation)));
}

}  // namespace

absl::Status FormatCluster(metadata::MetadataClient& client, const std::string& cluster_id) {
  pb::Operation operation;
  pb::FormatCluster* format = operation.mutable_format_cluster();
  format->set_cluster_id(cluster_id);
  format->mutable_secrets()->set_handle_key(SystemRandom::Get()->Bytes(kSecretBytes));
  format->mutable_secrets()->set_write_verifier(SystemRandom::Get()->Bytes(kVerifierBytes));
  format->mutable_secrets()->set_server_owner(SystemRandom::Get()->Bytes(kSecretBytes));
  return ToStatus("formatting the cluster", ExecuteOne(client, kSystemGroup, std::move(operation)));
}

absl::StatusOr<pb::FileSystem> CreateFileSystem(metadata::MetadataClient& client,
                                                const std::string& name) {
  pb::Operation operation;
  operation.mutable_create_file_system()->set_name(name);
  operation.mutable_create_file_system()->add_groups(kFirstNamespaceGroup);
  absl::StatusOr<pb::OperationResult> created =
      ExecuteOne(client, kSystemGroup, std::move(operation));
  if (absl::Status status = ToStatus("creating a file system", created); !status.ok()) {
    return status;
  }
  pb::FileSystem fs = created->file_system();
  if (absl::Status status = FormatFileSystem(client, fs); !status.ok()) return status;
  return fs;
}

absl::StatusOr<pb::FileSystem> Bootstrap(metadata::MetadataClient& client,
                                         const BootstrapOptions& options) {
  const int64_t deadline_ms = SystemClock::Get()->MonotonicMs() + options.patience_ms;
  if (absl::Status status = FormatCluster(client, options.cluster_id); !status.ok()) return status;
  absl::StatusOr<pb::ClusterState> state =
      WaitForDataNodes(client, options.data_nodes, deadline_ms);
  if (!state.ok()) return state.status();
  if (absl::Status status = DefinePlacementGroups(client, *state); !status.ok()) return status;
  if (state->file_systems_size() > 0) {
    // An earlier bootstrap may have stopped between the file system's record and its root.
    const pb::FileSystem& fs = state->file_systems(0);
    if (absl::Status status = FormatFileSystem(client, fs); !status.ok()) return status;
    return fs;
  }
  return CreateFileSystem(client, "");
}

}  // namespace openefs::control
