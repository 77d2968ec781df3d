#include "metadata/store/recent_rows.h"

#include <catch2/catch.hpp>
#include <map>
#include <random>

namespace openefs::metadata {
namespace {

using Row = std::optional<std::string>;

TEST_CASE("rows are as they were remembered last, also those that are not there") {
  RecentRows rows;
  CHECK(rows.Find("a") == nullptr);
  rows.Remember("a", "1");
  rows.Remember("none", std::nullopt);
  REQUIRE(rows.Find("a") != nullptr);
  CHECK(*rows.Find("a") == Row("1"));
  CHECK(*rows.Find("none") == Row());
  rows.Remember("a", std::nullopt);
  rows.Remember("none", "2");
  CHECK(*rows.Find("a") == Row());
  CHECK(*rows.Find("none") == Row("2"));
  // A row that grew too large to be kept is not found as it was.
  rows.Remember("none", std::string(RecentRows::kMaxValueBytes + 1, 'x'));
  CHECK(rows.Find("none") == nullptr);
  rows.Clear();
  CHECK(rows.Find("a") == nullptr);
  CHECK(rows.bytes() == 0);
}

TEST_CASE("what is found is what was remembered, in bounded memory") {
  RecentRows rows;
  std::map<std::string, Row> truth;
  std::mt19937_64 random(20);
  const auto some_key = [&] { return "key-" + std::to_string(random() % 12'000); };
  size_t found = 0;
  for (int round = 0; round < 12'000; ++round) {
    const std::string key = some_key();
    Row value;
    // Some of them too large to be kept.
    if (random() % 4 != 0) value = std::string(random() % (2 * RecentRows::kMaxValueBytes), 'x');
    rows.Remember(key, value);
    truth[key] = value;
    for (int i = 0; i < 2; ++i) {
      const std::string other = some_key();
      const Row* row = rows.Find(other);
      if (row == nullptr) continue;
      ++found;
      REQUIRE(*row == truth.at(other));
    }
    REQUIRE(rows.bytes() <= RecentRows::kMaxBytes + 2 * RecentRows::kMaxValueBytes);
  }
  CHECK(found > 1'000);
  CHECK(rows.bytes() > RecentRows::kMaxBytes / 4);
}

}  // namespace
}  // namespace openefs::metadata
