#include "common/random.h"

#include <catch2/catch.hpp>
#include <set>

namespace openefs {

TEST_CASE("a seed fixes the sequence") {
  SeededRandom a(7), b(7), c(8);
  const std::string first = a.Bytes(33);
  CHECK(first == b.Bytes(33));
  CHECK(first != c.Bytes(33));
  CHECK(first != a.Bytes(33));
}

TEST_CASE("system randomness does not repeat") {
  std::set<uint64_t> seen;
  for (int i = 0; i < 1000; ++i) seen.insert(SystemRandom::Get()->Next64());
  CHECK(seen.size() == 1000);
  CHECK(SystemRandom::Get()->Bytes(0).empty());
  CHECK(SystemRandom::Get()->Bytes(1000).size() == 1000);
}

}  // namespace openefs
