#include "metadata/state/access_check.h"

#include "common/check.h"
#include "metadata/state/client_table.h"
#include "metadata/state/share.h"
#include "metadata/state/state_table.h"
#include "metadata/store/keys.h"

namespace openefs::metadata {
namespace {

// The open whose access counts: a lock state has that of the open it came from (RFC 8881 9.1.2).
pb::StateRecord OpenOf(const Transaction& txn, const HeldState& state) {
  if (state.record.kind() == pb::StateRecord::OPEN) return state.record;
  pb::StateRecord open;
  OPENEFS_CHECK(txn.GetRecord(keys::State(state.record.open_state()), &open));
  return open;
}

// A stateid that stands for no open is checked against everybody's share reservations.
pb::FsError CheckSpecial(OperationContext& context, const pb::FileRef& file, bool write) {
  return FindDenial(context, file, write ? kShareWrite : kShareRead) ? pb::FS_SHARE_DENIED
                                                                     : pb::FS_OK;
}

}  // namespace

pb::FsError CheckIoState(OperationContext& context, const pb::Stateid& stateid,
                         const pb::FileRef& file, bool write, bool* permission_checked) {
  *permission_checked = false;
  const StateidClass kind = ParseStateid(stateid).kind;
  // RFC 8881 8.2.3: the bypass stateid reads past reservations, and writes like the anonymous one.
  if (kind == StateidClass::kBypass && !write) return pb::FS_OK;
  if (kind == StateidClass::kBypass || kind == StateidClass::kAnonymous) {
    return CheckSpecial(context, file, write);
  }
  HeldState state;
  pb::FsError error = FindState(context, stateid, &state);
  if (error != pb::FS_OK) return error;
  if (!SameFile(state.record.file(), file)) return pb::FS_BAD_STATEID;
  const uint32_t needed = write ? kShareWrite : kShareRead;
  // RFC 8881 9.1.2: READ may be done under an open for writing alone; we let it, as clients read
  // what they write only in part. The mode bits are then checked by the caller.
  const bool granted = (OpenOf(context.txn, state).share_access() & needed) != 0;
  if (!granted && write) return pb::FS_OPENMODE;
  *permission_checked = granted;
  return pb::FS_OK;
}

}  // namespace openefs::metadata
