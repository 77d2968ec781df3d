#include "metadata/ops/exchange_id.h"

#include <optional>

#include "common/check.h"
#include "metadata/state/client_table.h"
#include "metadata/state/limits.h"
#include "metadata/state/share.h"

namespace openefs::metadata {
namespace {

constexpr uint32_t kFirstSequence = 1;

void Answer(const pb::ClientRecord& client, pb::OperationResult* result) {
  result->mutable_exchange_id()->set_client_id(client.client_id());
  result->mutable_exchange_id()->set_sequence_id(client.sequence_id());
  result->mutable_exchange_id()->set_confirmed(client.confirmed());
}

// An unconfirmed client that takes the place of an older unconfirmed one (18.35.4 cases 1, 4, 5).
pb::FsError AddUnconfirmed(OperationContext& context, const pb::ExchangeId& request,
                           pb::OperationResult* result) {
  RemoveClient(context, FindOwner(context.txn, request.owner_id()).unconfirmed());
  pb::ClientRecord client;
  client.set_owner_id(request.owner_id());
  client.set_verifier(request.verifier());
  client.set_sequence_id(kFirstSequence);
  client.set_uid(context.credentials.uid());
  client.set_implementation(request.implementation());
  pb::FsError error = InsertClient(context, &client);
  if (error != pb::FS_OK) return error;
  pb::ClientOwnerRecord owner = FindOwner(context.txn, request.owner_id());
  owner.set_unconfirmed(client.client_id());
  PutOwner(context.txn, request.owner_id(), owner);
  Answer(client, result);
  return pb::FS_OK;
}

// 18.35.4 cases 6 to 9. Nothing of what may be updated is kept but the implementation's name.
pb::FsError Update(OperationContext& context, const pb::ExchangeId& request,
                   std::optional<pb::ClientRecord> confirmed, pb::OperationResult* result) {
  if (!confirmed.has_value()) return pb::FS_NOENT;
  if (confirmed->verifier() != request.verifier()) return pb::FS_NOT_SAME;
  if (confirmed->uid() != context.credentials.uid()) return pb::FS_PERM;
  confirmed->set_implementation(request.implementation());
  PutClient(context.txn, *confirmed);
  Answer(*confirmed, result);
  return pb::FS_OK;
}

// Another principal may have an owner's name once there is nothing to lose (18.35.4 case 3).
bool MayBeTaken(const OperationContext& context, const pb::ClientRecord& client) {
  return !HoldsState(context.txn, client.client_id()) || IsLapsed(context, client.client_id());
}

}  // namespace

pb::FsError ExchangeIdOp::Apply(OperationContext& context, const Request& request,
                                pb::OperationResult* result) {
  if (request.owner_id().empty() || request.owner_id().size() > kMaxOwnerBytes ||
      request.implementation().size() > kMaxImplementationBytes) {
    return pb::FS_INVAL;
  }
  const pb::ClientOwnerRecord owner = FindOwner(context.txn, request.owner_id());
  std::optional<pb::ClientRecord> confirmed;
  if (owner.confirmed() != 0) {
    confirmed = FindClient(context.txn, owner.confirmed());
    OPENEFS_CHECK(confirmed.has_value());
  }
  if (request.update()) return Update(context, request, std::move(confirmed), result);
  if (!confirmed.has_value()) return AddUnconfirmed(context, request, result);
  if (confirmed->uid() != context.credentials.uid()) {
    if (!MayBeTaken(context, *confirmed)) return pb::FS_CLID_INUSE;
    RemoveClient(context, confirmed->client_id());
    return AddUnconfirmed(context, request, result);
  }
  if (confirmed->verifier() != request.verifier()) {
    // Case 5, the client restarted: its old state goes when the new incarnation is confirmed.
    return AddUnconfirmed(context, request, result);
  }
  Answer(*confirmed, result);  // case 2
  return pb::FS_OK;
}

}  // namespace openefs::metadata
