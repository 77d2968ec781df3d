#include "tests/sim/node/snapshot_traffic.h"

#include <filesystem>
#include <optional>
#include <utility>

#include "common/files.h"
#include "replication/node/snapshot_files.h"
#include "tests/sim/kernel/violation.h"

namespace openefs::sim {
namespace {

using replication::SnapshotJob;
using replication::SnapshotNews;
using replication::SnapshotPaths;

constexpr char kClusterId[] = "simulatedcluster";
constexpr size_t kMaxFileBytes = size_t{64} << 20;  // a simulated store has some hundred kilobytes

absl::StatusOr<SnapshotParcelPtr> Pack(const SnapshotJob& job) {
  auto manifest = replication::MakeManifest(job.directory, kClusterId, job.group, job.meta,
                                            [](size_t) { return absl::OkStatus(); });
  if (!manifest.ok()) return manifest.status();
  auto parcel = std::make_shared<SnapshotParcel>();
  for (const pb::SnapshotFile& file : manifest->files()) {
    auto bytes = ReadSmallFile(job.directory + "/" + file.name(), kMaxFileBytes);
    if (!bytes.ok()) return bytes.status();
    parcel->files.push_back(*std::move(bytes));
  }
  parcel->manifest = *std::move(manifest);
  return SnapshotParcelPtr(std::move(parcel));
}

}  // namespace

SnapshotTraffic::SnapshotTraffic(std::string log_directory, replication::Inbox* inbox, Send send,
                                 std::function<void()> wake)
    : log_directory_(std::move(log_directory)),
      inbox_(inbox),
      send_(std::move(send)),
      wake_(std::move(wake)) {}

// As NodeSnapshots::OnNews.
void SnapshotTraffic::OnNews(const SnapshotNews& news, replication::Group& group) {
  using Kind = SnapshotNews::Kind;
  if (news.kind == Kind::kCheckpoint) return OnCheckpoint(news, group);
  if (news.kind == Kind::kSent) sending_.erase(news.follower);
  if (news.kind == Kind::kFinished) offered_ = false;
  if (group.failed()) return;
  switch (news.kind) {
    case Kind::kCheckpoint:
      return;
    case Kind::kSent:
      return group.snapshots().OnSent(news);
    case Kind::kReceived:
      offered_ = group.snapshots().OnReceived(news.meta);
      return;
    case Kind::kInstalled:
      return group.snapshots().OnInstalled();
    case Kind::kLogReset:
      return group.snapshots().OnLogReset();
    case Kind::kFinished:
      return group.OnSnapshotInstalled();
  }
}

void SnapshotTraffic::OnCheckpoint(const SnapshotNews& news, replication::Group& group) {
  std::optional<SnapshotJob> job;
  if (!group.failed()) job = group.snapshots().OnCheckpoint(news);
  if (!job.has_value()) {
    sending_.erase(news.follower);
    return;
  }
  auto parcel = Pack(*job);
  if (!parcel.ok()) throw Violation("a checkpoint is not sound: " + parcel.status().ToString());
  if (auto status = replication::RemoveWhole(job->directory); !status.ok()) {
    throw Violation("a checkpoint cannot be removed: " + status.ToString());
  }
  send_(job->follower, *std::move(parcel), [this, job = *std::move(job)](bool sent) {
    SnapshotNews outcome;
    outcome.group = job.group;
    outcome.kind = SnapshotNews::Kind::kSent;
    outcome.follower = job.follower;
    outcome.leader_term = job.leader_term;
    outcome.meta.index = sent ? job.meta.index : 0;
    inbox_->AddSnapshotNews(std::move(outcome));
    wake_();
  });
}

// As NodeSnapshots::Serve: one after the other where a follower's last one is still under way.
void SnapshotTraffic::Collect(replication::Group& group) {
  for (const NodeId follower : group.snapshots().TakeWanted()) waiting_.insert(follower);
  std::erase_if(waiting_, [&](NodeId follower) {
    if (sending_.contains(follower)) return false;
    if (group.snapshots().Checkpoint(follower)) sending_.insert(follower);
    return true;
  });
}

// As SnapshotReceiver, without parts.
bool SnapshotTraffic::Receive(const SnapshotParcel& parcel, uint64_t applied_index) {
  if (parcel.manifest.index() <= applied_index) return true;  // it has that state already
  if (offered_) return false;
  const GroupId group = parcel.manifest.group();
  if (!replication::CheckManifest(parcel.manifest, kClusterId, group).ok()) {
    throw Violation("a manifest that its receiver would refuse");
  }
  if (auto status = Store(parcel); !status.ok()) {
    throw Violation("a snapshot cannot be kept: " + status.ToString());
  }
  offered_ = true;
  SnapshotNews news;
  news.group = group;
  news.kind = SnapshotNews::Kind::kReceived;
  news.meta = replication::MetaOf(parcel.manifest);
  inbox_->AddSnapshotNews(std::move(news));
  wake_();
  return true;
}

absl::Status SnapshotTraffic::Store(const SnapshotParcel& parcel) const {
  const SnapshotPaths paths(log_directory_, parcel.manifest.group());
  if (auto status = replication::EnsureSnapshotDirectory(paths); !status.ok()) return status;
  if (auto status = replication::RemoveWhole(paths.Incoming()); !status.ok()) return status;
  const std::string files = SnapshotPaths::Files(paths.Incoming());
  std::filesystem::create_directories(files);
  for (int i = 0; i < parcel.manifest.files_size(); ++i) {
    const std::string path = files + "/" + parcel.manifest.files(i).name();
    auto status = WriteFileDurably(path, parcel.files[static_cast<size_t>(i)]);
    if (!status.ok()) return status;
  }
  return WriteFileDurably(SnapshotPaths::Manifest(paths.Incoming()),
                          parcel.manifest.SerializeAsString());
}

}  // namespace openefs::sim
