#include "metadata/ops/test_stateid.h"

#include "metadata/state/state_table.h"

namespace openefs::metadata {

pb::FsError TestStateidOp::Apply(OperationContext& context, const Request& request,
                                 pb::OperationResult* result) {
  pb::TestStateidResult* answer = result->mutable_test_stateid();
  for (const pb::Stateid& stateid : request.stateids()) {
    HeldState state;
    answer->add_errors(FindState(context, stateid, &state));
  }
  return pb::FS_OK;
}

}  // namespace openefs::metadata
