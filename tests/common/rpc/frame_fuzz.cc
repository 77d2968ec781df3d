// Batches of frames from a hostile peer, cut into pieces at hostile places.
#include <cstddef>
#include <cstdint>
#include <string>
#include <utility>

#include "common/buffer.h"
#include "common/check.h"
#include "common/rpc/frame.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using openefs::Buffer;
  if (size == 0) return 0;
  const size_t step = data[0] + 1;
  const Buffer whole = Buffer::Copy({reinterpret_cast<const char*>(data) + 1, size - 1});
  openefs::BufferList batch;
  for (size_t at = 0; at < whole.size(); at += step) batch.push_back(whole.Slice(at, step));
  auto frames = openefs::rpc::DecodeBatch(batch);
  if (!frames.ok()) return 0;
  // What was accepted is exactly what its encoding says.
  openefs::rpc::Outbox outbox;
  for (openefs::rpc::Frame& frame : *frames) outbox.Push(std::move(frame));
  std::string again;
  while (!outbox.empty()) {
    for (const Buffer& piece : outbox.TakeBatch()) again += piece.view();
  }
  OPENEFS_CHECK(again == whole.view());
  return 0;
}
