#include "datastore/node/log_writer.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "common/clock.h"
#include "common/log.h"
#include "datastore/node/commit_batch.h"

namespace openefs::datastore {
namespace {

// What one sync makes durable: far above what a disk takes in a sync's own time, and far below what
// would make the first of a batch wait noticeably for the last.
constexpr uint64_t kMaxBatchBytes = 16u << 20;

// What may wait: a second or so of a slow disk. Beyond it callers are told to come again.
constexpr uint64_t kMaxQueuedBytes = 128u << 20;

// Space taken in advance: one new file size in 16 MiB is not noticed, and a node that is idle keeps
// little from others on the same disk.
constexpr uint64_t kPreallocateBytes = 16u << 20;

uint64_t LogBytes(const Work& work) {
  struct Visitor {
    uint64_t operator()(const PutWork& work) {
      return PutRecordBytes(static_cast<uint32_t>(TotalBytes(work.bytes)));
    }
    uint64_t operator()(const DeleteWork& work) { return work.ids.size() * kTombstoneBytes; }
    uint64_t operator()(const MoveWork& work) { return work.from.Bytes(); }
    uint64_t operator()(const MoveTombstoneWork&) { return kTombstoneBytes; }
    uint64_t operator()(const MarkCorruptWork&) { return 0; }
  };
  return std::visit(Visitor{}, work);
}

absl::Status DiskFailed() {
  return absl::InternalError("the disk failed: this data node acknowledges nothing any more");
}

}  // namespace

LogWriter::LogWriter(LogWriterOptions options, FileSystem* files, Index* index,
                     SegmentSet* segments, const Recovered& recovered, NodeMetrics* metrics)
    : options_(std::move(options)),
      files_(files),
      index_(index),
      segments_(segments),
      metrics_(metrics),
      active_(recovered.active),
      tail_(recovered.tail),
      allocated_(recovered.allocated),
      active_id_(recovered.active->id),
      thread_([this] { Run(); }) {}

LogWriter::~LogWriter() {
  {
    MutexLock lock(mu_);
    stopping_ = true;
  }
  work_.SignalAll();
  thread_.join();
}

void LogWriter::Submit(Work work, Done done) {
  const uint64_t bytes = LogBytes(work);
  absl::Status refused;
  {
    MutexLock lock(mu_);
    if (failing_) {
      refused = DiskFailed();
    } else if (queued_bytes_ > 0 && queued_bytes_ + bytes > kMaxQueuedBytes) {
      refused = absl::UnavailableError("data node busy: too many bytes wait to be written");
    } else {
      queued_bytes_ += bytes;
      metrics_->queued_bytes.Set(static_cast<int64_t>(queued_bytes_));
      queue_.push_back({std::move(work), bytes, std::move(done), absl::OkStatus()});
    }
  }
  if (!refused.ok()) return done(refused);
  work_.Signal();
}

void LogWriter::Run() {
  while (true) {
    std::vector<Item> items = Take();
    if (items.empty()) return;
    Commit(items);
    for (Item& item : items) item.done(item.result);
  }
}

// Everything that waits and fits one batch and the active segment; at least one item. Empty: stop.
std::vector<LogWriter::Item> LogWriter::Take() {
  std::vector<Item> items;
  MutexLock lock(mu_);
  while (queue_.empty() && !stopping_) work_.Wait(mu_);
  const uint64_t room = options_.segment_bytes - std::min(tail_, options_.segment_bytes);
  uint64_t limit = std::min(kMaxBatchBytes, room);
  // The first does not fit: there will be a new segment.
  if (!queue_.empty() && queue_.front().bytes > limit) limit = queue_.front().bytes;
  uint64_t taken = 0;
  while (!queue_.empty() && taken + queue_.front().bytes <= limit) {
    taken += queue_.front().bytes;
    items.push_back(std::move(queue_.front()));
    queue_.pop_front();
  }
  queued_bytes_ -= taken;
  metrics_->queued_bytes.Set(static_cast<int64_t>(queued_bytes_));
  return items;
}

void LogWriter::Commit(std::vector<Item>& items) {
  uint64_t expected = 0;
  for (const Item& item : items) expected += item.bytes;
  absl::Status status = failing_ ? DiskFailed() : MakeRoom(expected);
  if (status.ok()) {
    absl::StatusOr<uint64_t> free = files_->FreeBytes(options_.directory);
    const bool full = !free.ok() || *free < options_.reserve_bytes;
    CommitBatch batch(index_, segments_, active_->id, tail_,
                      RecordSeed(options_.store_id, active_->id), full);
    for (Item& item : items) {
      item.result = batch.Add(item.work);
      if (absl::IsInternal(item.result)) status = Fail(item.result);
    }
    if (status.ok() && batch.bytes() > 0) status = Append(batch.TakePieces(), batch.bytes());
    const IndexBatch& changes = batch.Finish();
    if (status.ok() && !changes.empty()) {
      status = index_->Apply(changes);
      if (!status.ok()) status = Fail(status);
    }
    if (status.ok()) {
      tail_ += batch.bytes();
      batch.Account();
      metrics_->log_bytes.Add(batch.bytes());
      metrics_->batched.Add(items.size());
    }
  }
  if (status.ok()) return;
  for (Item& item : items) item.result = status;
}

// Starts a new segment when the active one has no room for `bytes`. A batch never spans two.
absl::Status LogWriter::MakeRoom(uint64_t bytes) {
  if (tail_ == 0 || tail_ + bytes <= options_.segment_bytes) return absl::OkStatus();
  return Roll();
}

// Takes the space of the active segment in steps, so that few syncs have to make a new file size
// durable as well.
void LogWriter::Preallocate(uint64_t end) {
  if (end <= allocated_) return;
  const uint64_t wanted = std::min(allocated_ + kPreallocateBytes, options_.segment_bytes);
  if (wanted > end) active_->file->Preallocate(wanted);
  allocated_ = std::max(wanted, end);
}

absl::Status LogWriter::Roll() {
  const uint64_t id = active_->id + 1;
  // Gives back what it took in advance; if that fails it only takes more room.
  (void)active_->file->Truncate(tail_);
  auto file = files_->Open(absl::StrCat(options_.directory, "/", SegmentSet::NameOf(id)));
  if (!file.ok()) {
    return absl::IsResourceExhausted(file.status()) ? file.status() : Fail(file.status());
  }
  absl::Status status = files_->SyncDirectory(options_.directory);
  if (!status.ok()) return Fail(status);
  auto segment = std::make_shared<Segment>();
  segment->id = id;
  segment->file = *std::move(file);
  segments_->Add(segment, 0);
  active_ = std::move(segment);
  active_id_ = id;
  tail_ = 0;
  allocated_ = 0;
  // Keeps what a restart has to replay to about one segment.
  status = index_->Flush(/*wait=*/false);
  return status.ok() ? status : Fail(status);
}

absl::Status LogWriter::Append(std::vector<iovec> pieces, uint64_t bytes) {
  Preallocate(tail_ + bytes);
  const int64_t started_ns = SystemClock::Get()->MonotonicNs();
  absl::Status status = active_->file->WriteAt(tail_, std::move(pieces));
  if (absl::IsResourceExhausted(status)) {
    // Nothing of it was acknowledged: put the log back to where it was and go on.
    const absl::Status cut = active_->file->Truncate(tail_);
    allocated_ = tail_;
    return cut.ok() ? status : Fail(cut);
  }
  // Also a sync that says "no space": what was written may be gone from the cache as well.
  if (status.ok()) status = active_->file->Sync();
  metrics_->sync.ObserveNs(SystemClock::Get()->MonotonicNs() - started_ns);
  return status.ok() ? status : Fail(status);
}

// After this nothing is acknowledged until the process starts again: what the disk holds of the
// last writes is unknown, and writing them again cannot make it known.
absl::Status LogWriter::Fail(const absl::Status& why) {
  if (!failing_.exchange(true)) {
    Log(LogLevel::kError, "datastore.disk_failed",
        {{"directory", options_.directory}, {"error", why.ToString()}});
  }
  return DiskFailed();
}

}  // namespace openefs::datastore
