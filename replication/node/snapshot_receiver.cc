#include "replication/node/snapshot_receiver.h"

#include <fcntl.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <system_error>
#include <utility>

#include "absl/strings/str_cat.h"
#include "common/check.h"
#include "common/files.h"
#include "common/log.h"

namespace openefs::replication {
namespace {

namespace fs = std::filesystem;

// Senders have four parts in flight each, and there are few: beyond this somebody misbehaves.
constexpr size_t kMaxQueuedBytes = size_t{32} << 20;
constexpr size_t kMaxQueued = 1024;
constexpr int64_t kLookForIdleMs = 10'000;

absl::Status IoError(absl::string_view doing, const std::string& path) {
  const int error = errno;
  const std::string text = absl::StrCat("snapshot: ", doing, " ", path, ": ", std::strerror(error));
  if (error == ENOSPC || error == EDQUOT) return absl::ResourceExhaustedError(text);
  return absl::InternalError(text);
}

absl::Status WriteAt(int fd, uint64_t offset, const BufferList& bytes, const std::string& path) {
  for (const Buffer& piece : bytes) {
    size_t done = 0;
    while (done < piece.size()) {
      const ssize_t n =
          ::pwrite(fd, piece.data() + done, piece.size() - done, static_cast<off_t>(offset + done));
      if (n < 0 && errno == EINTR) continue;
      if (n < 0) return IoError("write", path);
      done += static_cast<size_t>(n);
    }
    offset += piece.size();
  }
  return absl::OkStatus();
}

absl::Status SyncFile(const std::string& path) {
  const int fd = ::open(path.c_str(), O_WRONLY | O_CREAT | O_CLOEXEC, 0640);
  if (fd < 0) return IoError("open", path);
  const absl::Status status = ::fsync(fd) == 0 ? absl::OkStatus() : IoError("fsync", path);
  ::close(fd);
  return status;
}

absl::Status MakeDirectory(const std::string& path) {
  std::error_code error;
  fs::create_directories(path, error);
  if (!error) return absl::OkStatus();
  errno = error.value();
  return IoError("create", path);
}

}  // namespace

SnapshotReceiver::SnapshotReceiver(Options options, Inbox* inbox, const Clock* clock)
    : options_(std::move(options)), inbox_(inbox), clock_(clock) {}

void SnapshotReceiver::Start() {
  for (const GroupId group : options_.groups) {
    std::error_code error;
    const SnapshotPaths paths(options_.log_directory, group);
    if (!fs::exists(paths.Incoming(), error)) continue;
    incoming_[group].touched_ms = clock_->MonotonicMs();  // of an earlier run; may go on
  }
  thread_ = std::thread([this] { Run(); });
}

void SnapshotReceiver::Stop() {
  {
    MutexLock lock(mu_);
    stop_ = true;
  }
  work_.Signal();
  if (thread_.joinable()) thread_.join();
  std::deque<Task> left;
  {
    MutexLock lock(mu_);
    left.swap(queue_);
  }
  for (Task& task : left) {
    if (task.arrival.reply) task.arrival.reply(absl::UnavailableError("this node is stopping"));
  }
  for (auto& [group, incoming] : incoming_) {
    if (incoming.fd >= 0) ::close(std::exchange(incoming.fd, -1));
  }
}

void SnapshotReceiver::Submit(SnapshotArrival arrival) {
  const size_t bytes = TotalBytes(arrival.bytes);
  {
    MutexLock lock(mu_);
    const bool room = queue_.size() < kMaxQueued && queued_bytes_ + bytes <= kMaxQueuedBytes;
    if (room && !stop_) {
      queued_bytes_ += bytes;
      queue_.push_back({std::move(arrival), std::nullopt});
      work_.Signal();
      return;
    }
  }
  arrival.reply(absl::UnavailableError("busy with other snapshots"));
}

void SnapshotReceiver::Release(GroupId group) {
  MutexLock lock(mu_);
  queue_.push_back({{}, group});
  work_.Signal();
}

bool SnapshotReceiver::Take(Task& task) {
  MutexLock lock(mu_);
  while (queue_.empty() && !stop_) {
    if (!work_.WaitForMs(mu_, kLookForIdleMs)) return true;
  }
  if (stop_) return false;
  task = std::move(queue_.front());
  queue_.pop_front();
  queued_bytes_ -= TotalBytes(task.arrival.bytes);
  return true;
}

void SnapshotReceiver::Run() {
  while (true) {
    Task task;
    if (!Take(task)) return;
    if (task.release.has_value()) Drop(*task.release);
    if (task.arrival.reply) Carry(std::move(task.arrival));
    DropIdle();
  }
}

void SnapshotReceiver::Carry(SnapshotArrival arrival) {
  const pb::SnapshotRequest& request = arrival.request;
  if (request.step() == pb::SnapshotRequest::BEGIN) return arrival.reply(Begin(arrival));
  Incoming* incoming = Find(request);
  if (incoming == nullptr)
    return arrival.reply(absl::AbortedError("no such transfer: begin again"));
  incoming->touched_ms = clock_->MonotonicMs();
  absl::Status status = absl::InvalidArgumentError("no such step of a snapshot");
  if (request.step() == pb::SnapshotRequest::PART) {
    status = TakePart(request.group(), *incoming, arrival);
  } else if (request.step() == pb::SnapshotRequest::END) {
    status = End(request.group(), *incoming);
  }
  // The space is wanted for what is here already.
  if (absl::IsResourceExhausted(status)) Drop(request.group());
  arrival.reply(status.ok() ? absl::StatusOr<pb::SnapshotReply>(pb::SnapshotReply()) : status);
}

SnapshotReceiver::Incoming* SnapshotReceiver::Find(const pb::SnapshotRequest& request) {
  const auto found = incoming_.find(request.group());
  if (found == incoming_.end() || found->second.offered || request.transfer() == 0) return nullptr;
  return found->second.transfer == request.transfer() ? &found->second : nullptr;
}

absl::Status SnapshotReceiver::CheckBegin(const SnapshotArrival& arrival) {
  const pb::SnapshotRequest& request = arrival.request;
  const auto status = CheckManifest(request.manifest(), options_.cluster_id, request.group());
  if (!status.ok()) return status;
  if (request.transfer() == 0) return absl::InvalidArgumentError("snapshot: no transfer number");
  if (request.manifest().index() <= arrival.applied_index) {
    return absl::AlreadyExistsError("this replica has that state already");
  }
  const auto found = incoming_.find(request.group());
  if (found == incoming_.end()) return absl::OkStatus();
  if (found->second.offered) return absl::UnavailableError("another snapshot is being installed");
  if (request.leader_term() < found->second.leader_term) {
    return absl::FailedPreconditionError("a leader of a later term sends a snapshot too");
  }
  return absl::OkStatus();
}

absl::StatusOr<pb::SnapshotReply> SnapshotReceiver::Begin(const SnapshotArrival& arrival) {
  if (auto status = CheckBegin(arrival); !status.ok()) return status;
  const pb::SnapshotRequest& request = arrival.request;
  const GroupId group = request.group();
  if (auto status = Prepare(group, request.manifest()); !status.ok()) return status;
  Incoming& incoming = incoming_[group];
  incoming.manifest = request.manifest();
  incoming.leader_term = request.leader_term();
  incoming.transfer = request.transfer();
  incoming.touched_ms = clock_->MonotonicMs();
  pb::SnapshotReply reply;
  for (int i = 0; i < incoming.manifest.files_size(); ++i) {
    std::error_code error;
    const std::string path = PathOf(group, incoming, i);
    uint64_t have = fs::file_size(path, error);
    if (error) have = 0;
    if (have > incoming.manifest.files(i).bytes()) {
      have = 0;
      fs::remove(path, error);
    }
    incoming.files.push_back({have, false});
    reply.add_have_bytes(have);
  }
  if (auto status = CheckSpace(group, incoming); !status.ok()) {
    Drop(group);
    return status;
  }
  if (auto status = Reached(SnapshotStep::kBegun); !status.ok()) return status;
  return reply;
}

// Leaves `incoming` with the manifest and only files that may be parts of what it names.
absl::Status SnapshotReceiver::Prepare(GroupId group, const pb::SnapshotManifest& manifest) {
  Forget(group);
  const SnapshotPaths paths(options_.log_directory, group);
  if (auto status = EnsureSnapshotDirectory(paths); !status.ok()) return status;
  const auto old = ReadManifest(paths.Incoming());
  if (old.ok()) {
    if (old->SerializeAsString() == manifest.SerializeAsString()) return absl::OkStatus();
    if (auto status = KeepWhatMatches(paths, *old, manifest); !status.ok()) return status;
  } else if (auto status = RemoveWhole(paths.Incoming()); !status.ok()) {
    return status;
  }
  const std::string files = SnapshotPaths::Files(paths.Incoming());
  if (auto status = MakeDirectory(files); !status.ok()) return status;
  return WriteFileDurably(SnapshotPaths::Manifest(paths.Incoming()), manifest.SerializeAsString());
}

absl::Status SnapshotReceiver::KeepWhatMatches(const SnapshotPaths& paths,
                                               const pb::SnapshotManifest& old,
                                               const pb::SnapshotManifest& manifest) {
  std::map<std::string, std::string> wanted;
  for (const pb::SnapshotFile& file : manifest.files()) wanted[file.name()] = file.sha256();
  for (const pb::SnapshotFile& file : old.files()) {
    const auto found = wanted.find(file.name());
    if (found != wanted.end() && found->second == file.sha256()) continue;
    const std::string path = SnapshotPaths::Files(paths.Incoming()) + "/" + file.name();
    std::error_code error;
    fs::remove(path, error);
    if (error) return absl::InternalError(absl::StrCat("snapshot: cannot remove ", path));
  }
  return absl::OkStatus();
}

absl::Status SnapshotReceiver::CheckSpace(GroupId group, const Incoming& incoming) const {
  uint64_t have = 0;
  for (const File& file : incoming.files) have += file.have;
  const uint64_t lacks = BytesOf(incoming.manifest) - have;
  struct statvfs disk;
  const SnapshotPaths paths(options_.log_directory, group);
  if (::statvfs(paths.base().c_str(), &disk) != 0) return IoError("statvfs", paths.base());
  const uint64_t free = uint64_t{disk.f_bavail} * disk.f_frsize;
  if (free >= options_.reserve_bytes && lacks <= free - options_.reserve_bytes) {
    return absl::OkStatus();
  }
  return absl::ResourceExhaustedError(
      absl::StrCat("snapshot: ", lacks, " bytes of it are to come, and ", free, " are free where ",
                   options_.reserve_bytes, " must stay free"));
}

absl::Status SnapshotReceiver::TakePart(GroupId group, Incoming& incoming,
                                        const SnapshotArrival& arrival) {
  const pb::SnapshotRequest& request = arrival.request;
  const size_t bytes = TotalBytes(arrival.bytes);
  if (bytes == 0 || bytes > kMaxSnapshotPartBytes) {
    return absl::InvalidArgumentError("snapshot: a part of no size that parts have");
  }
  if (request.file() >= incoming.files.size()) {
    return absl::InvalidArgumentError("snapshot: a part of no file");
  }
  const int number = static_cast<int>(request.file());
  const uint64_t size = incoming.manifest.files(number).bytes();
  if (request.offset() > size || bytes > size - request.offset()) {
    return absl::InvalidArgumentError("snapshot: a part beyond the end of its file");
  }
  File& file = incoming.files[request.file()];
  if (request.offset() != file.have) return absl::OutOfRangeError("snapshot: another part is next");
  if (auto status = OpenFile(group, incoming, number); !status.ok()) return status;
  const std::string path = PathOf(group, incoming, number);
  const auto written = WriteAt(incoming.fd, file.have, arrival.bytes, path);
  if (!written.ok()) return written;
  file.have += bytes;
  if (incoming.hash != nullptr) {
    for (const Buffer& piece : arrival.bytes) incoming.hash->Add(piece.view());
  }
  if (auto status = Reached(SnapshotStep::kPart); !status.ok()) return status;
  return file.have == size ? CloseFile(group, incoming) : absl::OkStatus();
}

absl::Status SnapshotReceiver::OpenFile(GroupId group, Incoming& incoming, int number) {
  if (incoming.open_file == number) return absl::OkStatus();
  if (auto status = CloseFile(group, incoming); !status.ok()) return status;
  const std::string path = PathOf(group, incoming, number);
  incoming.fd = ::open(path.c_str(), O_WRONLY | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0640);
  if (incoming.fd < 0) return IoError("create", path);
  incoming.open_file = number;
  const bool from_beginning = incoming.files[static_cast<size_t>(number)].have == 0;
  incoming.hash = from_beginning ? std::make_unique<Sha256>() : nullptr;
  return absl::OkStatus();
}

// Makes what was written durable; a whole file is judged at once if it was written in one go.
absl::Status SnapshotReceiver::CloseFile(GroupId group, Incoming& incoming) {
  if (incoming.fd < 0) return absl::OkStatus();
  const int number = std::exchange(incoming.open_file, -1);
  const int fd = std::exchange(incoming.fd, -1);
  const std::unique_ptr<Sha256> hash = std::move(incoming.hash);
  const absl::Status synced =
      ::fsync(fd) == 0 ? absl::OkStatus() : IoError("fsync", PathOf(group, incoming, number));
  ::close(fd);
  if (!synced.ok()) return synced;
  File& file = incoming.files[static_cast<size_t>(number)];
  const pb::SnapshotFile& expected = incoming.manifest.files(number);
  if (hash == nullptr || file.have != expected.bytes()) return absl::OkStatus();
  if (hash->Finish() != expected.sha256()) return Reject(group, incoming, number);
  file.verified = true;
  return absl::OkStatus();
}

absl::Status SnapshotReceiver::Reject(GroupId group, Incoming& incoming, int number) {
  const std::string path = PathOf(group, incoming, number);
  std::error_code error;
  fs::remove(path, error);
  if (error) return absl::InternalError(absl::StrCat("snapshot: cannot remove ", path));
  incoming.files[static_cast<size_t>(number)] = {};
  incoming.transfer = 0;  // to be begun again
  return absl::DataLossError(absl::StrCat("snapshot: file ", incoming.manifest.files(number).name(),
                                          " is not what its hash says"));
}

// What came before a restart, or in pieces, is read again.
absl::Status SnapshotReceiver::Verify(GroupId group, Incoming& incoming, int number) {
  File& file = incoming.files[static_cast<size_t>(number)];
  if (file.verified) return absl::OkStatus();
  const std::string path = PathOf(group, incoming, number);
  if (auto status = SyncFile(path); !status.ok()) return status;
  const auto hash = HashFile(path);
  if (!hash.ok()) return hash.status();
  if (*hash != incoming.manifest.files(number).sha256()) return Reject(group, incoming, number);
  file.verified = true;
  return absl::OkStatus();
}

absl::Status SnapshotReceiver::End(GroupId group, Incoming& incoming) {
  if (auto status = CloseFile(group, incoming); !status.ok()) return status;
  for (int i = 0; i < incoming.manifest.files_size(); ++i) {
    if (incoming.files[static_cast<size_t>(i)].have != incoming.manifest.files(i).bytes()) {
      return absl::OutOfRangeError("snapshot: parts are missing");
    }
  }
  for (int i = 0; i < incoming.manifest.files_size(); ++i) {
    if (auto status = Verify(group, incoming, i); !status.ok()) return status;
  }
  const SnapshotPaths paths(options_.log_directory, group);
  for (const std::string& directory :
       {SnapshotPaths::Files(paths.Incoming()), paths.Incoming(), paths.base()}) {
    if (auto status = SyncDirectory(directory); !status.ok()) return status;
  }
  if (auto status = Reached(SnapshotStep::kVerified); !status.ok()) return status;
  incoming.offered = true;
  SnapshotNews news;
  news.group = group;
  news.kind = SnapshotNews::Kind::kReceived;
  news.meta = MetaOf(incoming.manifest);
  inbox_->AddSnapshotNews(std::move(news));
  return absl::OkStatus();
}

// What is on disk stays.
void SnapshotReceiver::Forget(GroupId group) {
  const auto found = incoming_.find(group);
  if (found == incoming_.end()) return;
  if (found->second.fd >= 0) ::close(found->second.fd);
  incoming_.erase(found);
}

void SnapshotReceiver::Drop(GroupId group) {
  Forget(group);
  const SnapshotPaths paths(options_.log_directory, group);
  const absl::Status removed = RemoveWhole(paths.Incoming());
  if (removed.ok()) return;
  Log(LogLevel::kWarning, "raft.snapshot_left",
      {{"group", group}, {"error", std::string(removed.message())}});
}

void SnapshotReceiver::DropIdle() {
  const int64_t now_ms = clock_->MonotonicMs();
  std::vector<GroupId> idle;
  for (const auto& [group, incoming] : incoming_) {
    if (!incoming.offered && now_ms - incoming.touched_ms > options_.idle_ms) idle.push_back(group);
  }
  for (const GroupId group : idle) Drop(group);
}

std::string SnapshotReceiver::PathOf(GroupId group, const Incoming& incoming, int number) const {
  const SnapshotPaths paths(options_.log_directory, group);
  return SnapshotPaths::Files(paths.Incoming()) + "/" + incoming.manifest.files(number).name();
}

absl::Status SnapshotReceiver::Reached(SnapshotStep step) const {
  return options_.fault ? options_.fault(step) : absl::OkStatus();
}

}  // namespace openefs::replication
