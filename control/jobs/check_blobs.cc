#include "control/jobs/check_blobs.h"

#include <utility>

namespace openefs::control {

absl::StatusOr<pb::CheckBlobsResult> CheckBlobs(JobContext& context, GroupId group,
                                                const std::vector<BlobId>& ids) {
  pb::Operation check;
  for (const BlobId& id : ids) *check.mutable_check_blobs()->add_blobs() = ToProto(id);
  auto checked = Execute(context.signal, context.metadata, group, std::move(check));
  if (!checked.ok()) return checked.status();
  pb::CheckBlobsResult& answers = *checked->mutable_check_blobs();
  const int asked = static_cast<int>(ids.size());
  if (answers.known_size() != asked || answers.blob_lengths_size() != asked) {
    return absl::InternalError("CheckBlobs answered for another number of blobs");
  }
  return std::move(answers);
}

}  // namespace openefs::control
