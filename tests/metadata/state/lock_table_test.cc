// The algebra of byte ranges against a model that keeps one cell for each byte.
#include "metadata/state/lock_table.h"

#include <array>
#include <catch2/catch.hpp>
#include <optional>
#include <random>

namespace openefs::metadata {
namespace {

constexpr uint64_t kToEnd = ~uint64_t{0};
constexpr uint64_t kBytes = 24;  // of the model; its last cell stands for all that follows

using Model = std::array<std::optional<bool>, kBytes>;  // unset: free; else: exclusive

ByteRange ModelRange(uint64_t start, uint64_t end) {
  return {start, end == kBytes - 1 ? kToEnd : end};
}

Model ToModel(const std::vector<HeldRange>& ranges) {
  Model model;
  for (const HeldRange& held : ranges) {
    for (uint64_t i = held.range.start; i < kBytes && i <= held.range.end; ++i) {
      REQUIRE_FALSE(model[i].has_value());  // ranges never overlap
      model[i] = held.exclusive;
    }
  }
  return model;
}

void CheckCanonical(const std::vector<HeldRange>& ranges) {
  for (size_t i = 0; i < ranges.size(); ++i) {
    REQUIRE(ranges[i].range.start <= ranges[i].range.end);
    if (i == 0) continue;
    const HeldRange& before = ranges[i - 1];
    REQUIRE(before.range.end < ranges[i].range.start);
    const bool touches = before.range.end + 1 == ranges[i].range.start;
    REQUIRE_FALSE((touches && before.exclusive == ranges[i].exclusive));
  }
}

TEST_CASE("ranges replaced at random agree with a map of bytes") {
  for (uint32_t seed = 1; seed <= 40; ++seed) {
    INFO("seed " << seed);
    std::mt19937 random(seed);
    std::vector<HeldRange> ranges;
    Model model;
    for (int step = 0; step < 120; ++step) {
      uint64_t start = random() % kBytes;
      uint64_t end = start + random() % (kBytes - start);
      std::optional<bool> type;
      if (random() % 3 != 0) type = random() % 2 == 0;
      ranges = ReplaceRange(ranges, ModelRange(start, end), type);
      for (uint64_t i = start; i <= end; ++i) model[i] = type;
      CheckCanonical(ranges);
      REQUIRE(ToModel(ranges) == model);
    }
  }
}

TEST_CASE("a conflict is found exactly where the map of bytes has one") {
  std::mt19937 random(7);
  for (int round = 0; round < 300; ++round) {
    std::vector<HeldRange> all;
    std::array<Model, 3> models;
    for (uint64_t owner = 0; owner < 3; ++owner) {
      std::vector<HeldRange> own;
      for (int i = 0; i < 3; ++i) {
        uint64_t start = random() % kBytes;
        uint64_t end = start + random() % (kBytes - start);
        own = ReplaceRange(own, ModelRange(start, end), random() % 4 == 0);
      }
      models[owner] = ToModel(own);
      for (HeldRange& held : own) {
        held.client_id = owner / 2;  // owners 0 and 1 share a client
        held.owner = std::to_string(owner);
        all.push_back(held);
      }
    }
    const uint64_t asker = random() % 3;
    uint64_t start = random() % kBytes;
    uint64_t end = start + random() % (kBytes - start);
    const bool exclusive = random() % 2 == 0;
    bool expected = false;
    for (uint64_t owner = 0; owner < 3; ++owner) {
      for (uint64_t i = start; owner != asker && i <= end; ++i) {
        const auto& cell = models[owner][i];
        expected |= cell.has_value() && (exclusive || *cell);
      }
    }
    const HeldRange* found =
        FindConflict(all, ModelRange(start, end), exclusive, asker / 2, std::to_string(asker));
    REQUIRE((found != nullptr) == expected);
  }
}

TEST_CASE("the same owner name at two clients is two owners") {
  HeldRange held;
  held.range = {0, 9};
  held.exclusive = true;
  held.client_id = 1;
  held.owner = "x";
  const std::vector<HeldRange> ranges = {held};
  CHECK(FindConflict(ranges, {5, 5}, false, 1, "x") == nullptr);
  CHECK(FindConflict(ranges, {5, 5}, false, 2, "x") != nullptr);
  CHECK(FindConflict(ranges, {10, 10}, true, 2, "x") == nullptr);
}

TEST_CASE("lengths and overflow as RFC 8881 18.10.3 says") {
  auto make = [](uint64_t offset, uint64_t length, ByteRange* range) {
    pb::LockRange request;
    request.set_offset(offset);
    request.set_length(length);
    return MakeByteRange(request, range);
  };
  ByteRange range;
  CHECK(make(0, 0, &range) == pb::FS_INVAL);
  CHECK(make(5, kToEnd, &range) == pb::FS_OK);
  CHECK((range.start == 5 && range.end == kToEnd));
  CHECK(make(kToEnd, 1, &range) == pb::FS_OK);
  CHECK((range.start == kToEnd && range.end == kToEnd));
  CHECK(make(kToEnd, 2, &range) == pb::FS_INVAL);
  CHECK(make(2, kToEnd - 1, &range) == pb::FS_OK);
  CHECK(range.end == kToEnd);
  CHECK(make(3, kToEnd - 1, &range) == pb::FS_INVAL);
  CHECK(ToLockRange({5, kToEnd}).length() == kToEnd);
  CHECK(ToLockRange({5, 5}).length() == 1);
}

}  // namespace
}  // namespace openefs::metadata
