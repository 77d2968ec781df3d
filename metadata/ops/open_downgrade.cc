#include "metadata/ops/open_downgrade.h"

#include "metadata/state/share.h"
#include "metadata/state/state_table.h"

namespace openefs::metadata {
namespace {

// Which of the shares in `history` (bit n: share n was opened) are part of `share`, as history.
uint32_t PartsOf(uint32_t share, uint32_t history) {
  uint32_t parts = 0;
  for (uint32_t opened = 0; opened <= kShareBoth; ++opened) {
    if ((history & 1u << opened) != 0 && (opened & ~share) == 0) parts |= 1u << opened;
  }
  return parts;
}

// 18.18.3: the shares must be the union of those of some of the opens.
bool IsUnionOf(uint32_t share, uint32_t parts) {
  uint32_t together = 0;
  for (uint32_t opened = 0; opened <= kShareBoth; ++opened) {
    if ((parts & 1u << opened) != 0) together |= opened;
  }
  return parts != 0 && together == share;
}

}  // namespace

pb::FsError OpenDowngradeOp::Apply(OperationContext& context, const Request& request,
                                   pb::OperationResult* result) {
  if (!context.registers.has_current()) return pb::FS_NO_CURRENT_FILE;
  if (request.share_access() < kShareRead || request.share_access() > kShareBoth ||
      request.share_deny() > kShareBoth) {
    return pb::FS_INVAL;
  }
  HeldState open;
  pb::FsError error = FindStateOfFile(context, request.stateid(), pb::StateRecord::OPEN,
                                      context.registers.current(), &open);
  if (error != pb::FS_OK) return error;
  const uint32_t access = PartsOf(request.share_access(), open.record.access_history());
  const uint32_t deny = PartsOf(request.share_deny(), open.record.deny_history());
  if (!IsUnionOf(request.share_access(), access) || !IsUnionOf(request.share_deny(), deny)) {
    return pb::FS_INVAL;
  }
  open.record.set_share_access(request.share_access());
  open.record.set_share_deny(request.share_deny());
  open.record.set_access_history(access);
  open.record.set_deny_history(deny);
  open.record.set_seqid(NextSeqid(open.record.seqid()));
  UpdateState(context.txn, open);
  *result->mutable_stateid() = StateidOf(context, open);
  *context.registers.mutable_current_stateid() = result->stateid();
  return pb::FS_OK;
}

}  // namespace openefs::metadata
