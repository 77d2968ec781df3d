#include "metadata/store/recent_rows.h"

#include <catch2/catch.hpp>
#include <map>
#include <random>

namespace openefs::metadata {
namespace {

using Row = std::optional<std::string>;

// What is remembered is copied.
void Remember(RecentRows& rows, const std::string& key, const Row& value) {
  rows.Remember(key, value);
}

bool Knows(RecentRows& rows, const std::string& key) { return rows.Find(key).has_value(); }

Row Find(RecentRows& rows, const std::string& key) {
  const std::optional<RecentRows::Value> found = rows.Find(key);
  REQUIRE(found.has_value());
  return found->has_value() ? Row(std::string((*found)->data(), (*found)->size())) : Row();
}

TEST_CASE("rows are as they were remembered last, also those that are not there") {
  RecentRows rows;
  CHECK(!Knows(rows, "a"));
  Remember(rows, "a", "1");
  Remember(rows, "none", std::nullopt);
  Remember(rows, "empty", "");
  CHECK(Find(rows, "a") == Row("1"));
  CHECK(Find(rows, "none") == Row());
  CHECK(Find(rows, "empty") == Row(""));
  Remember(rows, "a", std::nullopt);
  Remember(rows, "none", "2");
  Remember(rows, "empty", std::nullopt);
  CHECK(Find(rows, "a") == Row());
  CHECK(Find(rows, "none") == Row("2"));
  CHECK(Find(rows, "empty") == Row());
  Remember(rows, "none", "3");  // as long as before
  CHECK(Find(rows, "none") == Row("3"));
  // A row that grew too large to be kept is not found as it was.
  Remember(rows, "none", std::string(RecentRows::kMaxValueBytes + 1, 'x'));
  CHECK(!Knows(rows, "none"));
  rows.Drop("a");
  CHECK(!Knows(rows, "a"));
  rows.Clear();
  CHECK(!Knows(rows, "empty"));
  CHECK(rows.bytes() == 0);
}

TEST_CASE("only rows that are known are updated") {
  RecentRows rows;
  rows.Update("a", "1");
  CHECK(!Knows(rows, "a"));
  Remember(rows, "a", "1");
  rows.Update("a", "longer");
  CHECK(Find(rows, "a") == Row("longer"));
  rows.Update("a", std::nullopt);
  CHECK(Find(rows, "a") == Row());
  rows.Update("a", std::string(RecentRows::kMaxValueBytes + 1, 'x'));
  CHECK(!Knows(rows, "a"));
}

TEST_CASE("rows that somebody asks for outlive those that nobody does") {
  RecentRows rows(64 << 10);
  Remember(rows, "wanted", "value");
  for (int i = 0; i < 10'000; ++i) {
    Remember(rows, "once" + std::to_string(i), "value");
    REQUIRE(Knows(rows, "wanted"));
  }
  for (int i = 9'900; i < 10'000; ++i) CHECK(Knows(rows, "once" + std::to_string(i)));
  CHECK(!Knows(rows, "once0"));
  CHECK(rows.bytes() > 60 << 10);
  CHECK(rows.bytes() <= 64 << 10);
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
    Remember(rows, key, value);
    truth[key] = value;
    for (int i = 0; i < 2; ++i) {
      const std::string other = some_key();
      if (!Knows(rows, other)) continue;
      ++found;
      REQUIRE(Find(rows, other) == truth.at(other));
    }
    REQUIRE(rows.bytes() <= RecentRows::kMaxBytes);
  }
  CHECK(found > 1'000);
  CHECK(rows.bytes() > RecentRows::kMaxBytes / 4);
}

}  // namespace
}  // namespace openefs::metadata
