#include "metadata/service/service_metrics.h"

#include <array>
#include <atomic>
#include <string>

#include "common/metrics/metrics.h"
#include "google/protobuf/descriptor.h"

namespace openefs::metadata {
namespace {

constexpr size_t kKinds = 256;

metrics::LatencyHistogram& MakeHistogram(uint8_t kind) {
  const auto* field = pb::Operation::descriptor()->FindFieldByNumber(kind);
  return metrics::GetLatency("openefs_metadata_operation_seconds",
                             "Time of the segments that carried the operation",
                             {{"operation", field == nullptr ? "unknown" : field->name()}});
}

// Looked up by name once; afterwards one load.
metrics::LatencyHistogram& HistogramOf(uint8_t kind) {
  static std::array<std::atomic<metrics::LatencyHistogram*>, kKinds> histograms{};
  metrics::LatencyHistogram* histogram = histograms[kind].load(std::memory_order_acquire);
  if (histogram == nullptr) {
    histogram = &MakeHistogram(kind);
    histograms[kind].store(histogram, std::memory_order_release);
  }
  return *histogram;
}

}  // namespace

OperationKinds KindsOf(const pb::SegmentRequest& request) {
  OperationKinds kinds;
  for (const pb::Operation& operation : request.operations()) {
    kinds.push_back(static_cast<uint8_t>(operation.kind_case()));
  }
  return kinds;
}

void ObserveSegment(const OperationKinds& kinds, int64_t elapsed_ns) {
  for (uint8_t kind : kinds) HistogramOf(kind).ObserveNs(elapsed_ns);
}

void ObserveEntry(size_t segments) {
  static metrics::Counter& entries =
      metrics::GetCounter("openefs_metadata_entries_total", "Entries proposed to the log");
  static metrics::Counter& carried = metrics::GetCounter(
      "openefs_metadata_entry_segments_total", "Segments carried by the entries proposed");
  entries.Add();
  carried.Add(segments);
}

void CountRefused(const char* limit) {
  metrics::GetCounter("openefs_metadata_refused_total",
                      "Segments refused because a limit was reached", {{"limit", limit}})
      .Add();
}

void CountJoined() {
  static metrics::Counter& joined = metrics::GetCounter(
      "openefs_metadata_joined_total", "Segments joined to a copy of themselves in flight");
  joined.Add();
}

namespace {
metrics::Labels GroupLabels(uint32_t node, uint32_t group) {
  return {{"node", std::to_string(node)}, {"group", std::to_string(group)}};
}
}  // namespace

void CountDifference(uint32_t node, uint32_t group) {
  metrics::GetCounter("openefs_metadata_state_differences_total",
                      "Comparisons that showed another state than a peer's",
                      GroupLabels(node, group))
      .Add();
}

void SetAgreedIndex(uint32_t node, uint32_t group, uint64_t index) {
  metrics::GetGauge("openefs_metadata_state_agreed_index",
                    "Last entry after which a majority had this replica's state",
                    GroupLabels(node, group))
      .Set(static_cast<int64_t>(index));
}

void SetDepths(uint32_t node, uint32_t group, const GroupDepths& depths) {
  const metrics::Labels labels = GroupLabels(node, group);
  auto set = [&labels](const char* name, const char* help, size_t value) {
    metrics::GetGauge(name, help, labels).Set(static_cast<int64_t>(value));
  };
  set("openefs_metadata_mutations_queued", "Mutating segments queued or in the log",
      depths.mutations);
  set("openefs_metadata_mutation_bytes_queued", "Bytes of mutating segments queued or in the log",
      depths.mutation_bytes);
  set("openefs_metadata_reads_queued", "Reading segments under way", depths.reads);
  set("openefs_metadata_clients", "NFS clients with a lease (leader only)", depths.clients);
  set("openefs_metadata_lapsed_clients", "Clients whose lease has run out (leader only)",
      depths.lapsed);
  set("openefs_metadata_leading", "1 while this node leads the group", depths.leading ? 1 : 0);
}

}  // namespace openefs::metadata
