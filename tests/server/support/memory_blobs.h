// The data nodes of tests: blobs in memory.
#pragma once

#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "common/mutex.h"
#include "datastore/client/blob_client.h"

namespace openefs::testing {

// There are none.
class NoBlobs : public datastore::BlobClient {
 public:
  void SetClusterMap(std::shared_ptr<const pb::ClusterMap>) override {}
  void Write(BufferList,
             absl::AnyInvocable<void(absl::StatusOr<datastore::WrittenBlob>)> done) override {
    done(absl::UnavailableError("no data nodes"));
  }
  void Read(BlobId, uint32_t, uint32_t, uint32_t,
            absl::AnyInvocable<void(absl::StatusOr<BufferList>)> done) override {
    done(absl::DataLossError("no such blob"));
  }
  void Delete(std::vector<BlobId>, absl::AnyInvocable<void(absl::Status)> done) override {
    done(absl::OkStatus());
  }
  void Repair(BlobId, uint32_t, uint32_t,
              absl::AnyInvocable<void(absl::StatusOr<uint32_t>)> done) override {
    done(absl::UnimplementedError("no data nodes"));
  }
};

class MemoryBlobs final : public datastore::BlobClient {
 public:
  void SetClusterMap(std::shared_ptr<const pb::ClusterMap>) override {}

  void Write(BufferList bytes,
             absl::AnyInvocable<void(absl::StatusOr<datastore::WrittenBlob>)> done) override {
    datastore::WrittenBlob written;
    written.length = static_cast<uint32_t>(TotalBytes(bytes));
    {
      MutexLock lock(mu_);
      written.id = BlobId::Make(1, static_cast<uint64_t>(SystemClock::Get()->WallMs()), ++next_);
      std::string& blob = blobs_[written.id];
      for (const Buffer& piece : bytes) blob += piece.view();
    }
    done(written);
  }

  void Read(BlobId id, uint32_t, uint32_t offset, uint32_t length,
            absl::AnyInvocable<void(absl::StatusOr<BufferList>)> done) override {
    absl::StatusOr<BufferList> answer = absl::DataLossError("no such blob");
    {
      MutexLock lock(mu_);
      const auto it = blobs_.find(id);
      if (it != blobs_.end()) answer = BufferList{Buffer::Copy(it->second.substr(offset, length))};
    }
    done(std::move(answer));
  }

  void Delete(std::vector<BlobId> ids, absl::AnyInvocable<void(absl::Status)> done) override {
    {
      MutexLock lock(mu_);
      for (const BlobId& id : ids) blobs_.erase(id);
    }
    done(absl::OkStatus());
  }

  void Repair(BlobId, uint32_t, uint32_t,
              absl::AnyInvocable<void(absl::StatusOr<uint32_t>)> done) override {
    done(absl::UnimplementedError("nothing is ever missing"));
  }

  size_t size() const {
    MutexLock lock(mu_);
    return blobs_.size();
  }

 private:
  mutable Mutex mu_;
  std::map<BlobId, std::string> blobs_ ABSL_GUARDED_BY(mu_);
  uint64_t next_ ABSL_GUARDED_BY(mu_) = 0;
};

}  // namespace openefs::testing
