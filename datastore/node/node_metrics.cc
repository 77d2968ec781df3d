#include "datastore/node/node_metrics.h"

#include <string>

namespace openefs::datastore {
namespace {

metrics::Labels Of(NodeId node) { return {{"node", std::to_string(node)}}; }

metrics::Counter& Count(NodeId node, const std::string& name, const std::string& help) {
  return metrics::GetCounter("openefs_datanode_" + name, help, Of(node));
}
metrics::Gauge& Level(NodeId node, const std::string& name, const std::string& help) {
  return metrics::GetGauge("openefs_datanode_" + name, help, Of(node));
}
metrics::LatencyHistogram& Time(NodeId node, const std::string& name, const std::string& help) {
  return metrics::GetLatency("openefs_datanode_" + name, help, Of(node));
}

}  // namespace

NodeMetrics::NodeMetrics(NodeId node)
    : put(Time(node, "put_seconds", "Time from a put to its acknowledgement")),
      get(Time(node, "get_seconds", "Time from a get to its answer")),
      sync(Time(node, "sync_seconds", "Time to write and sync one batch")),
      put_bytes(Count(node, "put_bytes_total", "Fragment bytes acknowledged")),
      get_bytes(Count(node, "get_bytes_total", "Fragment bytes returned")),
      log_bytes(Count(node, "log_bytes_total", "Bytes written to segment files")),
      batched(Count(node, "batched_total", "Puts, deletes and moves made durable")),
      uncached_reads(Count(node, "uncached_reads_total", "Reads that had to wait for the disk")),
      compacted_bytes(Count(node, "compacted_bytes_total", "Bytes of segments given back")),
      scrubbed_bytes(Count(node, "scrubbed_bytes_total", "Bytes read and checked by scrubbing")),
      queued_bytes(Level(node, "queued_bytes", "Bytes that wait to be written")),
      fragments(Level(node, "fragments", "Fragments stored")),
      live_bytes(Level(node, "live_bytes", "Bytes of segments that hold fragments")),
      dead_bytes(Level(node, "dead_bytes", "Bytes of segments that compaction can give back")),
      free_bytes(Level(node, "free_bytes", "Free space of the disk")),
      corrupt_blocks(Level(node, "corrupt_blocks", "Corrupt blocks found since the start")),
      failing(Level(node, "failing", "1: the disk failed, nothing is acknowledged")) {}

void NodeMetrics::Show(const pb::DataNodeStatus& status) {
  fragments.Set(static_cast<int64_t>(status.fragments()));
  live_bytes.Set(static_cast<int64_t>(status.live_bytes()));
  dead_bytes.Set(static_cast<int64_t>(status.dead_bytes()));
  free_bytes.Set(static_cast<int64_t>(status.free_bytes()));
  corrupt_blocks.Set(static_cast<int64_t>(status.corrupt_blocks()));
  failing.Set(status.failing() ? 1 : 0);
}

}  // namespace openefs::datastore
