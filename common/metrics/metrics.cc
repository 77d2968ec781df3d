#include "common/metrics/metrics.h"

#include <algorithm>
#include <bit>
#include <memory>
#include <variant>

#include "absl/base/thread_annotations.h"
#include "common/check.h"
#include "common/metrics/registry.h"
#include "common/mutex.h"

namespace openefs::metrics {
namespace {

using Metric = std::variant<std::unique_ptr<Counter>, std::unique_ptr<Gauge>,
                            std::unique_ptr<LatencyHistogram>>;

struct Family {
  std::string help;
  size_t type = 0;  // index in Metric
  std::map<Labels, Metric> series;
};

class Registry {
 public:
  // Never destroyed: threads may count until the process is gone.
  static Registry& Get() {
    static auto* registry = new Registry;
    return *registry;
  }

  template <typename T>
  T& Find(const std::string& name, const std::string& help, const Labels& labels) {
    const size_t type = Metric(std::unique_ptr<T>()).index();
    MutexLock lock(mu_);
    const auto [family, is_new] = families_.try_emplace(name, Family{help, type, {}});
    OPENEFS_CHECK(family->second.type == type);
    auto& series = family->second.series;
    auto found = series.find(labels);
    if (found == series.end()) {
      const bool full = series.size() >= kMaxSeriesPerName;
      found = series.try_emplace(full ? Labels{{"overflow", "true"}} : labels).first;
    }
    auto* slot = std::get_if<std::unique_ptr<T>>(&found->second);
    if (slot == nullptr || *slot == nullptr) {
      slot = &found->second.template emplace<std::unique_ptr<T>>(std::make_unique<T>());
    }
    return **slot;
  }

  void Visit(const std::function<void(const FamilyView&)>& visit) {
    MutexLock lock(mu_);
    for (const auto& [name, family] : families_) {
      visit({name, family.help, [&family = family](const auto& visit_series) {
               for (const auto& [labels, metric] : family.series) {
                 visit_series(ToSeries(labels, metric));
               }
             }});
    }
  }

 private:
  static Series ToSeries(const Labels& labels, const Metric& metric) {
    Series series{labels};
    if (const auto* counter = std::get_if<0>(&metric)) series.counter = counter->get();
    if (const auto* gauge = std::get_if<1>(&metric)) series.gauge = gauge->get();
    if (const auto* latency = std::get_if<2>(&metric)) series.latency = latency->get();
    return series;
  }

  Mutex mu_;
  std::map<std::string, Family> families_ ABSL_GUARDED_BY(mu_);
};

}  // namespace

void LatencyHistogram::ObserveNs(int64_t ns) {
  const uint64_t duration_ns = static_cast<uint64_t>(std::max<int64_t>(ns, 0));
  const uint64_t us = duration_ns / 1000 + (duration_ns % 1000 != 0);  // rounded up
  const int bucket = us <= 1 ? 0 : std::min<int>(std::bit_width(us - 1), kBuckets);
  buckets_[bucket].fetch_add(1, std::memory_order_relaxed);
  sum_ns_.fetch_add(duration_ns, std::memory_order_relaxed);
}

Counter& GetCounter(const std::string& name, const std::string& help, const Labels& labels) {
  return Registry::Get().Find<Counter>(name, help, labels);
}

Gauge& GetGauge(const std::string& name, const std::string& help, const Labels& labels) {
  return Registry::Get().Find<Gauge>(name, help, labels);
}

LatencyHistogram& GetLatency(const std::string& name, const std::string& help,
                             const Labels& labels) {
  return Registry::Get().Find<LatencyHistogram>(name, help, labels);
}

void VisitMetrics(const std::function<void(const FamilyView&)>& visit) {
  Registry::Get().Visit(visit);
}

}  // namespace openefs::metrics
