#include "common/rpc/rpc_metrics.h"

#include <array>

#include "common/metrics/metrics.h"

namespace openefs::rpc {
namespace {

// Method numbers below this have metrics of their own; channel.h uses far fewer.
constexpr size_t kMethods = 64;

// Looked up once per process: a look-up by name per call would cost more than the call's framing.
struct MethodMetrics {
  metrics::LatencyHistogram* call_seconds;
  metrics::Counter* failed;
  metrics::Counter* sent;
  metrics::Counter* dropped;
  metrics::Counter* served;
};

MethodMetrics Make(size_t number) {
  const metrics::Labels labels = {{"method", MethodName(static_cast<Method>(number))}};
  return {
      .call_seconds = &metrics::GetLatency("openefs_peer_call_seconds",
                                           "Calls to other roles, from call to reply", labels),
      .failed = &metrics::GetCounter("openefs_peer_failed_total",
                                     "Calls to other roles that ended with an error", labels),
      .sent = &metrics::GetCounter("openefs_peer_sent_total", "One-way messages sent", labels),
      .dropped =
          &metrics::GetCounter("openefs_peer_dropped_total",
                               "One-way messages dropped: no connection, or no room", labels),
      .served = &metrics::GetCounter("openefs_peer_served_total",
                                     "Calls and one-way messages taken in", labels),
  };
}

const MethodMetrics& Of(Method method) {
  static const auto* table = [] {
    auto* made = new std::array<MethodMetrics, kMethods>;
    for (size_t number = 0; number < kMethods; ++number) (*made)[number] = Make(number);
    return made;
  }();
  const auto number = static_cast<size_t>(method);
  return (*table)[number < kMethods ? number : 0];  // 0 is no method: "unknown"
}

}  // namespace

void CountCall(Method method, absl::StatusCode code, int64_t duration_ns) {
  Of(method).call_seconds->ObserveNs(duration_ns);
  if (code != absl::StatusCode::kOk) Of(method).failed->Add();
}

void CountOneWay(Method method, bool sent) { (sent ? Of(method).sent : Of(method).dropped)->Add(); }

void CountServed(Method method) { Of(method).served->Add(); }

}  // namespace openefs::rpc
