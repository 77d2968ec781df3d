#include "metadata/ops/reclaim_complete.h"

#include <optional>

#include "metadata/state/client_table.h"

namespace openefs::metadata {

pb::FsError ReclaimCompleteOp::Apply(OperationContext& context, const Request& request,
                                     pb::OperationResult*) {
  const uint64_t client_id = context.client_id != 0 ? context.client_id : request.client_id();
  std::optional<pb::ClientRecord> client = FindClient(context.txn, client_id);
  if (!client.has_value()) return pb::FS_STALE_CLIENTID;
  if (request.one_fs()) return pb::FS_OK;  // 18.51.3: of a file system that migrated; none does
  if (client->reclaim_complete()) return pb::FS_COMPLETE_ALREADY;
  client->set_reclaim_complete(true);
  PutClient(context.txn, *client);
  return pb::FS_OK;
}

}  // namespace openefs::metadata
