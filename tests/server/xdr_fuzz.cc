// Everything that reads bytes before a COMPOUND is decoded: XDR, record marking, RPC headers.
#include <algorithm>
#include <cstdint>
#include <cstring>
#include <string>

#include "common/check.h"
#include "server/rpc/message.h"
#include "server/rpc/record_assembler.h"
#include "server/xdr/xdr.h"

namespace openefs {
namespace {

// The first half of the input says what to read from the second.
void FuzzReader(std::string_view input) {
  const std::string_view script = input.substr(0, input.size() / 2);
  const std::string_view record = input.substr(input.size() / 2);
  xdr::Reader reader(Buffer::Copy(record));
  for (const char step : script) {
    const auto limit = static_cast<uint32_t>(static_cast<unsigned char>(step)) * 37;
    const bool was_ok = reader.ok();
    size_t bytes = 0;
    switch (step & 7) {
      case 0:
        reader.U32();
        break;
      case 1:
        reader.U64();
        break;
      case 2:
        reader.Bool();
        break;
      case 3:
        bytes = reader.FixedOpaque(limit).size();
        break;
      case 4:
        bytes = reader.Opaque(limit).size();
        break;
      case 5:
        bytes = reader.OpaqueBuffer(limit).size();
        break;
      case 6:
        bytes = 4 * reader.ArrayLength(limit, 4);
        OPENEFS_CHECK(bytes <= reader.remaining());
        break;
      default:
        break;
    }
    OPENEFS_CHECK(bytes <= record.size());
    OPENEFS_CHECK(reader.position() + reader.remaining() == record.size());
    OPENEFS_CHECK(was_ok || !reader.ok());
  }
}

void FuzzRecords(std::string_view input) {
  if (input.empty()) return;
  const size_t step = 1 + static_cast<unsigned char>(input.front());
  input.remove_prefix(1);
  size_t given = 0;
  rpc::RecordAssembler assembler(4096);
  while (!assembler.failed()) {
    while (auto record = assembler.Next()) {
      OPENEFS_CHECK(!record->empty() && record->size() <= 4096);
      given += record->size();
    }
    if (input.empty() || assembler.failed()) break;
    const std::span<char> space = assembler.Space();
    const size_t bytes = std::min({space.size(), step, input.size()});
    OPENEFS_CHECK(bytes > 0);
    std::memcpy(space.data(), input.data(), bytes);
    assembler.Received(bytes);
    input.remove_prefix(bytes);
  }
  OPENEFS_CHECK(given <= 1 << 20);
}

void FuzzCall(std::string_view input) {
  // A copy of its own size, so that a read beyond it is seen.
  const std::string record(input);
  rpc::CallHeader call;
  if (rpc::DecodeCall(record, &call) != rpc::CallFault::kNone) return;
  OPENEFS_CHECK(call.arguments_at <= record.size());
  OPENEFS_CHECK(call.credentials.gids_size() <= static_cast<int>(kMaxGroups));
}

}  // namespace
}  // namespace openefs

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view input(reinterpret_cast<const char*>(data), size);
  openefs::FuzzReader(input);
  openefs::FuzzRecords(input);
  openefs::FuzzCall(input);
  return 0;
}
