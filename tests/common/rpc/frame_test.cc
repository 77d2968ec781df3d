#include "common/rpc/frame.h"

#include <catch2/catch.hpp>
#include <cstring>
#include <string>

#include "common/random.h"

namespace openefs::rpc {
namespace {

std::string Join(const BufferList& pieces) {
  std::string all;
  for (const Buffer& piece : pieces) all += piece.view();
  return all;
}

// The same bytes in pieces of `step`, as a network may deliver them.
BufferList Cut(const std::string& bytes, size_t step) {
  BufferList pieces;
  const Buffer whole = Buffer::Copy(bytes);
  for (size_t at = 0; at < bytes.size(); at += step) pieces.push_back(whole.Slice(at, step));
  return pieces;
}

Frame Request(uint64_t id, std::string header, BufferList payload = {}) {
  return {.kind = FrameKind::kRequest,
          .method = 7,
          .call_id = id,
          .message = {std::move(header), std::move(payload)}};
}

std::string EncodeOne(Frame frame) {
  Outbox outbox;
  outbox.Push(std::move(frame));
  return Join(outbox.TakeBatch());
}

std::string WithByte(std::string bytes, size_t at, char value) {
  bytes[at] = value;
  return bytes;
}

bool Rejects(const std::string& bytes) {
  return absl::IsInvalidArgument(DecodeBatch({Buffer::Copy(bytes)}).status());
}

}  // namespace

TEST_CASE("a frame has the documented layout") {
  const std::string bytes = EncodeOne(Request(0x0102030405060708, "hd", {Buffer::Copy("pay")}));
  const std::string expected(
      "\x01\x00\x00\x00\x07\x00\x00\x00\x08\x07\x06\x05\x04\x03\x02\x01"
      "\x02\x00\x00\x00\x03\x00\x00\x00hdpay",
      kFramePrefixBytes + 5);
  CHECK(bytes == expected);
}

TEST_CASE("frames come back whole however their bytes are cut") {
  SeededRandom random(1);
  const size_t sizes[] = {0, 1, 23, 1023, 1024, 1025, 70'000};
  std::vector<Frame> sent;
  Outbox outbox;
  for (const size_t header_bytes : sizes) {
    for (const size_t payload_bytes : sizes) {
      BufferList payload = Cut(random.Bytes(payload_bytes), 1 + payload_bytes / 3);
      sent.push_back(Request(sent.size(), random.Bytes(header_bytes), std::move(payload)));
      outbox.Push(sent.back());
    }
  }
  size_t total = 0;
  for (const Frame& frame : sent) total += FrameBytes(frame);
  CHECK(outbox.bytes() == total);
  const std::string bytes = Join(outbox.TakeBatch());
  CHECK(outbox.empty());
  CHECK(outbox.bytes() == 0);
  for (const size_t step : {size_t{7}, size_t{24}, size_t{8192}, bytes.size()}) {
    const auto received = DecodeBatch(Cut(bytes, step));
    REQUIRE(received.ok());
    REQUIRE(received->size() == sent.size());
    bool same = true;
    for (size_t i = 0; i < sent.size(); ++i) {
      const Frame& frame = (*received)[i];
      same = same && frame.call_id == i && frame.method == 7 &&
             frame.message.header == sent[i].message.header &&
             Join(frame.message.payload) == Join(sent[i].message.payload);
    }
    CHECK(same);
  }
}

TEST_CASE("payloads are shared with the batch, not copied") {
  const Buffer payload = Buffer::FromString(std::string(100'000, 'p'));
  Outbox outbox;
  outbox.Push(Request(1, "h", {payload}));
  const BufferList batch = outbox.TakeBatch();
  REQUIRE(batch.size() == 2);
  CHECK(batch[1].data() == payload.data());
  const auto frames = DecodeBatch(batch);
  REQUIRE(frames.ok());
  CHECK(frames->at(0).message.payload.at(0).data() == payload.data());
}

TEST_CASE("batches stay within their bounds") {
  Outbox outbox;
  for (size_t i = 0; i < kMaxBatchFrames + 1; ++i) outbox.Push(Request(i, ""));
  CHECK(DecodeBatch(outbox.TakeBatch())->size() == kMaxBatchFrames);
  CHECK(DecodeBatch(outbox.TakeBatch())->size() == 1);
  const Buffer large = Buffer::FromString(std::string(kBatchBytes - 1000, 'x'));
  for (uint64_t i = 0; i < 4; ++i) outbox.Push(Request(i, "", {large}));
  CHECK(DecodeBatch(outbox.TakeBatch())->size() == 2);
  outbox.Clear();
  CHECK(outbox.empty());
}

TEST_CASE("hostile batches are refused") {
  const std::string good = EncodeOne(Request(1, "header", {Buffer::Copy("payload")}));
  REQUIRE_FALSE(Rejects(good));
  for (size_t length = 1; length < good.size(); ++length) CHECK(Rejects(good.substr(0, length)));
  CHECK(Rejects(good + "x"));
  CHECK(Rejects(WithByte(good, 0, 0)));
  CHECK(Rejects(WithByte(good, 0, 4)));
  CHECK(Rejects(WithByte(good, 0, '\xff')));
  CHECK(Rejects(WithByte(good, 1, 1)));   // a status in a request
  CHECK(Rejects(WithByte(good, 2, 1)));   // reserved
  CHECK(Rejects(WithByte(good, 19, 1)));  // header length 16 MiB
  CHECK(Rejects(WithByte(good, 23, '\xff')));
  std::string both = good;  // lengths whose sum wraps in 32 bits
  std::memset(both.data() + 16, 0xff, 8);
  CHECK(Rejects(both));
  std::string reply = WithByte(good, 0, 2);
  CHECK_FALSE(Rejects(WithByte(reply, 1, 16)));
  CHECK(Rejects(WithByte(reply, 1, 17)));
  CHECK(DecodeBatch({})->empty());
}

TEST_CASE("too many frames in a batch are refused") {
  const std::string one = EncodeOne(Request(1, ""));
  std::string many;
  for (size_t i = 0; i <= kMaxBatchFrames; ++i) many += one;
  CHECK(Rejects(many));
  many.resize(many.size() - one.size());
  CHECK_FALSE(Rejects(many));
}

TEST_CASE("random bytes never crash the decoder") {
  SeededRandom random(42);
  const std::string good = EncodeOne(Request(1, "header", {Buffer::Copy("payload")}));
  int decoded = 0;
  for (int round = 0; round < 20'000; ++round) {
    std::string bytes = good + good;
    for (uint64_t flips = random.Next64() % 4 + 1; flips > 0; --flips) {
      bytes[random.Next64() % bytes.size()] = static_cast<char>(random.Next64());
    }
    decoded += DecodeBatch(Cut(bytes, 1 + random.Next64() % 40)).ok();
  }
  CHECK(decoded > 0);
}

}  // namespace openefs::rpc
