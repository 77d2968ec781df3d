#include "metadata/ops/get_session.h"

#include <optional>

#include "common/check.h"
#include "metadata/state/client_table.h"
#include "metadata/store/keys.h"

namespace openefs::metadata {

pb::FsError GetSessionOp::Apply(OperationContext& context, const Request& request,
                                pb::OperationResult* result) {
  pb::SessionRecord session;
  if (!context.txn.GetRecord(keys::Session(request.session_id()), &session)) {
    return pb::FS_BADSESSION;
  }
  std::optional<pb::ClientRecord> client = FindClient(context.txn, session.client_id());
  OPENEFS_CHECK(client.has_value());
  pb::SessionInfo* info = result->mutable_session();
  info->set_client_id(session.client_id());
  *info->mutable_fore_channel() = session.fore_channel();
  *info->mutable_back_channel() = session.back_channel();
  info->set_reclaim_complete(client->reclaim_complete());
  return pb::FS_OK;
}

}  // namespace openefs::metadata
