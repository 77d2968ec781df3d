#include "server/nfs4/operation_metrics.h"

#include <array>
#include <string>

#include "common/metrics/metrics.h"
#include "server/nfs4/operation_table.h"

namespace openefs::nfs4 {
namespace {

struct OperationMetrics {
  metrics::LatencyHistogram& seconds;
  metrics::Counter& delayed;
  metrics::Counter& faults;
  metrics::Counter& errors;
};

OperationMetrics* MakeMetrics(const std::string& name) {
  const auto errors = [&name](const char* kind) -> metrics::Counter& {
    return metrics::GetCounter("openefs_nfs_operation_errors_total",
                               "NFS operations that did not end with NFS4_OK, by kind of error",
                               {{"operation", name}, {"kind", kind}});
  };
  // Lives until the process ends, as metrics do.
  return new OperationMetrics{
      metrics::GetLatency("openefs_nfs_operation_seconds",
                          "Time from the begin of an operation's run to its result",
                          {{"operation", name}}),
      errors("delay"), errors("serverfault"), errors("other")};
}

// By opcode; index 0 is for those that are not served.
using MetricsTable = std::array<OperationMetrics*, OP_RECLAIM_COMPLETE + 1>;

MetricsTable MakeTable() {
  MetricsTable table{};
  table[0] = MakeMetrics("ILLEGAL");
  for (uint32_t opcode = 1; opcode < table.size(); ++opcode) {
    const TableEntry* entry = FindOperation(opcode);
    table[opcode] = entry == nullptr ? table[0] : MakeMetrics(std::string(entry->info->name));
  }
  return table;
}

}  // namespace

void CountOperation(uint32_t opcode, nfsstat4 status, int64_t duration_ns) {
  static const MetricsTable table = MakeTable();
  OperationMetrics& metrics = *table[opcode < table.size() ? opcode : 0];
  metrics.seconds.ObserveNs(duration_ns);
  switch (status) {
    case NFS4_OK:
      return;
    case NFS4ERR_DELAY:
      return metrics.delayed.Add();
    case NFS4ERR_SERVERFAULT:
      return metrics.faults.Add();
    default:
      return metrics.errors.Add();
  }
}

}  // namespace openefs::nfs4
