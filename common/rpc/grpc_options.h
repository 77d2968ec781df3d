// How gRPC behaves between roles. Includes gRPC: for .cc files of common/rpc.
#pragma once

#include <grpcpp/channel.h>
#include <grpcpp/server_builder.h>

#include <memory>
#include <string>

namespace openefs::rpc {

// The one method gRPC knows: a bidirectional stream of batches (frame.h).
inline constexpr char kExchangeMethod[] = "/openefs.Roles/Exchange";

std::shared_ptr<grpc::Channel> MakeGrpcChannel(const std::string& address);
void ConfigureServer(grpc::ServerBuilder& builder);

}  // namespace openefs::rpc
