#include "metadata/state/share.h"

#include <vector>

#include "common/check.h"
#include "metadata/state/client_table.h"
#include "metadata/store/keys.h"
#include "proto/records.pb.h"

namespace openefs::metadata {
namespace {

std::vector<pb::StateRecord> OpensUnder(const Transaction& txn, const std::string& prefix) {
  std::vector<pb::StateRecord> opens;
  for (auto it = txn.Scan(prefix, PrefixEnd(prefix)); it->Valid(); it->Next()) {
    absl::string_view key = it->Key();
    key.remove_prefix(prefix.size());
    pb::StateRecord& open = opens.emplace_back();
    OPENEFS_CHECK(txn.GetRecord(keys::State(DecodeU64(key)), &open));
  }
  return opens;
}

// Whoever denies nothing is in conflict only with opens that deny something, and those are few.
std::vector<pb::StateRecord> Candidates(const Transaction& txn, const pb::FileRef& file,
                                        uint32_t share_deny) {
  return OpensUnder(txn, share_deny == 0 ? keys::DeniesOfFile(file.fs_id(), file.inode())
                                         : keys::StatesOfFile(file.fs_id(), file.inode()));
}

}  // namespace

bool FindDenial(const OperationContext& context, const pb::FileRef& file, uint32_t access) {
  for (const pb::StateRecord& open : Candidates(context.txn, file, 0)) {
    if ((open.share_deny() & access) != 0 && !IsLapsed(context, open.client_id())) return true;
  }
  return false;
}

bool ShareConflict(OperationContext& context, const pb::FileRef& file, uint32_t share_access,
                   uint32_t share_deny, const std::string& own_owner) {
  for (const pb::StateRecord& open : Candidates(context.txn, file, share_deny)) {
    if (open.client_id() == context.client_id && open.owner() == own_owner) continue;
    const bool conflict =
        (open.share_deny() & share_access) != 0 || (open.share_access() & share_deny) != 0;
    if (conflict && !YieldIfLapsed(context, open.client_id())) return true;
  }
  return false;
}

bool YieldIfLapsed(OperationContext& context, uint64_t client_id) {
  if (client_id == context.client_id || !IsLapsed(context, client_id)) return false;
  RemoveClient(context, client_id);
  return true;
}

bool IsLapsed(const OperationContext& context, uint64_t client_id) {
  const auto* lapsed = context.environment.lapsed_clients;
  return lapsed != nullptr && lapsed->contains(client_id);
}

}  // namespace openefs::metadata
