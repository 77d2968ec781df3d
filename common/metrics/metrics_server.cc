#include "common/metrics/metrics_server.h"

#include <prometheus/collectable.h>
#include <prometheus/exposer.h>
#include <prometheus/metric_family.h>
#include <unistd.h>

#include <cmath>
#include <cstdio>
#include <exception>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "common/metrics/registry.h"

namespace openefs::metrics {
namespace {

constexpr size_t kServerThreads = 2;  // a scraper and a person looking

prometheus::MetricType TypeOf(const Series& series) {
  if (series.counter != nullptr) return prometheus::MetricType::Counter;
  if (series.gauge != nullptr) return prometheus::MetricType::Gauge;
  return prometheus::MetricType::Histogram;
}

prometheus::ClientMetric::Histogram ToHistogram(const LatencyHistogram& latency) {
  prometheus::ClientMetric::Histogram histogram;
  uint64_t count = 0;
  for (int bucket = 0; bucket <= LatencyHistogram::kBuckets; ++bucket) {
    count += latency.BucketCount(bucket);
    const bool last = bucket == LatencyHistogram::kBuckets;
    histogram.bucket.push_back({count, last ? INFINITY : std::ldexp(1e-6, bucket)});
  }
  histogram.sample_count = count;
  histogram.sample_sum = static_cast<double>(latency.SumNs()) / 1e9;
  return histogram;
}

prometheus::ClientMetric ToMetric(const Series& series) {
  prometheus::ClientMetric metric;
  for (const auto& [key, value] : series.labels) metric.label.push_back({key, value});
  if (series.counter != nullptr) metric.counter.value = series.counter->Value();
  if (series.gauge != nullptr) metric.gauge.value = series.gauge->Value();
  if (series.latency != nullptr) metric.histogram = ToHistogram(*series.latency);
  return metric;
}

prometheus::MetricFamily ToFamily(const FamilyView& view) {
  prometheus::MetricFamily family;
  family.name = view.name;
  family.help = view.help;
  view.for_each_series([&family](const Series& series) {
    family.type = TypeOf(series);
    family.metric.push_back(ToMetric(series));
  });
  return family;
}

// The one figure about the process itself that every operator asks for first.
prometheus::MetricFamily ResidentMemory() {
  prometheus::MetricFamily family;
  family.name = "process_resident_memory_bytes";
  family.help = "Memory of this process that is in RAM";
  family.type = prometheus::MetricType::Gauge;
  unsigned long pages = 0;
  if (std::FILE* statm = std::fopen("/proc/self/statm", "re")) {
    if (std::fscanf(statm, "%*u %lu", &pages) != 1) pages = 0;
    std::fclose(statm);
  }
  family.metric.emplace_back().gauge.value =
      static_cast<double>(pages) * static_cast<double>(::sysconf(_SC_PAGESIZE));
  return family;
}

class AllMetrics final : public prometheus::Collectable {
 public:
  std::vector<prometheus::MetricFamily> Collect() const override {
    std::vector<prometheus::MetricFamily> families;
    VisitMetrics([&families](const FamilyView& view) { families.push_back(ToFamily(view)); });
    families.push_back(ResidentMemory());
    return families;
  }
};

class ExposerServer final : public MetricsServer {
 public:
  // Throws when the address cannot be bound.
  explicit ExposerServer(const std::string& address) : exposer_(address, kServerThreads) {
    exposer_.RegisterCollectable(all_);
  }

  int port() const override { return exposer_.GetListeningPorts().at(0); }

 private:
  const std::shared_ptr<AllMetrics> all_ = std::make_shared<AllMetrics>();
  prometheus::Exposer exposer_;  // its threads end before all_ does
};

}  // namespace

absl::StatusOr<std::unique_ptr<MetricsServer>> StartMetricsServer(const std::string& address) {
  try {
    return std::make_unique<ExposerServer>(address);
  } catch (const std::exception&) {  // its text says nothing about the address or the reason
    return absl::UnavailableError(
        absl::StrCat("cannot serve metrics on ", address, ": not a free local address"));
  }
}

}  // namespace openefs::metrics
