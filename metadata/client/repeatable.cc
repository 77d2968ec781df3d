#include "metadata/client/repeatable.h"

#include <algorithm>

#include "metadata/ops/operation.h"

namespace openefs::metadata {
namespace {

bool Repeatable(const pb::Operation& operation) {
  switch (operation.kind_case()) {
    case pb::Operation::kExchangeId:     // answers with the client it made
    case pb::Operation::kCreateSession:  // csa_sequence finds the repeat
    case pb::Operation::kExpireClient:
    case pb::Operation::kRegisterDataNode:
    case pb::Operation::kSetNodeStatus:
    case pb::Operation::kDefinePlacementGroup:
    case pb::Operation::kFormatCluster:     // FS_EXIST
    case pb::Operation::kFormatFileSystem:  // FS_EXIST
    case pb::Operation::kFinishCollect:
    case pb::Operation::kFinishRepair:
    case pb::Operation::kPurgeOrphans:
    case pb::Operation::kAcquireJobLease:
      return true;
    case pb::Operation::kCreateFileSystem:  // a second one of the same name is refused
      return !operation.create_file_system().name().empty();
    default:
      return !IsMutating(operation);
  }
}

}  // namespace

bool MayRepeat(const pb::SegmentRequest& request) {
  return request.has_slot() ||
         std::all_of(request.operations().begin(), request.operations().end(), Repeatable);
}

}  // namespace openefs::metadata
