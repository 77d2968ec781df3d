// The services behind a front-end, until it stops: after Close no call reaches them any more, so
// they may be destroyed while requests still run.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <vector>

#include "datastore/client/blob_client.h"
#include "metadata/client/metadata_client.h"

namespace openefs::nfs4 {

// Any thread.
class CallGate {
 public:
  // True: the call may be made, and Leave must follow.
  bool Enter();
  void Leave() { state_.fetch_sub(1, std::memory_order_release); }

  // When it returns no call is being made, and none will be. Calls do not block, so this is soon.
  void Close();

 private:
  static constexpr int64_t kClosed = int64_t{1} << 62;
  std::atomic<int64_t> state_{0};  // calls being made, and kClosed
};

// Ends with CANCELLED what comes after Close.
class GatedMetadata final : public metadata::MetadataClient {
 public:
  GatedMetadata(metadata::MetadataClient* client, CallGate* gate) : client_(client), gate_(gate) {}

  void Execute(std::unique_ptr<pb::SegmentRequest> request,
               metadata::SegmentCallback done) override;
  std::unique_ptr<pb::SegmentResponse> TryRead(const pb::SegmentRequest& request) override;

 private:
  metadata::MetadataClient* const client_;
  CallGate* const gate_;
};

class GatedBlobs final : public datastore::BlobClient {
 public:
  GatedBlobs(datastore::BlobClient* client, CallGate* gate) : client_(client), gate_(gate) {}

  void SetClusterMap(std::shared_ptr<const pb::ClusterMap> map) override;
  void Write(BufferList bytes,
             absl::AnyInvocable<void(absl::StatusOr<datastore::WrittenBlob>)> done) override;
  void Read(BlobId id, uint32_t blob_length, uint32_t offset, uint32_t length,
            absl::AnyInvocable<void(absl::StatusOr<BufferList>)> done) override;
  void Prefetch(BlobId id, uint32_t blob_length, uint32_t offset, uint32_t length) override;
  void Delete(std::vector<BlobId> ids, absl::AnyInvocable<void(absl::Status)> done) override;
  void Repair(BlobId id, uint32_t blob_length, uint32_t mask,
              absl::AnyInvocable<void(absl::StatusOr<uint32_t>)> done) override;

 private:
  datastore::BlobClient* const client_;
  CallGate* const gate_;
};

}  // namespace openefs::nfs4
