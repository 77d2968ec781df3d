#include "server/nfs4/read_ahead.h"

#include <algorithm>

#include "absl/hash/hash.h"
#include "absl/status/statusor.h"
#include "common/ids.h"
#include "common/limits.h"
#include "datastore/client/blob_client.h"
#include "metadata/client/metadata_client.h"

namespace openefs::nfs4 {
namespace {

// Calls under way; beyond it nothing is fetched ahead for a while, READs themselves go on.
constexpr size_t kMaxCalls = 64;

// Of one range: a file that was written in one go has one for each MiB or two. One in more pieces
// than that is read as it is asked for.
constexpr int kMaxBlobs = 16;

// With the anonymous stateid: the file's mode decides, and an error is the end of it.
std::unique_ptr<pb::SegmentRequest> RequestFor(const pb::Credentials& credentials,
                                               const pb::FileRef& file,
                                               const ReadStreams::Range& range) {
  auto request = std::make_unique<pb::SegmentRequest>();
  request->set_group(kFirstNamespaceGroup);
  *request->mutable_credentials() = credentials;
  *request->mutable_registers()->mutable_current() = file;
  for (uint64_t at = range.begin; at < range.end; at += kMaxIoBytes) {
    pb::ReadPlan* plan = request->add_operations()->mutable_read_plan();
    plan->set_offset(at);
    plan->set_count(static_cast<uint32_t>(std::min<uint64_t>(kMaxIoBytes, range.end - at)));
  }
  return request;
}

}  // namespace

std::optional<ReadStreams::Range> ReadStreams::OnRead(uint64_t reader, uint64_t offset,
                                                      uint32_t count) {
  if (offset > UINT64_MAX - 2 * kWindowBytes - count) return std::nullopt;
  Stream& stream = streams_[reader % kStreams];
  const uint64_t end = offset + count;
  // Several READs of a client may be under way at once and overtake each other.
  const bool near = stream.reader == reader && offset <= stream.next + kWindowBytes &&
                    stream.next <= offset + kWindowBytes;
  if (!near) {
    stream = {reader, end, end, 0};
    return std::nullopt;
  }
  if (offset == stream.next) ++stream.run;
  stream.next = std::max(stream.next, end);
  stream.asked = std::max(stream.asked, stream.next);
  if (stream.run < kRunBefore || stream.asked - stream.next > kWindowBytes / 2) return std::nullopt;
  return Range{std::exchange(stream.asked, stream.next + kWindowBytes), stream.next + kWindowBytes};
}

ReadAhead::ReadAhead(metadata::MetadataClient* metadata, datastore::BlobClient* blobs)
    : metadata_(metadata), blobs_(blobs) {}

ReadAhead::~ReadAhead() {
  MutexLock lock(mu_);
  while (calls_ > 0) idle_.Wait(mu_);
}

void ReadAhead::OnRead(const pb::Credentials& credentials, uint64_t client_id,
                       const pb::FileRef& file, uint64_t offset, uint32_t count) {
  const uint64_t reader = absl::HashOf(client_id, file.SerializeAsString());
  std::optional<ReadStreams::Range> range;
  {
    MutexLock lock(mu_);
    if (calls_ >= kMaxCalls) return;
    range = streams_.OnRead(reader, offset, count);
    if (!range) return;
    ++calls_;
  }
  Fetch(RequestFor(credentials, file, *range));
}

void ReadAhead::Fetch(std::unique_ptr<pb::SegmentRequest> request) {
  const auto ended = [this] {
    MutexLock lock(mu_);
    if (--calls_ == 0) idle_.SignalAll();
  };
  if (const auto at_once = metadata_->TryRead(*request)) {
    Take(*at_once);
    return ended();
  }
  metadata_->Execute(std::move(request),
                     [this, ended](absl::StatusOr<std::unique_ptr<pb::SegmentResponse>> response) {
                       if (response.ok()) Take(**response);
                       ended();
                     });
}

void ReadAhead::Take(const pb::SegmentResponse& response) {
  int blobs = 0;
  for (const pb::OperationResult& result : response.results()) {
    for (const auto& piece : result.read_plan().pieces()) {
      if (!piece.has_blob()) continue;
      if (++blobs > kMaxBlobs) return;
      const auto& blob = piece.blob();
      blobs_->Prefetch({blob.id().high(), blob.id().low()}, blob.blob_length(), blob.blob_offset(),
                       piece.length());
    }
  }
}

}  // namespace openefs::nfs4
