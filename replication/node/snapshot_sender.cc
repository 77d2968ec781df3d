#include "replication/node/snapshot_sender.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <map>
#include <optional>
#include <utility>

#include "absl/strings/str_cat.h"
#include "common/log.h"
#include "common/random.h"
#include "replication/node/snapshot_receiver.h"

namespace openefs::replication {
namespace {

// Parts under way: enough to hide the round trip, little enough to bound memory on both sides.
constexpr size_t kPartsInFlight = 4;
// Between attempts after a broken connection.
constexpr int64_t kRetryMs = 200;
// Files that arrive damaged are sent again; a disk that damages them every time is given up.
constexpr int kMaxDamaged = 3;
// A transport that loses an answer altogether; longer than the calls' own limit.
constexpr int64_t kLostAnswerMs = 90'000;
constexpr int64_t kLookMs = 50;  // how soon a waiting sender sees that it is to stop

bool WorthAnotherTry(const absl::Status& status) {
  switch (status.code()) {
    case absl::StatusCode::kUnavailable:
    case absl::StatusCode::kDeadlineExceeded:
    case absl::StatusCode::kAborted:
    case absl::StatusCode::kOutOfRange:
    case absl::StatusCode::kDataLoss:
      return true;
    default:
      return false;
  }
}

absl::StatusOr<Buffer> ReadPart(int fd, const std::string& path, uint64_t offset, size_t bytes) {
  MutableBuffer part(bytes);
  size_t done = 0;
  while (done < bytes) {
    const ssize_t n =
        ::pread(fd, part.data() + done, bytes - done, static_cast<off_t>(offset + done));
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) {
      return absl::InternalError(
          absl::StrCat("snapshot: read ", path, ": ", n == 0 ? "too short" : std::strerror(errno)));
    }
    done += static_cast<size_t>(n);
  }
  return std::move(part).Freeze();
}

}  // namespace

struct SnapshotSender::Flight {
  Mutex mu;
  CondVar landed;
  size_t parts ABSL_GUARDED_BY(mu) = 0;
  size_t done ABSL_GUARDED_BY(mu) = 0;
  absl::Status error ABSL_GUARDED_BY(mu);

  void Land(const absl::Status& status) {
    MutexLock lock(mu);
    --parts;
    ++done;
    if (error.ok() && !status.ok()) error = status;
    landed.Signal();
  }
};

SnapshotSender::SnapshotSender(Options options, Call call, Inbox* inbox, const Clock* clock)
    : options_(std::move(options)),
      call_(std::move(call)),
      inbox_(inbox),
      clock_(clock),
      bytes_sent_(metrics::GetCounter("openefs_raft_snapshot_sent_bytes_total",
                                      "Bytes of snapshots sent to followers.",
                                      {{"node", std::to_string(options_.node_id)}})),
      pacer_(options_.bytes_per_second, clock) {}

void SnapshotSender::Start() {
  for (size_t i = 0; i < kSnapshotsAtOnce; ++i) threads_.emplace_back([this] { Run(); });
}

void SnapshotSender::Stop() {
  {
    MutexLock lock(mu_);
    stop_ = true;
  }
  work_.SignalAll();
  pacer_.Stop();
  for (std::thread& thread : threads_) thread.join();
  threads_.clear();
}

void SnapshotSender::Submit(SnapshotJob job) {
  MutexLock lock(mu_);
  queue_.push_back(std::move(job));
  work_.Signal();
}

bool SnapshotSender::Take(SnapshotJob& job) {
  MutexLock lock(mu_);
  while (queue_.empty() && !stop_) work_.Wait(mu_);
  if (stop_) return false;
  job = std::move(queue_.front());
  queue_.pop_front();
  return true;
}

void SnapshotSender::Run() {
  SnapshotJob job;
  while (Take(job)) {
    const int64_t begin_ms = clock_->MonotonicMs();
    const absl::Status status = Send(job);
    if (pacer_.stopped()) return;
    const absl::Status removed = RemoveWhole(job.directory);
    if (!removed.ok()) {
      Log(LogLevel::kWarning, "raft.snapshot_left", {{"error", std::string(removed.message())}});
    }
    Log(status.ok() ? LogLevel::kInfo : LogLevel::kWarning,
        status.ok() ? "raft.snapshot_sent" : "raft.snapshot_not_sent",
        {{"node", options_.node_id},
         {"group", job.group},
         {"to", job.follower},
         {"index", job.meta.index},
         {"ms", clock_->MonotonicMs() - begin_ms},
         {"outcome", status.ToString()}});
    SnapshotNews news;
    news.group = job.group;
    news.kind = SnapshotNews::Kind::kSent;
    news.follower = job.follower;
    news.leader_term = job.leader_term;
    news.meta.index = status.ok() ? job.meta.index : 0;
    inbox_->AddSnapshotNews(std::move(news));
  }
}

absl::Status SnapshotSender::Reached(SnapshotStep step) const {
  return options_.fault ? options_.fault(step) : absl::OkStatus();
}

absl::Status SnapshotSender::GoOn(const SnapshotJob& job) {
  if (pacer_.stopped()) return absl::CancelledError("stopping");
  if (*job.cancelled) return absl::CancelledError("leadership is over");
  return absl::OkStatus();
}

absl::Status SnapshotSender::Pace(const SnapshotJob& job, size_t bytes) {
  if (auto status = GoOn(job); !status.ok()) return status;
  return pacer_.Wait(bytes);
}

absl::Status SnapshotSender::Send(const SnapshotJob& job) {
  if (auto status = Reached(SnapshotStep::kCheckpoint); !status.ok()) return status;
  // Reading is dear to the disk that serves the group too: at the rate of sending, or nearly.
  constexpr size_t kReadingCosts = 4;
  const auto manifest =
      MakeManifest(job.directory, options_.cluster_id, job.group, job.meta,
                   [&](size_t bytes) { return Pace(job, bytes / kReadingCosts); });
  if (!manifest.ok()) return manifest.status();
  if (auto status = Reached(SnapshotStep::kManifest); !status.ok()) return status;
  return SendPatiently(job, *manifest);
}

absl::Status SnapshotSender::SendPatiently(const SnapshotJob& job,
                                           const pb::SnapshotManifest& manifest) {
  int64_t progress_ms = clock_->MonotonicMs();
  int damaged = 0;
  while (true) {
    if (auto status = GoOn(job); !status.ok()) return status;
    const absl::Status status = Attempt(job, manifest, &progress_ms);
    if (status.ok() || absl::IsAlreadyExists(status)) return absl::OkStatus();
    if (!WorthAnotherTry(status)) return status;
    if (absl::IsDataLoss(status) && ++damaged >= kMaxDamaged) return status;
    if (clock_->MonotonicMs() - progress_ms > options_.patience_ms) return status;
    MutexLock lock(mu_);
    if (!stop_) work_.WaitForMs(mu_, kRetryMs);
  }
}

absl::Status SnapshotSender::Attempt(const SnapshotJob& job, const pb::SnapshotManifest& manifest,
                                     int64_t* progress_ms) {
  const Transfer transfer{&job, &manifest, SystemRandom::Get()->Next64() | 1,
                          std::make_shared<Flight>(), progress_ms};
  pb::SnapshotRequest begin;
  begin.set_step(pb::SnapshotRequest::BEGIN);
  begin.set_transfer(transfer.number);
  *begin.mutable_manifest() = manifest;
  const auto reply = CallAndWait(job, std::move(begin));
  if (!reply.ok()) return reply.status();
  if (reply->have_bytes_size() != manifest.files_size()) {
    return absl::InternalError("snapshot: an answer about other files");
  }
  for (int i = 0; i < manifest.files_size(); ++i) {
    auto status = SendFile(transfer, i, reply->have_bytes(i));
    if (!status.ok()) return status;
  }
  if (auto status = AwaitFlight(transfer, 0); !status.ok()) return status;
  pb::SnapshotRequest end;
  end.set_step(pb::SnapshotRequest::END);
  end.set_transfer(transfer.number);
  const auto ended = CallAndWait(job, std::move(end));
  if (ended.ok()) *progress_ms = clock_->MonotonicMs();
  return ended.status();
}

absl::Status SnapshotSender::SendFile(const Transfer& transfer, int number, uint64_t from) {
  const pb::SnapshotFile& file = transfer.manifest->files(number);
  const std::string path = absl::StrCat(transfer.job->directory, "/", file.name());
  const int fd = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (fd < 0) return absl::InternalError(absl::StrCat("snapshot: cannot open ", path));
  const std::unique_ptr<const int, void (*)(const int*)> closer(&fd,
                                                                [](const int* f) { ::close(*f); });
  for (uint64_t offset = from; offset < file.bytes();) {
    const size_t bytes = std::min<uint64_t>(options_.part_bytes, file.bytes() - offset);
    if (auto status = Pace(*transfer.job, bytes); !status.ok()) return status;
    if (auto status = AwaitFlight(transfer, kPartsInFlight - 1); !status.ok()) return status;
    auto part = ReadPart(fd, path, offset, bytes);
    if (!part.ok()) return part.status();
    SendPart(transfer, number, offset, *std::move(part));
    offset += bytes;
  }
  return absl::OkStatus();
}

void SnapshotSender::SendPart(const Transfer& transfer, int number, uint64_t offset, Buffer part) {
  pb::SnapshotRequest request;
  request.set_step(pb::SnapshotRequest::PART);
  request.set_group(transfer.job->group);
  request.set_leader_term(transfer.job->leader_term);
  request.set_transfer(transfer.number);
  request.set_file(static_cast<uint32_t>(number));
  request.set_offset(offset);
  {
    MutexLock lock(transfer.flight->mu);
    ++transfer.flight->parts;
  }
  bytes_sent_.Add(part.size());
  call_(transfer.job->follower, std::move(request), {std::move(part)},
        [flight = transfer.flight](const absl::StatusOr<pb::SnapshotReply>& reply) {
          flight->Land(reply.status());
        });
}

absl::Status SnapshotSender::AwaitFlight(const Transfer& transfer, size_t parts) {
  Flight& flight = *transfer.flight;
  const int64_t begin_ms = clock_->MonotonicMs();
  MutexLock lock(flight.mu);
  while (flight.parts > parts && flight.error.ok()) {
    if (auto status = GoOn(*transfer.job); !status.ok()) return status;
    if (clock_->MonotonicMs() - begin_ms > kLostAnswerMs) {
      return absl::DeadlineExceededError("snapshot: no answer to a part");
    }
    flight.landed.WaitForMs(flight.mu, kLookMs);
  }
  if (flight.error.ok() && flight.done > 0) *transfer.progress_ms = clock_->MonotonicMs();
  return flight.error;
}

absl::StatusOr<pb::SnapshotReply> SnapshotSender::CallAndWait(const SnapshotJob& job,
                                                              pb::SnapshotRequest request) {
  struct Answer {
    Mutex mu;
    CondVar came;
    std::optional<absl::StatusOr<pb::SnapshotReply>> reply ABSL_GUARDED_BY(mu);
  };
  request.set_group(job.group);
  request.set_leader_term(job.leader_term);
  auto answer = std::make_shared<Answer>();
  call_(job.follower, std::move(request), {}, [answer](absl::StatusOr<pb::SnapshotReply> reply) {
    MutexLock lock(answer->mu);
    answer->reply = std::move(reply);
    answer->came.Signal();
  });
  const int64_t begin_ms = clock_->MonotonicMs();
  MutexLock lock(answer->mu);
  while (!answer->reply.has_value()) {
    if (auto status = GoOn(job); !status.ok()) return status;
    if (clock_->MonotonicMs() - begin_ms > kLostAnswerMs) {
      return absl::DeadlineExceededError("snapshot: no answer");
    }
    answer->came.WaitForMs(answer->mu, kLookMs);
  }
  return *std::move(answer->reply);
}

}  // namespace openefs::replication
