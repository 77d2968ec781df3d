// Every metric of the process, for whoever exports them.
#pragma once

#include <functional>
#include <string>

#include "common/metrics/metrics.h"

namespace openefs::metrics {

struct Series {
  const Labels& labels;
  // Exactly one is set, the same one for all series of a family.
  const Counter* counter = nullptr;
  const Gauge* gauge = nullptr;
  const LatencyHistogram* latency = nullptr;
};

struct FamilyView {
  const std::string& name;
  const std::string& help;
  std::function<void(const std::function<void(const Series&)>&)> for_each_series;
};

// Visits all families in the order of their names. New metrics wait meanwhile: do not block.
void VisitMetrics(const std::function<void(const FamilyView&)>& visit);

}  // namespace openefs::metrics
