#include "metadata/ops/destroy_client_id.h"

#include <optional>

#include "metadata/state/client_table.h"

namespace openefs::metadata {

pb::FsError DestroyClientIdOp::Apply(OperationContext& context, const Request& request,
                                     pb::OperationResult*) {
  std::optional<pb::ClientRecord> client = FindClient(context.txn, request.client_id());
  if (!client.has_value()) return pb::FS_STALE_CLIENTID;
  if (client->sessions() > 0 || HoldsState(context.txn, request.client_id())) {
    return pb::FS_CLIENTID_BUSY;
  }
  RemoveClient(context, request.client_id());
  return pb::FS_OK;
}

}  // namespace openefs::metadata
