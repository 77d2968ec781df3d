#include "metadata/ops/format_cluster.h"

#include "metadata/state/cluster_table.h"
#include "metadata/state/limits.h"
#include "metadata/store/keys.h"

namespace openefs::metadata {
namespace {

constexpr size_t kHandleKeyBytes = 16;
constexpr size_t kVerifierBytes = 8;  // NFS4_VERIFIER_SIZE

bool ValidSecrets(const pb::ClusterSecrets& secrets) {
  return secrets.handle_key().size() == kHandleKeyBytes &&
         secrets.write_verifier().size() == kVerifierBytes && !secrets.server_owner().empty() &&
         secrets.server_owner().size() <= kMaxOwnerBytes;
}

}  // namespace

pb::FsError FormatClusterOp::Apply(OperationContext& context, const Request& request,
                                   pb::OperationResult*) {
  if (request.cluster_id().size() != kClusterIdBytes || !ValidSecrets(request.secrets())) {
    return pb::FS_INVAL;
  }
  if (ClusterEpoch(context.txn) != 0) return pb::FS_EXIST;
  pb::ClusterMap head;
  head.set_epoch(1);
  head.set_cluster_id(request.cluster_id());
  context.txn.PutRecord(keys::ClusterMap(), head);
  context.txn.PutRecord(keys::Secrets(), request.secrets());
  return pb::FS_OK;
}

}  // namespace openefs::metadata
