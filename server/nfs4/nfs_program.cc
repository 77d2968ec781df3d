#include "server/nfs4/nfs_program.h"

#include <utility>

#include "proto/nfs4.h"
#include "server/nfs4/compound.h"

namespace openefs::nfs4 {

boost::asio::awaitable<rpc::Results> NfsProgram::Run(rpc::Call call) {
  if (call.procedure != kProcCompound) {
    co_return rpc::Results{rpc::AcceptStatus::kProcedureUnavailable};
  }
  CompoundCall compound{std::move(call.arguments), std::move(call.credentials), call.connection_id,
                        call.record_bytes};
  ReplyBody body = co_await RunCompound(*services_, std::move(compound));
  if (body == nullptr) co_return rpc::Results{rpc::AcceptStatus::kGarbageArguments};
  co_return rpc::Results{rpc::AcceptStatus::kSuccess, std::move(body)};
}

}  // namespace openefs::nfs4
