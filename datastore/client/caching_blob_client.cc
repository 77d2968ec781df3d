#include <utility>

#include "datastore/client/blob_cache.h"
#include "datastore/client/client_metrics.h"

namespace openefs::datastore {
namespace {

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
            absl::AnyInvocable<void(absl::StatusOr<BufferList>)> done) override {
    if (std::optional<BufferList> cached = cache_->Find(id, offset, length)) {
      ClientMetrics::Get().cache_hits.Add();
      return done(*std::move(cached));
    }
    ClientMetrics::Get().cache_misses.Add();
    client_->Read(id, blob_length, offset, length,
                  [cache = cache_, id, offset,
                   done = std::move(done)](absl::StatusOr<BufferList> bytes) mutable {
                    if (bytes.ok()) cache->Insert(id, offset, *bytes);
                    done(std::move(bytes));
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
  const std::unique_ptr<BlobClient> client_;
};

}  // namespace

std::unique_ptr<BlobClient> MakeCachingBlobClient(std::unique_ptr<BlobClient> client,
                                                  std::shared_ptr<BlobCache> cache) {
  return std::make_unique<CachingBlobClient>(std::move(client), std::move(cache));
}

}  // namespace openefs::datastore
