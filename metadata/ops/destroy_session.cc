#include "metadata/ops/destroy_session.h"

#include "metadata/state/client_id.h"
#include "metadata/state/client_table.h"
#include "metadata/store/keys.h"

namespace openefs::metadata {

pb::FsError DestroySessionOp::Apply(OperationContext& context, const Request& request,
                                    pb::OperationResult*) {
  const std::string& session_id = request.session_id();
  const uint64_t client_id = ClientOfSession(session_id);
  if (client_id == 0 || !context.txn.Contains(keys::Session(session_id))) {
    return pb::FS_BADSESSION;
  }
  // 0: the request came outside any session, which RFC 8881 18.37.3 allows.
  if (context.client_id != 0 && context.client_id != client_id) return pb::FS_BADSESSION;
  RemoveSession(context.txn, session_id);
  return pb::FS_OK;
}

}  // namespace openefs::metadata
