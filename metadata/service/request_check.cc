#include "metadata/service/request_check.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "common/limits.h"
#include "metadata/state/client_id.h"

namespace openefs::metadata {
namespace {

bool OfLeaderMemory(const pb::Operation& operation) {
  return operation.has_renew_leases() || operation.has_data_node_heartbeat();
}

// What IsSmallRead allows for a page of a directory or a READ's plan.
constexpr uint32_t kLittleBytes = 64 << 10;

bool ReadsLittle(const pb::Operation& operation) {
  switch (operation.kind_case()) {
    case pb::Operation::kPutFile:
    case pb::Operation::kPutRoot:
    case pb::Operation::kSaveFile:
    case pb::Operation::kRestoreFile:
    case pb::Operation::kGetFile:
    case pb::Operation::kLookup:
    case pb::Operation::kLookupParent:
    case pb::Operation::kGetAttr:
    case pb::Operation::kAccess:
    case pb::Operation::kReadLink:
    case pb::Operation::kGetSession:
      return true;
    case pb::Operation::kReadDir:
      return operation.read_dir().max_bytes() <= kLittleBytes;
    case pb::Operation::kReadPlan:
      return operation.read_plan().count() <= kLittleBytes;
    default:
      return false;
  }
}

}  // namespace

bool IsLeaderMemoryCall(const pb::SegmentRequest& request) {
  return request.operations_size() == 1 && OfLeaderMemory(request.operations(0));
}

bool IsSmallRead(const pb::SegmentRequest& request) {
  return std::all_of(request.operations().begin(), request.operations().end(), ReadsLittle);
}

absl::Status CheckRequest(const pb::SegmentRequest& request, size_t bytes) {
  const int count = request.operations_size();
  if (bytes > kMaxSegmentBytes) {
    return absl::InvalidArgumentError(absl::StrCat("a segment of ", bytes, " bytes"));
  }
  if (count < 1 || count > static_cast<int>(kMaxOperations) ||
      request.first_operation_index() > kMaxOperations) {
    return absl::InvalidArgumentError(absl::StrCat("a segment of ", count, " operations"));
  }
  if (request.credentials().gids_size() > static_cast<int>(kMaxGroups)) {
    return absl::InvalidArgumentError("too many groups in the credentials");
  }
  if (request.has_slot() && (request.slot().session_id().size() != kSessionIdBytes ||
                             request.slot().slot() >= kMaxSlots)) {
    return absl::InvalidArgumentError("not a session's slot");
  }
  for (const pb::Operation& operation : request.operations()) {
    if (operation.kind_case() == pb::Operation::KIND_NOT_SET) {
      return absl::InvalidArgumentError("an unknown operation");
    }
    if (OfLeaderMemory(operation) && count != 1) {
      return absl::InvalidArgumentError("a call to the leader's memory travels alone");
    }
  }
  return absl::OkStatus();
}

}  // namespace openefs::metadata
