#include "datastore/client/repair_blob.h"

#include <utility>

namespace openefs::datastore {

RepairBlob::RepairBlob(std::shared_ptr<ClientContext> context, const CodeSpec& spec, BlobId id,
                       uint32_t blob_length, uint32_t mask, Done done)
    : context_(std::move(context)),
      id_(id),
      stripe_(spec, blob_length),
      mask_(mask & spec.AllMask()),
      done_(std::move(done)) {}

std::array<std::shared_ptr<DataNodeClient>, kMaxFragments> RepairBlob::ClientsOf(
    uint32_t mask) const {
  std::array<std::shared_ptr<DataNodeClient>, kMaxFragments> clients;
  const std::shared_ptr<const Placement> placement = context_->placement();
  const PlacementGroup* group = placement->Find(id_.placement_group(), *stripe_.spec);
  for (uint32_t i = 0; group != nullptr && i < group->members.size(); ++i) {
    const bool up = group->members[i].status == pb::NODE_UP;
    if (up && (mask >> i & 1) != 0) clients[i] = group->members[i].client;
  }
  return clients;
}

void RepairBlob::Start() {
  const auto self = std::static_pointer_cast<RepairBlob>(shared_from_this());
  context_->Begin(self);
  const auto clients = ClientsOf(mask_);
  {
    MutexLock lock(mu_);
    waiting_ = 1;
    for (const auto& client : clients) waiting_ += client != nullptr ? 1 : 0;
  }
  for (uint32_t i = 0; i < kMaxFragments; ++i) {
    if (clients[i] == nullptr) continue;
    // All of it, because a fragment with a corrupt block is to be rebuilt as well.
    clients[i]->Get(
        {id_, i}, 0, stripe_.LengthOf(static_cast<int>(i)),
        [self, i](const absl::StatusOr<Buffer>& bytes) { self->OnProbe(i, bytes.status()); });
  }
  OnProbe(kMaxFragments, absl::CancelledError());  // the one that kept us from going on too early
}

void RepairBlob::OnProbe(uint32_t index, const absl::Status& status) {
  uint32_t missing = 0;
  uint32_t durable = 0;
  {
    MutexLock lock(mu_);
    if (status.ok()) durable_ |= uint32_t{1} << index;
    if (absl::IsNotFound(status) || absl::IsDataLoss(status)) missing_ |= uint32_t{1} << index;
    if (--waiting_ > 0) return;
    missing = missing_;
    durable = durable_;
  }
  if (missing == 0) return Finish(durable);
  Fetch(missing);
}

void RepairBlob::Fetch(uint32_t missing) {
  FetchRequest request;
  request.id = id_;
  request.blob_length = stripe_.blob_length;
  request.lost_mask = missing;
  for (uint32_t i = 0; i < kMaxFragments; ++i) {
    if (missing >> i & 1) request.wanted[i] = {0, stripe_.LengthOf(static_cast<int>(i))};
  }
  const auto self = std::static_pointer_cast<RepairBlob>(shared_from_this());
  std::make_shared<FetchFragments>(
      context_, *stripe_.spec, request,
      [self, missing](absl::StatusOr<FetchFragments::Fragments> fragments) {
        self->OnFetched(missing, std::move(fragments));
      })
      ->Start();
}

void RepairBlob::OnFetched(uint32_t missing, absl::StatusOr<FetchFragments::Fragments> fragments) {
  if (!fragments.ok()) return Finish(fragments.status());
  const auto self = std::static_pointer_cast<RepairBlob>(shared_from_this());
  const auto clients = ClientsOf(missing);
  {
    MutexLock lock(mu_);
    waiting_ = 1;
    for (const auto& client : clients) waiting_ += client != nullptr ? 1 : 0;
  }
  for (uint32_t i = 0; i < kMaxFragments; ++i) {
    if (clients[i] == nullptr) continue;
    clients[i]->Put({id_, i}, {std::move((*fragments)[i])},
                    [self, i](const absl::Status& status) { self->OnPut(i, status); });
  }
  OnPut(kMaxFragments, absl::CancelledError());
}

void RepairBlob::OnPut(uint32_t index, const absl::Status& status) {
  uint32_t durable = 0;
  {
    MutexLock lock(mu_);
    if (status.ok()) durable_ |= uint32_t{1} << index;
    if (--waiting_ > 0) return;
    durable = durable_;
  }
  Finish(durable);
}

void RepairBlob::Finish(const absl::StatusOr<uint32_t>& result) {
  Done done;
  {
    MutexLock lock(mu_);
    done = std::move(done_);
  }
  done(result);
  context_->End(this);
}

}  // namespace openefs::datastore
