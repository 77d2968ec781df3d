// Our bytes as gRPC's and back, shared and not copied. Includes gRPC: for .cc files of common/rpc.
#pragma once

#include <grpcpp/support/byte_buffer.h>

#include "common/buffer.h"

namespace openefs::rpc {

grpc::ByteBuffer ToGrpc(const BufferList& pieces);
BufferList FromGrpc(const grpc::ByteBuffer& bytes);

}  // namespace openefs::rpc
