// The engines that a test body runs over: TEMPLATE_LIST_TEST_CASE("...", "", AllEngines).
#pragma once

#include <catch2/catch.hpp>
#include <memory>
#include <string>
#include <tuple>

#include "metadata/store/kv.h"
#include "tests/common/temp_dir.h"

namespace openefs::metadata {

struct MemoryEngine {
  std::unique_ptr<KvEngine> Open() { return MakeMemoryKv(); }
};

struct RocksEngine {
  std::unique_ptr<KvEngine> Open() {
    auto engine = OpenRocksKv(directory / "kv");
    REQUIRE(engine.ok());
    return *std::move(engine);
  }
  TempDir directory;
};

using AllEngines = std::tuple<MemoryEngine, RocksEngine>;

}  // namespace openefs::metadata
