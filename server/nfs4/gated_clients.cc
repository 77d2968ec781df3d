#include "server/nfs4/gated_clients.h"

#include <thread>
#include <utility>

namespace openefs::nfs4 {
namespace {

absl::Status Stopped() { return absl::CancelledError("the front-end has stopped"); }

}  // namespace

bool CallGate::Enter() {
  if ((state_.fetch_add(1, std::memory_order_acquire) & kClosed) == 0) return true;
  Leave();
  return false;
}

void CallGate::Close() {
  state_.fetch_or(kClosed, std::memory_order_acq_rel);
  while (state_.load(std::memory_order_acquire) != kClosed) std::this_thread::yield();
}

void GatedMetadata::Execute(std::unique_ptr<pb::SegmentRequest> request,
                            metadata::SegmentCallback done) {
  if (!gate_->Enter()) return done(Stopped());
  client_->Execute(std::move(request), std::move(done));
  gate_->Leave();
}

std::unique_ptr<pb::SegmentResponse> GatedMetadata::TryRead(const pb::SegmentRequest& request) {
  if (!gate_->Enter()) return nullptr;
  std::unique_ptr<pb::SegmentResponse> response = client_->TryRead(request);
  gate_->Leave();
  return response;
}

void GatedBlobs::SetClusterMap(std::shared_ptr<const pb::ClusterMap> map) {
  if (!gate_->Enter()) return;
  client_->SetClusterMap(std::move(map));
  gate_->Leave();
}

void GatedBlobs::Write(BufferList bytes,
                       absl::AnyInvocable<void(absl::StatusOr<datastore::WrittenBlob>)> done) {
  if (!gate_->Enter()) return done(Stopped());
  client_->Write(std::move(bytes), std::move(done));
  gate_->Leave();
}

void GatedBlobs::Read(BlobId id, uint32_t blob_length, uint32_t offset, uint32_t length,
                      absl::AnyInvocable<void(absl::StatusOr<BufferList>)> done) {
  if (!gate_->Enter()) return done(Stopped());
  client_->Read(id, blob_length, offset, length, std::move(done));
  gate_->Leave();
}

void GatedBlobs::Prefetch(BlobId id, uint32_t blob_length, uint32_t offset, uint32_t length) {
  if (!gate_->Enter()) return;
  client_->Prefetch(id, blob_length, offset, length);
  gate_->Leave();
}

void GatedBlobs::Delete(std::vector<BlobId> ids, absl::AnyInvocable<void(absl::Status)> done) {
  if (!gate_->Enter()) return done(Stopped());
  client_->Delete(std::move(ids), std::move(done));
  gate_->Leave();
}

void GatedBlobs::Repair(BlobId id, uint32_t blob_length, uint32_t mask,
                        absl::AnyInvocable<void(absl::StatusOr<uint32_t>)> done) {
  if (!gate_->Enter()) return done(Stopped());
  client_->Repair(id, blob_length, mask, std::move(done));
  gate_->Leave();
}

}  // namespace openefs::nfs4
