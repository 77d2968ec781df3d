// Forgetting blobs on every node that may hold a part of them.
#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "absl/functional/any_invocable.h"
#include "datastore/client/operation.h"

namespace openefs::datastore {

class DeleteBlobs final : public Operation {
 public:
  using Done = absl::AnyInvocable<void(absl::Status)>;

  DeleteBlobs(std::shared_ptr<ClientContext> context, std::vector<BlobId> ids, Done done)
      : context_(std::move(context)), ids_(std::move(ids)), done_(std::move(done)) {}

  void Start();
  void Wake() override {}  // asks each node once; the caller tries again later

 private:
  void Finish(const absl::Status& status);

  const std::shared_ptr<ClientContext> context_;
  const std::vector<BlobId> ids_;

  Mutex mu_;
  size_t waiting_ ABSL_GUARDED_BY(mu_) = 0;
  absl::Status first_error_ ABSL_GUARDED_BY(mu_);
  Done done_ ABSL_GUARDED_BY(mu_);
};

}  // namespace openefs::datastore
