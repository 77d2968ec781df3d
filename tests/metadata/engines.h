// The engines that a test body runs over: TEMPLATE_LIST_TEST_CASE("...", "", AllEngines).
#pragma once

#include <catch2/catch.hpp>
#include <memory>
#include <string>
#include <tuple>
#include <utility>

#include "metadata/store/kv.h"
#include "tests/common/temp_dir.h"

namespace openefs::metadata {

struct MemoryEngine {
  static constexpr bool kOnDisk = false;
  std::unique_ptr<KvEngine> Open() { return MakeMemoryKv(); }
};

struct RocksEngine {
  static constexpr bool kOnDisk = true;
  std::unique_ptr<KvEngine> Open(InstallFaultHook fault = nullptr) {
    auto engine = OpenRocksKv(directory / "kv", std::move(fault));
    REQUIRE(engine.ok());
    return *std::move(engine);
  }
  TempDir directory;
};

// As a node has it, with so little room that rows go down all the time.
struct WriteBehindEngine {
  static constexpr bool kOnDisk = false;
  std::unique_ptr<KvEngine> Open() { return MakeWriteBehindKv(MakeMemoryKv(), {.rows = 50}); }
};

using AllEngines = std::tuple<MemoryEngine, RocksEngine, WriteBehindEngine>;

}  // namespace openefs::metadata
