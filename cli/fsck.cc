// `openefs fsck`: whether everything in the metadata agrees. It changes nothing.
#include <CLI/CLI.hpp>
#include <chrono>
#include <cstdio>
#include <future>
#include <memory>
#include <thread>

#include "absl/strings/str_cat.h"
#include "cli/command.h"
#include "cli/roles/cluster_connection.h"
#include "cli/roles/report.h"
#include "common/rpc/channel.h"
#include "metadata/service/offline_check.h"
#include "proto/metadata.pb.h"

namespace openefs::cli {
namespace {

// Exit codes, as docs/operations.md has them.
constexpr int kClean = 0;
constexpr int kProblems = 1;
constexpr int kNotChecked = 2;

constexpr int64_t kCallTimeoutMs = 5'000;
constexpr int64_t kPollMs = 500;
// A node that does not answer for so many questions in a row is given up.
constexpr int kMaxSilentPolls = 20;

struct FsckOptions {
  std::string store;  // a stopped node's data directory; empty: ask running ones
  ClusterLocation location;
  NodeId node = 0;  // 0: all
};

// Collects what the program ends with.
class Outcome {
 public:
  void Report(const std::string& what, const metadata::CheckReport& report) {
    if (!report.complete) return NotChecked(what, absl::UnavailableError("it ended early"));
    for (const std::string& problem : report.problems) {
      std::printf("%s: %s\n", what.c_str(), problem.c_str());
    }
    std::printf(
        "%s: entry %llu: %llu problems in %llu rows: %llu file systems, %llu inodes, "
        "%llu names, %llu extents, %llu blobs, %llu clients, %llu opens and locks\n",
        what.c_str(), Number(report.applied_index), Number(report.problem_count),
        Number(report.rows), Number(report.file_systems), Number(report.inodes),
        Number(report.entries), Number(report.extents), Number(report.blobs),
        Number(report.clients), Number(report.states));
    problems_ |= report.problem_count != 0;
  }
  void Damaged(const std::string& what, const absl::Status& status) {
    std::printf("%s: %s\n", what.c_str(), std::string(status.message()).c_str());
    problems_ = true;
  }
  void NotChecked(const std::string& what, const absl::Status& status) {
    (void)ReportError(absl::UnavailableError(absl::StrCat(what, ": ", status.message())));
    not_checked_ = true;
  }
  int code() const { return problems_ ? kProblems : not_checked_ ? kNotChecked : kClean; }

 private:
  static unsigned long long Number(uint64_t number) { return number; }
  bool problems_ = false;
  bool not_checked_ = false;
};

int CheckOffline(const std::string& directory) {
  Outcome outcome;
  const absl::Status opened = metadata::CheckStoppedNode(
      directory, [&outcome](GroupId group, const absl::StatusOr<metadata::CheckReport>& report) {
        const std::string what = absl::StrCat("group ", group);
        if (report.ok()) return outcome.Report(what, *report);
        if (absl::IsDataLoss(report.status())) return outcome.Damaged(what, report.status());
        outcome.NotChecked(what, report.status());
      });
  if (!opened.ok()) {
    (void)ReportError(opened);
    return kNotChecked;
  }
  return outcome.code();
}

template <typename Reply>
absl::StatusOr<Reply> Ask(rpc::Channel& channel, rpc::Method method, std::string header) {
  auto promise = std::make_shared<std::promise<absl::StatusOr<rpc::Message>>>();
  auto answer = promise->get_future();
  channel.Call(
      method, {std::move(header), {}}, kCallTimeoutMs,
      [promise](absl::StatusOr<rpc::Message> reply) { promise->set_value(std::move(reply)); });
  const absl::StatusOr<rpc::Message> message = answer.get();
  if (!message.ok()) return message.status();
  Reply reply;
  if (!reply.ParseFromString(message->header)) {
    return absl::InternalError("an answer that does not parse");
  }
  return reply;
}

absl::StatusOr<pb::StoreCheckStatus> AskCheck(rpc::Channel& channel, GroupId group, uint64_t id) {
  pb::StoreCheckRequest request;
  request.set_group(group);
  request.set_id(id);
  return Ask<pb::StoreCheckStatus>(channel, rpc::Method::kMetadataCheck,
                                   request.SerializeAsString());
}

// Begins a check and waits for its end, however long that takes.
absl::StatusOr<pb::StoreCheckStatus> RunCheck(rpc::Channel& channel, GroupId group) {
  absl::StatusOr<pb::StoreCheckStatus> status = AskCheck(channel, group, 0);
  if (!status.ok()) return status;
  const uint64_t id = status->id();
  int silent = 0;
  while (!status.ok() || status->running()) {
    std::this_thread::sleep_for(std::chrono::milliseconds(kPollMs));
    status = AskCheck(channel, group, id);
    if (status.ok()) {
      silent = 0;
    } else if (absl::IsNotFound(status.status()) || ++silent == kMaxSilentPolls) {
      return status;
    }
  }
  return status;
}

metadata::CheckReport ToReport(const pb::StoreCheckStatus& status) {
  metadata::CheckReport report;
  report.applied_index = status.applied_index();
  report.rows = status.rows();
  report.file_systems = status.file_systems();
  report.inodes = status.inodes();
  report.entries = status.entries();
  report.extents = status.extents();
  report.blobs = status.blobs();
  report.clients = status.clients();
  report.states = status.states();
  report.lock_ranges = status.lock_ranges();
  report.complete = status.complete();
  report.problem_count = status.problem_count();
  report.problems.assign(status.problems().begin(), status.problems().end());
  return report;
}

void CheckNode(NodeId node, rpc::Channel& channel, Outcome* outcome) {
  const std::string name = absl::StrCat("node ", node);
  const absl::StatusOr<pb::MetadataNodeStatus> groups =
      Ask<pb::MetadataNodeStatus>(channel, rpc::Method::kMetadataStatus, "");
  if (!groups.ok()) return outcome->NotChecked(name, groups.status());
  for (const auto& group : groups->groups()) {
    const std::string what = absl::StrCat(name, " group ", group.group());
    const absl::StatusOr<pb::StoreCheckStatus> status = RunCheck(channel, group.group());
    if (status.ok()) {
      outcome->Report(what, ToReport(*status));
    } else {
      outcome->NotChecked(what, status.status());
    }
  }
}

int CheckLive(const FsckOptions& options) {
  absl::StatusOr<ClusterConnection> cluster = ConnectToCluster(options.location);
  if (!cluster.ok()) {
    (void)ReportError(cluster.status());
    return kNotChecked;
  }
  Outcome outcome;
  bool found = false;
  for (size_t i = 0; i < cluster->metadata_nodes.size(); ++i) {
    const NodeId node = cluster->metadata_nodes[i].node_id;
    if (options.node != 0 && options.node != node) continue;
    found = true;
    CheckNode(node, *cluster->channels[i], &outcome);
  }
  if (!found) {
    outcome.NotChecked(absl::StrCat("node ", options.node),
                       absl::NotFoundError("there is no such metadata node"));
  }
  return outcome.code();
}

}  // namespace

void AddFsckCommand(CLI::App& app, int* exit_code) {
  auto options = std::make_shared<FsckOptions>();
  CLI::App* fsck = app.add_subcommand(
      "fsck", "Checks the metadata of a running cluster, or of a metadata node that is stopped");
  fsck->add_option("--store", options->store,
                   "Data directory of a stopped metadata node: check that instead");
  AddClusterLocationOptions(*fsck, &options->location);
  fsck->add_option("--node", options->node, "Of a running cluster, only this metadata node");
  fsck->callback([options, exit_code] {
    *exit_code = options->store.empty() ? CheckLive(*options) : CheckOffline(options->store);
  });
}

}  // namespace openefs::cli
