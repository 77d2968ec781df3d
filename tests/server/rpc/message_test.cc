#include "server/rpc/message.h"

#include <catch2/catch.hpp>
#include <random>
#include <string>

#include "server/xdr/xdr.h"
#include "tests/server/support/rpc_client.h"

namespace openefs::rpc {
namespace {

using openefs::testing::BytesOf;

struct CallOptions {
  uint32_t direction = 0;
  uint32_t rpc_version = 2;
  uint32_t flavor = kAuthSys;
  uint32_t machine_name_bytes = 4;
  uint32_t gids = 3;
  uint32_t declared_gids = 3;
};

std::string Credentials(const CallOptions& options) {
  xdr::Writer writer;
  writer.U32(77);
  writer.Opaque(std::string(options.machine_name_bytes, 'm'));
  writer.U32(1001);
  writer.U32(1002);
  writer.U32(options.declared_gids);
  for (uint32_t i = 0; i < options.gids; ++i) writer.U32(2000 + i);
  return BytesOf(writer);
}

std::string CallOf(const CallOptions& options) {
  xdr::Writer writer;
  writer.U32(42);
  writer.U32(options.direction);
  writer.U32(options.rpc_version);
  writer.U32(100003);
  writer.U32(4);
  writer.U32(1);
  writer.U32(options.flavor);
  writer.Opaque(options.flavor == kAuthNone ? "" : Credentials(options));
  writer.U32(0);
  writer.Opaque("");
  writer.FixedOpaque("arguments...");
  return BytesOf(writer);
}

TEST_CASE("a call with AUTH_SYS") {
  const std::string record = CallOf({});
  CallHeader call;
  REQUIRE(DecodeCall(record, &call) == CallFault::kNone);
  CHECK(call.xid == 42);
  CHECK(call.program == 100003);
  CHECK(call.version == 4);
  CHECK(call.procedure == 1);
  CHECK(call.credentials.uid() == 1001);
  CHECK(call.credentials.gid() == 1002);
  REQUIRE(call.credentials.gids_size() == 3);
  CHECK(call.credentials.gids(2) == 2002);
  CHECK(record.substr(call.arguments_at) == "arguments...");
}

TEST_CASE("who comes with AUTH_NONE is nobody") {
  CallOptions options;
  options.flavor = kAuthNone;
  CallHeader call;
  REQUIRE(DecodeCall(CallOf(options), &call) == CallFault::kNone);
  CHECK(call.credentials.uid() == kNobody);
  CHECK(call.credentials.gid() == kNobody);
  CHECK(call.credentials.gids_size() == 0);
}

TEST_CASE("faults of a call") {
  CallHeader call;
  const auto fault = [&call](CallOptions options) { return DecodeCall(CallOf(options), &call); };
  CHECK(fault({.direction = 1}) == CallFault::kMalformed);
  CHECK(fault({.rpc_version = 3}) == CallFault::kRpcMismatch);
  CHECK(call.xid == 42);
  CHECK(fault({.flavor = kRpcsecGss}) == CallFault::kTooWeak);
  CHECK(fault({.flavor = 2}) == CallFault::kTooWeak);
  CHECK(fault({.gids = 16, .declared_gids = 16}) == CallFault::kNone);
  CHECK(fault({.gids = 17, .declared_gids = 17}) == CallFault::kBadCredentials);
  CHECK(fault({.declared_gids = 0xffffffff}) == CallFault::kBadCredentials);
  CHECK(fault({.gids = 2}) == CallFault::kBadCredentials);
  CHECK(fault({.machine_name_bytes = 255}) == CallFault::kNone);
  CHECK(fault({.machine_name_bytes = 256}) == CallFault::kBadCredentials);
  CHECK(fault({.machine_name_bytes = 500}) == CallFault::kMalformed);  // over 400 bytes in all
}

TEST_CASE("a header that ends early is malformed at any length") {
  const std::string whole = CallOf({});
  CallHeader call;
  REQUIRE(DecodeCall(whole, &call) == CallFault::kNone);
  for (size_t length = 0; length < call.arguments_at; ++length) {
    CallHeader cut;
    CHECK(DecodeCall(std::string_view(whole).substr(0, length), &cut) == CallFault::kMalformed);
  }
}

TEST_CASE("random headers are survived") {
  std::mt19937 random(11);
  const std::string whole = CallOf({});
  for (int round = 0; round < 20'000; ++round) {
    std::string record = whole;
    for (int flips = 1 + static_cast<int>(random() % 4); flips > 0; --flips) {
      record[random() % record.size()] = static_cast<char>(random());
    }
    CallHeader call;
    if (DecodeCall(record, &call) == CallFault::kNone) CHECK(call.arguments_at <= record.size());
  }
}

TEST_CASE("replies as RFC 5531 section 9 draws them") {
  const auto words = [](std::string bytes) {
    std::vector<uint32_t> out;
    xdr::Reader reader(Buffer::FromString(std::move(bytes)));
    while (reader.remaining() > 0) out.push_back(reader.U32());
    return out;
  };
  using Words = std::vector<uint32_t>;
  CHECK(EncodeAccepted(9, AcceptStatus::kSuccess, 4).size() == kReplyHeaderBytes);
  CHECK(words(EncodeAccepted(9, AcceptStatus::kSuccess, 4)) == Words{9, 1, 0, 0, 0, 0});
  CHECK(words(EncodeAccepted(9, AcceptStatus::kProgramUnavailable, 4)) == Words{9, 1, 0, 0, 0, 1});
  CHECK(words(EncodeAccepted(9, AcceptStatus::kProgramMismatch, 4)) ==
        Words{9, 1, 0, 0, 0, 2, 4, 4});
  CHECK(words(EncodeAccepted(9, AcceptStatus::kGarbageArguments, 4)) == Words{9, 1, 0, 0, 0, 4});
  CHECK(words(EncodeDenied(9, CallFault::kRpcMismatch)) == Words{9, 1, 1, 0, 2, 2});
  CHECK(words(EncodeDenied(9, CallFault::kBadCredentials)) == Words{9, 1, 1, 1, 1});
  CHECK(words(EncodeDenied(9, CallFault::kTooWeak)) == Words{9, 1, 1, 1, 5});
}

}  // namespace
}  // namespace openefs::rpc
