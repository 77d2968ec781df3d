#include "metadata/store/recent_rows.h"

#include <catch2/catch.hpp>
#include <random>

namespace openefs::metadata {
namespace {

std::optional<std::string> Read(const KvSnapshot& view, const std::string& key) {
  std::string value;
  if (!view.Get(key, &value)) return std::nullopt;
  return value;
}

// Counts what reaches the engine.
class Counted final : public KvSnapshot {
 public:
  Counted(std::unique_ptr<KvSnapshot> base, int* reads) : base_(std::move(base)), reads_(reads) {}
  bool Get(absl::string_view key, std::string* value) const override {
    ++*reads_;
    return base_->Get(key, value);
  }
  std::unique_ptr<KvIterator> Scan(absl::string_view begin, absl::string_view end) const override {
    return base_->Scan(begin, end);
  }

 private:
  const std::unique_ptr<KvSnapshot> base_;
  int* const reads_;
};

TEST_CASE("rows read or written once are not looked for again, nor those that are not there") {
  const std::unique_ptr<KvEngine> engine = MakeMemoryKv();
  RecentRows rows;
  const KvWrites writes = {{"a", "1"}, {"b", "2"}};
  REQUIRE(engine->Write(writes).ok());
  int reads = 0;
  for (int i = 0; i < 3; ++i) {
    const auto view = rows.Over(std::make_unique<Counted>(engine->Snapshot(), &reads));
    CHECK(Read(*view, "a") == "1");
    CHECK(Read(*view, "none") == std::nullopt);
  }
  CHECK(reads == 2);
  const KvWrites more = {{"a", std::nullopt}, {"none", "3"}, {"c", "4"}};
  REQUIRE(engine->Write(more).ok());
  rows.Note(more);
  const auto view = rows.Over(std::make_unique<Counted>(engine->Snapshot(), &reads));
  CHECK(Read(*view, "a") == std::nullopt);
  CHECK(Read(*view, "none") == "3");
  CHECK(Read(*view, "c") == "4");
  CHECK(reads == 2);
  CHECK(view->Scan("a", "z")->Key() == "b");
  rows.Clear();
  CHECK(Read(*view, "c") == "4");
  CHECK(reads == 3);
}

TEST_CASE("the view equals the engine whatever was read and written, in bounded memory") {
  const std::unique_ptr<KvEngine> engine = MakeMemoryKv();
  RecentRows rows;
  std::mt19937_64 random(20);
  const auto some_key = [&] { return "key-" + std::to_string(random() % 12'000); };
  for (int round = 0; round < 600; ++round) {
    KvWrites writes;
    for (int i = 0; i < 20; ++i) {
      std::optional<std::string> value;
      // Some of them too large to be kept.
      if (random() % 4 != 0) value = std::string(random() % (2 * RecentRows::kMaxValueBytes), 'x');
      writes.emplace_back(some_key(), std::move(value));
    }
    REQUIRE(engine->Write(writes).ok());
    rows.Note(writes);
    const auto view = rows.Over(engine->Snapshot());
    const auto truth = engine->Snapshot();
    for (int i = 0; i < 40; ++i) {
      const std::string key = some_key();
      REQUIRE(Read(*view, key) == Read(*truth, key));
    }
    REQUIRE(rows.bytes() <= RecentRows::kMaxBytes + 2 * RecentRows::kMaxValueBytes);
  }
  CHECK(rows.bytes() > RecentRows::kMaxBytes / 4);
}

}  // namespace
}  // namespace openefs::metadata
