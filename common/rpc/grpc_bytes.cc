#include "common/rpc/grpc_bytes.h"

#include <grpcpp/support/slice.h>

#include <memory>
#include <string>
#include <utility>
#include <vector>

namespace openefs::rpc {
namespace {

#ifdef OPENEFS_TSAN

// TSan sees neither gRPC's work on a slice nor who frees it when, and would take the next use of
// that memory for a race. So in its builds bytes are copied at the border, in a way it does not
// look at.
void CopyUnseen(const char* from, size_t size, char* to) {
  for (size_t i = 0; i < size; ++i) {
    const_cast<volatile char*>(to)[i] = const_cast<const volatile char*>(from)[i];
  }
}

grpc::Slice ToSlice(const Buffer& piece) {
  grpc::Slice slice(piece.size());
  CopyUnseen(piece.data(), piece.size(),
             const_cast<char*>(reinterpret_cast<const char*>(slice.begin())));
  return slice;
}

Buffer ToBuffer(const grpc::Slice& slice) {
  std::string copy(slice.size(), '\0');
  CopyUnseen(reinterpret_cast<const char*>(slice.begin()), slice.size(), copy.data());
  return Buffer::FromString(std::move(copy));
}

#else

grpc::Slice ToSlice(const Buffer& piece) {
  auto* owner = new Buffer(piece);
  // gRPC only reads from slices it sends.
  return grpc::Slice(
      const_cast<char*>(piece.data()), piece.size(),
      [](void* held) { delete static_cast<Buffer*>(held); }, owner);
}

Buffer ToBuffer(grpc::Slice slice) {
  // A short slice holds its bytes in itself, so it must have its final place before they are
  // pointed at.
  auto owner = std::make_shared<const grpc::Slice>(std::move(slice));
  const char* data = reinterpret_cast<const char*>(owner->begin());
  const size_t size = owner->size();
  return Buffer(std::move(owner), data, size);
}

#endif  // OPENEFS_TSAN

}  // namespace

grpc::ByteBuffer ToGrpc(const BufferList& pieces) {
  std::vector<grpc::Slice> slices;
  slices.reserve(pieces.size());
  for (const Buffer& piece : pieces) slices.push_back(ToSlice(piece));
  return grpc::ByteBuffer(slices.data(), slices.size());
}

BufferList FromGrpc(const grpc::ByteBuffer& bytes) {
  std::vector<grpc::Slice> slices;
  // Fails only for compressed bytes that do not decompress: nobody sends those, so they are an
  // empty batch.
  if (!bytes.Dump(&slices).ok()) return {};
  BufferList pieces;
  pieces.reserve(slices.size());
  for (grpc::Slice& slice : slices) pieces.push_back(ToBuffer(std::move(slice)));
  return pieces;
}

}  // namespace openefs::rpc
