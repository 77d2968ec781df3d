#include "metadata/ops/expire_client.h"

#include "metadata/state/client_table.h"

namespace openefs::metadata {

pb::FsError ExpireClientOp::Apply(OperationContext& context, const Request& request,
                                  pb::OperationResult*) {
  RemoveClient(context, request.client_id());
  return pb::FS_OK;
}

}  // namespace openefs::metadata
