#include <memory>
#include <optional>
#include <utility>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "datastore/client/blob_cache.h"
#include "datastore/client/client_metrics.h"
#include "datastore/codes/stripe.h"

namespace openefs::datastore {
namespace {

using ReadDone = absl::AnyInvocable<void(absl::StatusOr<BufferList>)>;

// What is being fetched ahead, and who waits for it already. Any thread.
class AheadReads {
 public:
  // False: it is being fetched, or `max_bytes` are with it. Otherwise Take must follow.
  bool Begin(const RangeKey& key, uint32_t length, size_t max_bytes) {
    MutexLock lock(mu_);
    if (bytes_ + length > max_bytes || reads_.contains(key)) return false;
    reads_[key].length = length;
    bytes_ += length;
    return true;
  }

  // Whether this range is being fetched: `done` is then called with it, and moved from.
  bool Join(const RangeKey& key, uint32_t length, ReadDone& done) {
    MutexLock lock(mu_);
    const auto found = reads_.find(key);
    if (found == reads_.end() || length > found->second.length) return false;
    found->second.waiting.push_back({length, std::move(done)});
    return true;
  }

  struct Waiting {
    uint32_t length;
    ReadDone done;
  };
  std::vector<Waiting> Take(const RangeKey& key) {
    MutexLock lock(mu_);
    const auto found = reads_.find(key);
    bytes_ -= found->second.length;
    std::vector<Waiting> waiting = std::move(found->second.waiting);
    reads_.erase(found);
    return waiting;
  }

 private:
  struct Read {
    uint32_t length = 0;
    std::vector<Waiting> waiting;
  };
  Mutex mu_;
  absl::flat_hash_map<RangeKey, Read> reads_ ABSL_GUARDED_BY(mu_);
  size_t bytes_ ABSL_GUARDED_BY(mu_) = 0;
};

class CachingBlobClient final : public BlobClient {
 public:
  CachingBlobClient(std::unique_ptr<BlobClient> client, std::shared_ptr<BlobCache> cache)
      : cache_(std::move(cache)), client_(std::move(client)) {}

  void SetClusterMap(std::shared_ptr<const pb::ClusterMap> map) override {
    client_->SetClusterMap(std::move(map));
  }

  // What was just written is not put in: a client that wrote it has it, and whoever reads it is
  // served from the data nodes' page caches once.
  void Write(BufferList bytes,
             absl::AnyInvocable<void(absl::StatusOr<WrittenBlob>)> done) override {
    client_->Write(std::move(bytes), std::move(done));
  }

  void Read(BlobId id, uint32_t blob_length, uint32_t offset, uint32_t length,
            ReadDone done) override {
    if (std::optional<BufferList> cached = cache_->Find(id, offset, length)) {
      ClientMetrics::Get().cache_hits.Add();
      return done(*std::move(cached));
    }
    ClientMetrics::Get().cache_misses.Add();
    if (ahead_->Join({id, offset}, length, done)) return;
    client_->Read(id, blob_length, offset, length,
                  [cache = cache_, id, offset,
                   done = std::move(done)](absl::StatusOr<BufferList> bytes) mutable {
                    if (bytes.ok()) cache->Insert(id, offset, *bytes);
                    done(std::move(bytes));
                  });
  }

  // Those under way are at most as much as may wait in the cache.
  void Prefetch(BlobId id, uint32_t blob_length, uint32_t offset, uint32_t length) override {
    const RangeKey key{id, offset};
    if (!cache_->WantsAhead(id, offset, length)) return;
    if (!ahead_->Begin(key, length, cache_->max_ahead_bytes())) return;
    ClientMetrics::Get().read_ahead_bytes.Add(length);
    client_->Read(id, blob_length, offset, length,
                  [cache = cache_, ahead = ahead_, key](absl::StatusOr<BufferList> bytes) {
                    if (bytes.ok()) cache->InsertAhead(key.blob, key.offset, *bytes);
                    // Who has waited has read it.
                    for (AheadReads::Waiting& waiting : ahead->Take(key)) {
                      if (bytes.ok()) (void)cache->Find(key.blob, key.offset, waiting.length);
                      waiting.done(bytes.ok() ? absl::StatusOr<BufferList>(
                                                    SliceList(*bytes, 0, waiting.length))
                                              : bytes.status());
                    }
                  });
  }

  void Delete(std::vector<BlobId> ids, absl::AnyInvocable<void(absl::Status)> done) override {
    for (const BlobId& id : ids) cache_->Erase(id);
    client_->Delete(std::move(ids), std::move(done));
  }

  void Repair(BlobId id, uint32_t blob_length, uint32_t mask,
              absl::AnyInvocable<void(absl::StatusOr<uint32_t>)> done) override {
    client_->Repair(id, blob_length, mask, std::move(done));
  }

 private:
  const std::shared_ptr<BlobCache> cache_;
  const std::shared_ptr<AheadReads> ahead_ = std::make_shared<AheadReads>();
  const std::unique_ptr<BlobClient> client_;
};

}  // namespace

std::unique_ptr<BlobClient> MakeCachingBlobClient(std::unique_ptr<BlobClient> client,
                                                  std::shared_ptr<BlobCache> cache) {
  return std::make_unique<CachingBlobClient>(std::move(client), std::move(cache));
}

}  // namespace openefs::datastore
