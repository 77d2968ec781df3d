#include "metadata/ops/create_session.h"

#include <optional>

#include "common/limits.h"
#include "metadata/state/client_id.h"
#include "metadata/state/client_table.h"
#include "metadata/state/limits.h"
#include "metadata/store/keys.h"

namespace openefs::metadata {
namespace {

// Front-ends clip what a client asks for; what comes here unclipped is refused.
bool Clipped(const pb::ChannelAttributes& channel) {
  return channel.max_requests() >= 1 && channel.max_requests() <= kMaxSlots &&
         channel.max_operations() <= kMaxOperations &&
         channel.max_request_bytes() <= kMaxChannelBytes &&
         channel.max_response_bytes() <= kMaxChannelBytes;
}

// The new incarnation takes over from the one before, whose state ends here (18.36.4 phase 3).
void Confirm(OperationContext& context, pb::ClientRecord* client) {
  pb::ClientOwnerRecord owner = FindOwner(context.txn, client->owner_id());
  RemoveClient(context, owner.confirmed());
  owner.set_confirmed(client->client_id());
  owner.set_unconfirmed(0);
  PutOwner(context.txn, client->owner_id(), owner);
  client->set_confirmed(true);
}

// 18.36.4 phase 4. PERSIST is not granted: flags stay zero.
pb::CreateSessionResult MakeSession(OperationContext& context, const pb::CreateSession& request,
                                    pb::ClientRecord* client) {
  pb::CreateSessionResult answer;
  answer.set_sequence_id(request.sequence_id());
  if (client->sessions() >= kMaxSessionsPerClient) {
    answer.set_error(pb::FS_NOSPC);
    return answer;
  }
  client->set_sessions(client->sessions() + 1);
  answer.set_session_id(MakeSessionId(client->client_id(), context.environment.NextRandom()));
  *answer.mutable_fore_channel() = request.fore_channel();
  *answer.mutable_back_channel() = request.back_channel();
  pb::SessionRecord session;
  session.set_client_id(client->client_id());
  *session.mutable_fore_channel() = request.fore_channel();
  *session.mutable_back_channel() = request.back_channel();
  context.txn.PutRecord(keys::Session(answer.session_id()), session);
  context.txn.Put(keys::SessionByClient(client->client_id(), answer.session_id()), "");
  return answer;
}

}  // namespace

pb::FsError CreateSessionOp::Apply(OperationContext& context, const Request& request,
                                   pb::OperationResult* result) {
  std::optional<pb::ClientRecord> client = FindClient(context.txn, request.client_id());
  if (!client.has_value()) return pb::FS_STALE_CLIENTID;
  if (client->has_last_create_session() && request.sequence_id() == client->sequence_id() - 1) {
    *result->mutable_create_session() = client->last_create_session();
    return client->last_create_session().error();
  }
  if (request.sequence_id() != client->sequence_id()) return pb::FS_SEQ_MISORDERED;
  if (!Clipped(request.fore_channel())) return pb::FS_INVAL;
  if (!client->confirmed()) {
    if (client->uid() != context.credentials.uid()) return pb::FS_CLID_INUSE;
    Confirm(context, &*client);
  }
  *client->mutable_last_create_session() = MakeSession(context, request, &*client);
  client->set_sequence_id(client->sequence_id() + 1);
  PutClient(context.txn, *client);
  *result->mutable_create_session() = client->last_create_session();
  return client->last_create_session().error();
}

}  // namespace openefs::metadata
