#include "replication/node/snapshot_files.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <filesystem>
#include <memory>
#include <set>
#include <system_error>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "common/files.h"
#include "replication/node/sha256.h"

namespace openefs::replication {
namespace {

namespace fs = std::filesystem;

constexpr size_t kReadBytes = size_t{1} << 20;
constexpr size_t kMaxNameBytes = 255;
constexpr char kTrash[] = "trash-";

absl::Status Failed(absl::string_view doing, const std::string& path, absl::string_view why) {
  return absl::InternalError(absl::StrCat("snapshot: cannot ", doing, " ", path, ": ", why));
}

bool GoodName(const std::string& name) {
  const auto alnum = [](char c) {
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
  };
  if (name.empty() || name.size() > kMaxNameBytes || !alnum(name[0])) return false;
  return std::all_of(name.begin(), name.end(),
                     [&](char c) { return alnum(c) || c == '.' || c == '_' || c == '-'; });
}

absl::StatusOr<std::vector<std::string>> PlainFiles(const std::string& directory) {
  std::vector<std::string> names;
  std::error_code error;
  fs::directory_iterator files(directory, error);
  for (; !error && files != fs::directory_iterator(); files.increment(error)) {
    if (files->is_regular_file(error)) names.push_back(files->path().filename().string());
  }
  if (error) return Failed("list", directory, error.message());
  std::sort(names.begin(), names.end());
  return names;
}

}  // namespace

SnapshotPaths::SnapshotPaths(const std::string& log_directory, GroupId group)
    : base_(absl::StrCat(log_directory, "/snapshots/", group)) {}

std::string SnapshotPaths::Outgoing(NodeId follower) const {
  return absl::StrCat(base_, "/outgoing-", follower);
}

absl::StatusOr<std::string> HashFile(const std::string& path, const SnapshotPace& pace) {
  const int fd = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (fd < 0) return Failed("open", path, std::strerror(errno));
  const std::unique_ptr<const int, void (*)(const int*)> closer(&fd,
                                                                [](const int* f) { ::close(*f); });
  Sha256 hash;
  std::string chunk(kReadBytes, '\0');
  while (true) {
    const ssize_t got = ::read(fd, chunk.data(), chunk.size());
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return Failed("read", path, std::strerror(errno));
    if (got == 0) return hash.Finish();
    hash.Add({chunk.data(), static_cast<size_t>(got)});
    if (!pace) continue;
    if (auto status = pace(static_cast<size_t>(got)); !status.ok()) return status;
  }
}

absl::StatusOr<pb::SnapshotManifest> MakeManifest(const std::string& directory,
                                                  const std::string& cluster_id, GroupId group,
                                                  const raft::SnapshotMeta& meta,
                                                  const SnapshotPace& pace) {
  pb::SnapshotManifest manifest;
  manifest.set_cluster_id(cluster_id);
  manifest.set_group(group);
  manifest.set_index(meta.index);
  manifest.set_term(meta.term);
  manifest.mutable_configuration()->ParseFromString(raft::EncodeConfiguration(meta.configuration));
  const auto names = PlainFiles(directory);
  if (!names.ok()) return names.status();
  for (const std::string& name : *names) {
    const std::string path = absl::StrCat(directory, "/", name);
    auto hash = HashFile(path, pace);
    if (!hash.ok()) return hash.status();
    std::error_code error;
    pb::SnapshotFile* file = manifest.add_files();
    file->set_name(name);
    file->set_bytes(fs::file_size(path, error));
    file->set_sha256(*std::move(hash));
    if (error) return Failed("stat", path, error.message());
  }
  if (auto status = CheckManifest(manifest, cluster_id, group); !status.ok()) {
    return absl::InternalError(absl::StrCat(directory, ": ", status.message()));
  }
  return manifest;
}

absl::Status CheckManifest(const pb::SnapshotManifest& manifest, const std::string& cluster_id,
                           GroupId group) {
  const auto bad = [](auto... what) {
    return absl::InvalidArgumentError(absl::StrCat("snapshot manifest: ", what...));
  };
  if (manifest.cluster_id() != cluster_id) return bad("of another cluster");
  if (manifest.group() != group) return bad("of group ", manifest.group(), ", not of ", group);
  if (manifest.index() == 0 || manifest.term() == 0) return bad("it stands for no entry");
  if (!raft::DecodeConfiguration(manifest.configuration().SerializeAsString()).has_value()) {
    return bad("its configuration is not valid");
  }
  if (static_cast<size_t>(manifest.files_size()) > kMaxSnapshotFiles) return bad("too many files");
  std::set<std::string> names;
  uint64_t left = uint64_t{1} << 62;  // so that their sum is a number
  for (const pb::SnapshotFile& file : manifest.files()) {
    if (!GoodName(file.name())) return bad("a file has a name that no checkpoint has");
    if (!names.insert(file.name()).second) return bad("file ", file.name(), " twice");
    if (file.sha256().size() != kSnapshotHashBytes) return bad("no hash of ", file.name());
    if (file.bytes() > left) return bad("file ", file.name(), " is too large");
    left -= file.bytes();
  }
  return absl::OkStatus();
}

raft::SnapshotMeta MetaOf(const pb::SnapshotManifest& manifest) {
  auto configuration = raft::DecodeConfiguration(manifest.configuration().SerializeAsString());
  return {manifest.index(), manifest.term(), configuration.value_or(raft::Configuration())};
}

uint64_t BytesOf(const pb::SnapshotManifest& manifest) {
  uint64_t bytes = 0;
  for (const pb::SnapshotFile& file : manifest.files()) bytes += file.bytes();
  return bytes;
}

absl::StatusOr<pb::SnapshotManifest> ReadManifest(const std::string& directory) {
  const std::string path = SnapshotPaths::Manifest(directory);
  const auto bytes = ReadSmallFile(path, kMaxManifestBytes);
  if (!bytes.ok()) return bytes.status();
  pb::SnapshotManifest manifest;
  if (manifest.ParseFromString(*bytes)) return manifest;
  return absl::DataLossError(absl::StrCat("snapshot: ", path, " is damaged"));
}

absl::Status BeginInstall(const SnapshotPaths& paths) {
  const std::string from = paths.Incoming();
  if (std::rename(from.c_str(), paths.Install().c_str()) != 0) {
    return Failed("rename", from, std::strerror(errno));
  }
  return SyncDirectory(paths.base());
}

absl::Status InstallInMachine(const SnapshotPaths& paths, StateMachine* machine, uint64_t index) {
  const std::string files = SnapshotPaths::Files(paths.Install());
  if (auto status = machine->Install(files); !status.ok()) return status;
  if (machine->AppliedIndex() == index) return absl::OkStatus();
  return absl::DataLossError(absl::StrCat("snapshot: the state in ", files, " is of entry ",
                                          machine->AppliedIndex(), ", not of ", index));
}

absl::Status FinishInstall(const SnapshotPaths& paths) { return RemoveWhole(paths.Install()); }

// By another name first: a half removed intent would look like one.
absl::Status RemoveWhole(const std::string& path) {
  const std::string parent = path.substr(0, path.rfind('/'));
  std::error_code error;
  int n = 0;
  while (fs::exists(absl::StrCat(parent, "/", kTrash, n), error)) ++n;
  const std::string trash = absl::StrCat(parent, "/", kTrash, n);
  if (std::rename(path.c_str(), trash.c_str()) != 0) {
    return errno == ENOENT ? absl::OkStatus() : Failed("rename", path, std::strerror(errno));
  }
  if (auto status = SyncDirectory(parent); !status.ok()) return status;
  fs::remove_all(trash, error);  // what is left goes on the next start
  return absl::OkStatus();
}

absl::Status EnsureSnapshotDirectory(const SnapshotPaths& paths) {
  std::error_code error;
  if (fs::exists(paths.base(), error)) return absl::OkStatus();
  fs::create_directories(paths.base(), error);
  if (error) return Failed("create", paths.base(), error.message());
  const fs::path all = fs::path(paths.base()).parent_path();
  if (auto status = SyncDirectory(all.string()); !status.ok()) return status;
  return SyncDirectory(all.parent_path().string());
}

absl::Status CleanSnapshotDirectory(const SnapshotPaths& paths) {
  std::error_code error;
  if (!fs::exists(paths.base(), error)) return absl::OkStatus();
  for (const auto& entry : fs::directory_iterator(paths.base(), error)) {
    const std::string name = entry.path().filename().string();
    if (name == "incoming" || name == "install") continue;
    fs::remove_all(entry.path(), error);
    if (error) return Failed("remove", entry.path().string(), error.message());
  }
  return error ? Failed("list", paths.base(), error.message()) : absl::OkStatus();
}

}  // namespace openefs::replication
