#include "server/rpc/record_assembler.h"

#include <algorithm>
#include <catch2/catch.hpp>
#include <cstring>
#include <random>
#include <string>
#include <vector>

namespace openefs::rpc {
namespace {

constexpr uint32_t kMaxRecord = 100'000;

std::string Fragment(std::string_view bytes, bool last) {
  const uint32_t mark = static_cast<uint32_t>(bytes.size()) | (last ? 0x80000000u : 0);
  std::string out;
  for (int shift = 24; shift >= 0; shift -= 8) out += static_cast<char>(mark >> shift);
  return out + std::string(bytes);
}

std::string Pattern(size_t bytes, uint32_t seed) {
  std::string out(bytes, '\0');
  for (size_t i = 0; i < bytes; ++i) out[i] = static_cast<char>(i * 31 + seed);
  return out;
}

// Feeds a stream in steps of at most `step` bytes and collects the records.
struct Outcome {
  std::vector<std::string> records;
  bool failed = false;
  bool in_record = false;
};
Outcome Feed(std::string_view stream, size_t step, uint32_t max_record = kMaxRecord) {
  RecordAssembler assembler(max_record);
  Outcome outcome;
  while (!assembler.failed()) {
    while (auto record = assembler.Next()) outcome.records.emplace_back(record->view());
    if (stream.empty() || assembler.failed()) break;
    const std::span<char> space = assembler.Space();
    const size_t bytes = std::min({space.size(), step, stream.size()});
    REQUIRE(bytes > 0);
    std::memcpy(space.data(), stream.data(), bytes);
    assembler.Received(bytes);
    stream.remove_prefix(bytes);
    assembler.ReleaseIfIdle();
  }
  outcome.failed = assembler.failed();
  outcome.in_record = assembler.in_record();
  return outcome;
}

TEST_CASE("records come out whole, however the bytes come in") {
  std::vector<std::string> records;
  std::string stream;
  for (const size_t bytes : {1, 3, 40, 200, 4096, 16'380, 16'384, 20'000, 70'000, 7, 100'000}) {
    records.push_back(Pattern(bytes, static_cast<uint32_t>(bytes)));
    stream += Fragment(records.back(), true);
  }
  for (const size_t step : {1, 2, 3, 5, 1000, 16'384, 1'000'000}) {
    const Outcome outcome = Feed(stream, step);
    CHECK_FALSE(outcome.failed);
    CHECK_FALSE(outcome.in_record);
    CHECK((outcome.records == records));
  }
}

TEST_CASE("fragments are put together") {
  std::mt19937 random(7);
  for (int round = 0; round < 50; ++round) {
    std::vector<std::string> records;
    std::string stream;
    for (int i = 0; i < 5; ++i) {
      const std::string record = Pattern(1 + random() % 30'000, static_cast<uint32_t>(round + i));
      std::string_view rest = record;
      for (uint32_t pieces = random() % 20; pieces > 0; --pieces) {
        const size_t bytes = random() % (rest.size() + 1);  // empty ones too
        stream += Fragment(rest.substr(0, bytes), false);
        rest.remove_prefix(bytes);
      }
      stream += Fragment(rest, true);
      records.push_back(record);
    }
    const Outcome outcome = Feed(stream, 1 + random() % 5000);
    CHECK_FALSE(outcome.failed);
    CHECK((outcome.records == records));
  }
}

TEST_CASE("a record over the limit fails before its bytes are there") {
  const auto mark = [](uint32_t value) {
    std::string out;
    for (int shift = 24; shift >= 0; shift -= 8) out += static_cast<char>(value >> shift);
    return out;
  };
  CHECK(Feed(mark(0x80000000u | (kMaxRecord + 1)), 4).failed);
  CHECK(Feed(mark(0xffffffffu), 4).failed);
  CHECK(Feed(mark(0x7fffffffu), 4).failed);
  CHECK(Feed(Fragment(Pattern(60'000, 1), false) + mark(0x80000000u | 40'001), 4096).failed);
  CHECK_FALSE(
      Feed(Fragment(Pattern(60'000, 1), false) + Fragment(Pattern(40'000, 2), true), 4096).failed);
}

TEST_CASE("an empty record and a flood of fragments fail") {
  CHECK(Feed(Fragment("", true), 4).failed);
  CHECK(Feed(Fragment("", false) + Fragment("", true), 4).failed);
  std::string flood;
  for (uint32_t i = 0; i < RecordAssembler::kMaxFragments; ++i) flood += Fragment("", false);
  CHECK(Feed(flood + Fragment("x", true), 100).failed);
  std::string many;
  for (uint32_t i = 1; i < RecordAssembler::kMaxFragments; ++i) many += Fragment("x", false);
  CHECK_FALSE(Feed(many + Fragment("x", true), 100).failed);
}

TEST_CASE("a stream that ends early is inside a record") {
  const std::string stream = Fragment(Pattern(50'000, 3), true);
  for (const size_t bytes : {1, 3, 4, 5, 20'000, 49'999}) {
    const Outcome outcome = Feed(std::string_view(stream).substr(0, bytes), 1000);
    CHECK(outcome.in_record);
    CHECK(outcome.records.empty());
  }
}

TEST_CASE("records stay as they are while later ones are received") {
  RecordAssembler assembler(kMaxRecord);
  std::vector<Buffer> held;
  for (uint32_t i = 0; i < 1000; ++i) {
    const std::string stream = Fragment(Pattern(100, i), true);
    std::string_view rest = stream;
    while (!rest.empty()) {
      const std::span<char> space = assembler.Space();
      const size_t bytes = std::min(space.size(), rest.size());
      std::memcpy(space.data(), rest.data(), bytes);
      assembler.Received(bytes);
      rest.remove_prefix(bytes);
      while (auto record = assembler.Next()) held.push_back(std::move(*record));
    }
  }
  REQUIRE(held.size() == 1000);
  for (uint32_t i = 0; i < 1000; ++i) CHECK((held[i].view() == Pattern(100, i)));
}

TEST_CASE("the data of a large record is received in place") {
  const std::string stream = Fragment(Pattern(90'000, 5), true);
  RecordAssembler assembler(kMaxRecord);
  size_t at = 0;
  size_t through_chunk = 0;
  while (at < stream.size()) {
    while (assembler.Next()) FAIL("it is not complete");
    const std::span<char> space = assembler.Space();
    if (space.size() <= RecordAssembler::kChunkBytes) through_chunk += space.size();
    const size_t bytes = std::min(space.size(), stream.size() - at);
    std::memcpy(space.data(), stream.data() + at, bytes);
    assembler.Received(bytes);
    at += bytes;
  }
  CHECK(assembler.Next().has_value());
  CHECK(through_chunk <= RecordAssembler::kChunkBytes);
}

}  // namespace
}  // namespace openefs::rpc
