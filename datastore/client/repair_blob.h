// Making fragments of a blob durable again where they are missing.
#pragma once

#include <cstdint>
#include <memory>

#include "absl/functional/any_invocable.h"
#include "datastore/client/fetch_fragments.h"

namespace openefs::datastore {

// In three steps: ask which of the fragments in question are really missing, get their bytes from k
// others, put them.
class RepairBlob final : public Operation {
 public:
  using Done = absl::AnyInvocable<void(absl::StatusOr<uint32_t>)>;

  RepairBlob(std::shared_ptr<ClientContext> context, const CodeSpec& spec, BlobId id,
             uint32_t blob_length, uint32_t mask, Done done);

  void Start();
  void Wake() override {}  // each step ends by itself

 private:
  void OnProbe(uint32_t index, const absl::Status& status);
  void Fetch(uint32_t missing);
  void OnFetched(uint32_t missing, absl::StatusOr<FetchFragments::Fragments> fragments);
  void OnPut(uint32_t index, const absl::Status& status);
  void Finish(const absl::StatusOr<uint32_t>& result);

  // Whom to ask about each fragment of `mask`; null: nobody, its node is not up.
  std::array<std::shared_ptr<DataNodeClient>, kMaxFragments> ClientsOf(uint32_t mask) const;

  // Constant.
  const std::shared_ptr<ClientContext> context_;
  const BlobId id_;
  const Stripe stripe_;
  const uint32_t mask_;

  Mutex mu_;
  int waiting_ ABSL_GUARDED_BY(mu_) = 0;  // answers, in the step under way
  uint32_t durable_ ABSL_GUARDED_BY(mu_) = 0;
  uint32_t missing_ ABSL_GUARDED_BY(mu_) = 0;
  Done done_ ABSL_GUARDED_BY(mu_);
};

}  // namespace openefs::datastore
