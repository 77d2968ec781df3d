#include "datastore/client/blob_client.h"

#include <atomic>
#include <bit>
#include <utility>

#include "absl/strings/str_cat.h"
#include "common/random.h"
#include "datastore/client/client_metrics.h"
#include "datastore/client/delete_blobs.h"
#include "datastore/client/operation.h"
#include "datastore/client/read_blob.h"
#include "datastore/client/repair_blob.h"
#include "datastore/client/write_blob.h"
#include "datastore/codes/stripe.h"

namespace openefs::datastore {
namespace {

// Reads under way, by what they are to return.
constexpr uint64_t kMaxReadBytes = 256u << 20;

// Of one Delete: what a collector's batch may be.
constexpr size_t kMaxDeletes = 65'536;

absl::Status NoGroup(const BlobId& id) {
  return absl::UnavailableError(
      absl::StrCat("placement group ", id.placement_group(), " is not in the cluster map"));
}

absl::Status NoMap() { return absl::UnavailableError("no cluster map yet"); }

int64_t NowNs() { return SystemClock::Get()->MonotonicNs(); }

void CountWrite(int64_t started_ns, const absl::StatusOr<WrittenBlob>& blob) {
  ClientMetrics& metrics = ClientMetrics::Get();
  metrics.write.ObserveNs(NowNs() - started_ns);
  if (!blob.ok()) return metrics.failed_writes.Add();
  metrics.write_bytes.Add(blob->length);
  metrics.late_fragments.Add(static_cast<uint64_t>(std::popcount(blob->missing_mask)));
}

void CountRead(int64_t started_ns, bool ok, uint32_t length) {
  ClientMetrics& metrics = ClientMetrics::Get();
  metrics.read.ObserveNs(NowNs() - started_ns);
  if (!ok) return metrics.failed_reads.Add();
  metrics.read_bytes.Add(length);
}

class StripedBlobClient final : public BlobClient {
 public:
  StripedBlobClient(Placement::Connect connect, BlobClientOptions options, const Clock* clock)
      : context_(std::make_shared<ClientContext>(options)),
        clock_(clock),
        connect_(std::move(connect)) {}

  ~StripedBlobClient() override {
    {
      MutexLock lock(map_mu_);
      connections_.clear();
    }
    context_->StopAndWait();
  }

  void SetClusterMap(std::shared_ptr<const pb::ClusterMap> map) override {
    MutexLock lock(map_mu_);
    context_->SetPlacement(std::make_shared<const Placement>(*map, connect_, &connections_));
  }

  void Write(BufferList bytes, absl::AnyInvocable<void(absl::StatusOr<WrittenBlob>)> done) override;
  void Read(BlobId id, uint32_t blob_length, uint32_t offset, uint32_t length,
            absl::AnyInvocable<void(absl::StatusOr<BufferList>)> done) override;
  void Delete(std::vector<BlobId> ids, absl::AnyInvocable<void(absl::Status)> done) override;
  void Repair(BlobId id, uint32_t blob_length, uint32_t mask,
              absl::AnyInvocable<void(absl::StatusOr<uint32_t>)> done) override;

 private:
  // Constant.
  const std::shared_ptr<ClientContext> context_;
  const Clock* const clock_;
  const Placement::Connect connect_;

  std::atomic<uint64_t> turn_{0};
  std::shared_ptr<std::atomic<uint64_t>> read_bytes_ = std::make_shared<std::atomic<uint64_t>>(0);

  Mutex map_mu_;
  Placement::Connections connections_ ABSL_GUARDED_BY(map_mu_);
};

void StripedBlobClient::Write(BufferList bytes,
                              absl::AnyInvocable<void(absl::StatusOr<WrittenBlob>)> done) {
  const size_t length = TotalBytes(bytes);
  if (length == 0 || length > kMaxBlobBytes) {
    return done(absl::InvalidArgumentError("a blob has 1 byte to 8 MiB"));
  }
  const std::shared_ptr<const Placement> placement = context_->placement();
  const PlacementGroup* group =
      placement == nullptr ? nullptr
                           : placement->Choose(turn_.fetch_add(1, std::memory_order_relaxed));
  if (group == nullptr) return done(NoMap());
  auto counted = [done = std::move(done),
                  started_ns = NowNs()](absl::StatusOr<WrittenBlob> blob) mutable {
    CountWrite(started_ns, blob);
    done(std::move(blob));
  };
  const BlobId id = BlobId::Make(group->id, static_cast<uint64_t>(clock_->WallMs()),
                                 SystemRandom::Get()->Next64());
  std::make_shared<WriteBlob>(context_, id, *group->spec, std::move(bytes),
                              NowMs() + context_->options.patience_ms, std::move(counted))
      ->Start();
}

void StripedBlobClient::Read(BlobId id, uint32_t blob_length, uint32_t offset, uint32_t length,
                             absl::AnyInvocable<void(absl::StatusOr<BufferList>)> done) {
  if (blob_length == 0 || blob_length > kMaxBlobBytes || offset > blob_length ||
      length > blob_length - offset) {
    return done(absl::InvalidArgumentError("range outside of the blob"));
  }
  if (length == 0) return done(BufferList());
  const std::shared_ptr<const Placement> placement = context_->placement();
  const PlacementGroup* group =
      placement == nullptr ? nullptr : placement->Find(id.placement_group());
  if (group == nullptr) return done(NoGroup(id));
  if (read_bytes_->fetch_add(length) + length > kMaxReadBytes) {
    read_bytes_->fetch_sub(length);
    return done(absl::ResourceExhaustedError("too many bytes are being read"));
  }
  auto counted = [done = std::move(done), counter = read_bytes_, length,
                  started_ns = NowNs()](absl::StatusOr<BufferList> bytes) mutable {
    counter->fetch_sub(length);
    CountRead(started_ns, bytes.ok(), length);
    done(std::move(bytes));
  };
  ReadBlob(context_, *group->spec, id, blob_length, offset, length, std::move(counted));
}

void StripedBlobClient::Delete(std::vector<BlobId> ids,
                               absl::AnyInvocable<void(absl::Status)> done) {
  if (ids.size() > kMaxDeletes) return done(absl::InvalidArgumentError("too many blobs"));
  if (context_->placement() == nullptr) return done(NoMap());
  std::make_shared<DeleteBlobs>(context_, std::move(ids), std::move(done))->Start();
}

void StripedBlobClient::Repair(BlobId id, uint32_t blob_length, uint32_t mask,
                               absl::AnyInvocable<void(absl::StatusOr<uint32_t>)> done) {
  if (blob_length == 0 || blob_length > kMaxBlobBytes) {
    return done(absl::InvalidArgumentError("a blob has 1 byte to 8 MiB"));
  }
  const std::shared_ptr<const Placement> placement = context_->placement();
  const PlacementGroup* group =
      placement == nullptr ? nullptr : placement->Find(id.placement_group());
  if (group == nullptr) return done(NoGroup(id));
  std::make_shared<RepairBlob>(context_, *group->spec, id, blob_length, mask, std::move(done))
      ->Start();
}

}  // namespace

std::unique_ptr<BlobClient> MakeBlobClient(
    std::function<std::shared_ptr<DataNodeClient>(const pb::DataNode&)> connect,
    BlobClientOptions options, const Clock* clock) {
  return std::make_unique<StripedBlobClient>(std::move(connect), options, clock);
}

}  // namespace openefs::datastore
