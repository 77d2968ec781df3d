#include "datastore/node/local_data_node.h"

#include <algorithm>
#include <map>
#include <utility>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "common/clock.h"
#include "common/files.h"
#include "common/log.h"
#include "common/random.h"
#include "datastore/node/recovery.h"

namespace openefs::datastore {
namespace {

// Reads that miss the page cache: two keep a disk busy while one is being checked.
constexpr int kReaderThreads = 2;
// Waiting reads hold no bytes yet; more than this is longer than any caller waits.
constexpr size_t kMaxQueuedReads = 4096;

constexpr size_t kStoreIdBytes = 16;
constexpr uint32_t kMaxListed = 10'000;
constexpr size_t kMaxDeletes = 4096;  // per call: one batch of tombstones stays below a fragment

}  // namespace

absl::StatusOr<std::unique_ptr<DataNode>> OpenDataNode(DataNodeOptions options) {
  LocalDataNodeOptions local;
  local.node = std::move(options);
  absl::StatusOr<std::unique_ptr<LocalDataNode>> node = LocalDataNode::Open(std::move(local));
  if (!node.ok()) return node.status();
  return std::unique_ptr<DataNode>(*std::move(node));
}

absl::StatusOr<std::unique_ptr<LocalDataNode>> LocalDataNode::Open(LocalDataNodeOptions options) {
  std::unique_ptr<LocalDataNode> node(new LocalDataNode(std::move(options)));
  const absl::Status status = node->Start();
  if (!status.ok()) return status;
  return node;
}

LocalDataNode::LocalDataNode(LocalDataNodeOptions options)
    : options_(std::move(options)), metrics_(options_.node.node_id) {}

absl::Status LocalDataNode::Start() {
  const DataNodeOptions& node = options_.node;
  absl::StatusOr<std::unique_ptr<StoreDirectory>> directory =
      StoreDirectory::Open(node.directory, {{"role", "datanode"},
                                            {"node", absl::StrCat(node.node_id)},
                                            {"cluster", absl::BytesToHexString(node.cluster_id)}});
  if (!directory.ok()) return directory.status();
  directory_ = *std::move(directory);
  segment_directory_ = absl::StrCat(node.directory, "/segments");
  absl::Status status = LoadStoreId();
  if (!status.ok()) return status;
  auto index = Index::Open(absl::StrCat(node.directory, "/index"));
  if (!index.ok()) return index.status();
  index_ = *std::move(index);
  absl::StatusOr<Recovered> recovered =
      RecoverLog(options_.files, segment_directory_, store_id_, index_.get(), &segments_);
  if (!recovered.ok()) return recovered.status();
  corrupt_blocks_ = recovered->lost_records;

  writer_ = std::make_unique<LogWriter>(
      LogWriterOptions{segment_directory_, store_id_, node.segment_bytes, node.reserve_bytes},
      options_.files, index_.get(), &segments_, *recovered, &metrics_);
  reader_ = std::make_unique<FragmentReader>(
      index_.get(), &segments_,
      [this](const FragmentId& id, const Location& at) { FoundCorrupt(id, at); });
  compactor_ = std::make_unique<Compactor>(options_.files, segment_directory_, index_.get(),
                                           &segments_, reader_.get(), writer_.get(), &metrics_);
  scrubber_ = std::make_unique<Scrubber>(index_.get(), &segments_, reader_.get(), &metrics_);
  pool_ = std::make_unique<WorkerPool>(kReaderThreads, kMaxQueuedReads);
  if (options_.maintain) {
    maintenance_ = std::make_unique<Maintenance>(compactor_.get(), scrubber_.get(),
                                                 [this] { metrics_.Show(Status()); });
  }
  return absl::OkStatus();
}

// Made when the directory is formatted; records of the log are bound to it.
absl::Status LocalDataNode::LoadStoreId() {
  const std::string path = absl::StrCat(options_.node.directory, "/store_id");
  absl::StatusOr<std::string> id = ReadSmallFile(path, kStoreIdBytes);
  if (absl::IsNotFound(id.status())) {
    absl::StatusOr<std::vector<std::string>> segments = options_.files->List(segment_directory_);
    if (!segments.ok()) return segments.status();
    if (!segments->empty()) {
      return absl::FailedPreconditionError(
          absl::StrCat("data directory ", options_.node.directory, " has lost its store_id file"));
    }
    store_id_ = SystemRandom::Get()->Bytes(kStoreIdBytes);
    return WriteFileDurably(path, store_id_);
  }
  if (!id.ok()) return id.status();
  if (id->size() != kStoreIdBytes) {
    return absl::FailedPreconditionError(absl::StrCat(path, " is damaged"));
  }
  store_id_ = *std::move(id);
  return absl::OkStatus();
}

LocalDataNode::~LocalDataNode() {
  maintenance_.reset();
  pool_.reset();
  writer_.reset();
  if (index_ == nullptr || crash_) return;
  const absl::Status flushed = index_->Flush(/*wait=*/true);
  if (!flushed.ok()) {  // the next start replays more
    Log(LogLevel::kWarning, "datastore.index_flush_failed", {{"error", flushed.ToString()}});
  }
}

void LocalDataNode::Put(FragmentId id, BufferList bytes,
                        absl::AnyInvocable<void(absl::Status)> done) {
  if (TotalBytes(bytes) > kMaxFragmentBytes) {
    return done(absl::InvalidArgumentError("fragment too large"));
  }
  BlockCrcs crcs = CrcsOf(bytes);
  const uint64_t length = TotalBytes(bytes);
  const int64_t started_ns = SystemClock::Get()->MonotonicNs();
  writer_->Submit(PutWork{id, std::move(bytes), std::move(crcs)},
                  [this, started_ns, length, done = std::move(done)](absl::Status status) mutable {
                    metrics_.put.ObserveNs(SystemClock::Get()->MonotonicNs() - started_ns);
                    if (status.ok()) metrics_.put_bytes.Add(length);
                    done(std::move(status));
                  });
}

// What is in the page cache is read at once, on the caller's thread: a copy and a checksum cost
// less than waking another thread. The rest goes to threads that may wait for the disk.
void LocalDataNode::Get(FragmentId id, uint32_t offset, uint32_t length,
                        absl::AnyInvocable<void(absl::StatusOr<Buffer>)> done) {
  const int64_t started_ns = SystemClock::Get()->MonotonicNs();
  std::optional<IndexEntry> found;
  absl::StatusOr<Buffer> cached =
      reader_->Read(id, offset, length, Index::Reach::kCacheOnly, &found);
  if (!absl::IsUnavailable(cached.status())) {
    CountGet(started_ns, cached);
    return done(std::move(cached));
  }
  metrics_.uncached_reads.Add();
  auto callback =
      std::make_shared<absl::AnyInvocable<void(absl::StatusOr<Buffer>)>>(std::move(done));
  WorkerPool::Job job = [this, id, offset, length, started_ns, callback,
                         found = std::move(found)]() mutable {
    absl::StatusOr<Buffer> bytes = reader_->Read(id, offset, length, Index::Reach::kDisk, &found);
    CountGet(started_ns, bytes);
    (*callback)(std::move(bytes));
  };
  if (!pool_->Submit(job)) (*callback)(absl::UnavailableError("data node busy: too many reads"));
}

void LocalDataNode::CountGet(int64_t started_ns, const absl::StatusOr<Buffer>& bytes) {
  metrics_.get.ObserveNs(SystemClock::Get()->MonotonicNs() - started_ns);
  if (bytes.ok()) metrics_.get_bytes.Add(bytes->size());
}

void LocalDataNode::Delete(std::vector<FragmentId> ids,
                           absl::AnyInvocable<void(absl::Status)> done) {
  if (ids.size() > kMaxDeletes) return done(absl::InvalidArgumentError("too many fragments"));
  writer_->Submit(DeleteWork{std::move(ids)}, std::move(done));
}

absl::StatusOr<pb::ListFragmentsResponse> LocalDataNode::List(
    const pb::ListFragmentsRequest& request) {
  std::optional<BlobId> after;
  if (request.has_after()) after = BlobId{request.after().high(), request.after().low()};
  const uint32_t limit = std::clamp<uint32_t>(request.limit(), 1, kMaxListed);
  bool end = false;
  absl::StatusOr<std::vector<ListedFragment>> found = index_->List(after, limit, &end);
  if (!found.ok()) return found.status();
  pb::ListFragmentsResponse response;
  response.set_end(end);
  for (const ListedFragment& fragment : *found) {
    auto* entry = response.add_entries();
    entry->mutable_fragment()->mutable_blob()->set_high(fragment.id.blob.high);
    entry->mutable_fragment()->mutable_blob()->set_low(fragment.id.blob.low);
    entry->mutable_fragment()->set_index(fragment.id.index);
    entry->set_length(fragment.length);
    entry->set_corrupt(fragment.corrupt);
  }
  return response;
}

pb::DataNodeStatus LocalDataNode::Status() {
  const SegmentTotals totals = segments_.Totals();
  pb::DataNodeStatus status;
  status.set_node_id(options_.node.node_id);
  status.set_store_id(store_id_);
  status.set_az(options_.node.az);
  status.set_fragments(totals.fragments);
  status.set_live_bytes(totals.live_bytes);
  status.set_dead_bytes(totals.dead_bytes);
  status.set_free_bytes(options_.files->FreeBytes(segment_directory_).value_or(0));
  status.set_corrupt_blocks(corrupt_blocks_);
  status.set_failing(writer_->failing());
  return status;
}

void LocalDataNode::FoundCorrupt(const FragmentId& id, const Location& at) {
  ++corrupt_blocks_;
  Log(LogLevel::kError, "datastore.fragment_corrupt",
      {{"node", options_.node.node_id},
       {"blob_high", id.blob.high},
       {"blob_low", id.blob.low},
       {"fragment", id.index},
       {"segment", at.segment},
       {"offset", at.offset}});
  // Only a hint that a Put may replace it; if it cannot be taken the next read finds it again.
  writer_->Submit(MarkCorruptWork{id, at}, [](const absl::Status&) {});
}

}  // namespace openefs::datastore
