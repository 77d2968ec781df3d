#include "common/metrics/metrics.h"

#include <catch2/catch.hpp>
#include <limits>
#include <string>
#include <thread>
#include <vector>

#include "common/metrics/metrics_server.h"
#include "tests/common/http_get.h"

namespace openefs::metrics {
namespace {

bool Has(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

}  // namespace

TEST_CASE("a name and labels give the same metric") {
  Counter& a = GetCounter("openefs_test_same_total", "h", {{"op", "read"}});
  CHECK(&a == &GetCounter("openefs_test_same_total", "other help", {{"op", "read"}}));
  CHECK(&a != &GetCounter("openefs_test_same_total", "h", {{"op", "write"}}));
  CHECK(&a != &GetCounter("openefs_test_same_total", "h"));
}

TEST_CASE("threads that make and count the same metric lose nothing") {
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([] {
      for (int i = 0; i < 1000; ++i) GetCounter("openefs_test_race_total", "h").Add();
    });
  }
  for (std::thread& thread : threads) thread.join();
  CHECK(GetCounter("openefs_test_race_total", "h").Value() == 4000);
}

TEST_CASE("label values without end share one series") {
  const std::string name = "openefs_test_flood_total";
  for (size_t i = 0; i < kMaxSeriesPerName + 50; ++i) {
    GetCounter(name, "h", {{"client", std::to_string(i)}}).Add();
  }
  CHECK(GetCounter(name, "h", {{"client", "7"}}).Value() == 1);
  CHECK(GetCounter(name, "h", {{"overflow", "true"}}).Value() == 50);
  CHECK(&GetCounter(name, "h", {{"client", "new"}}) ==
        &GetCounter(name, "h", {{"overflow", "true"}}));
}

TEST_CASE("a duration lands in the bucket of its power of two") {
  const auto [ns, bucket] = GENERATE(table<int64_t, int>({
      {-5, 0},
      {0, 0},
      {1, 0},
      {1'000, 0},
      {1'001, 1},
      {2'000, 1},
      {2'001, 2},
      {4'000, 2},
      {1'000'000, 10},
      {(int64_t{1} << 26) * 1000, 26},
      {(int64_t{1} << 26) * 1000 + 1, 27},
      {std::numeric_limits<int64_t>::max(), 27},
  }));
  LatencyHistogram histogram;
  histogram.ObserveNs(ns);
  CHECK(histogram.BucketCount(bucket) == 1);
  CHECK(histogram.SumNs() == static_cast<uint64_t>(ns < 0 ? 0 : ns));
}

TEST_CASE("/metrics shows every metric") {
  GetCounter("openefs_test_bytes_total", "Bytes moved", {{"way", "in"}}).Add(12);
  GetGauge("openefs_test_depth", "Things waiting").Set(-3);
  LatencyHistogram& latency = GetLatency("openefs_test_seconds", "How long", {{"op", "x"}});
  latency.ObserveNs(1'500);
  latency.ObserveNs(int64_t{200} * 1'000'000'000);

  const auto server = StartMetricsServer("127.0.0.1:0");
  REQUIRE(server.ok());
  const std::string text = HttpGet((*server)->port(), "/metrics");
  CHECK(Has(text, "200 OK"));
  CHECK(Has(text, "# HELP openefs_test_bytes_total Bytes moved\n"));
  CHECK(Has(text, "openefs_test_bytes_total{way=\"in\"} 12"));
  CHECK(Has(text, "openefs_test_depth -3"));
  CHECK(Has(text, "openefs_test_seconds_bucket{op=\"x\",le=\"1e-06\"} 0"));
  CHECK(Has(text, "openefs_test_seconds_bucket{op=\"x\",le=\"+Inf\"} 2"));
  CHECK(Has(text, "openefs_test_seconds_count{op=\"x\"} 2"));
  CHECK(Has(text, "process_resident_memory_bytes "));
}

TEST_CASE("an address in use or unusable is one clear error") {
  const auto first = StartMetricsServer("127.0.0.1:0");
  REQUIRE(first.ok());
  const std::string taken = "127.0.0.1:" + std::to_string((*first)->port());
  for (const std::string& address : {taken, std::string("192.0.2.1:1"), std::string("no port")}) {
    const auto second = StartMetricsServer(address);
    CHECK(absl::IsUnavailable(second.status()));
    CHECK(Has(std::string(second.status().message()), address));
  }
}

TEST_CASE("a stopped server gives its port back") {
  auto first = StartMetricsServer("127.0.0.1:0");
  REQUIRE(first.ok());
  const int port = (*first)->port();
  first->reset();
  CHECK(HttpGet(port, "/metrics").empty());
  CHECK(StartMetricsServer("127.0.0.1:" + std::to_string(port)).ok());
}

}  // namespace openefs::metrics
