// What a data node counts about itself (docs/datastore.md says what to look at).
#pragma once

#include "common/ids.h"
#include "common/metrics/metrics.h"
#include "proto/datastore.pb.h"

namespace openefs::datastore {

struct NodeMetrics {
  explicit NodeMetrics(NodeId node);

  // Brings the gauges up to date.
  void Show(const pb::DataNodeStatus& status);

  metrics::LatencyHistogram& put;   // from the call to the answer
  metrics::LatencyHistogram& get;   // the same
  metrics::LatencyHistogram& sync;  // write and fdatasync of one batch
  metrics::Counter& put_bytes;
  metrics::Counter& get_bytes;
  metrics::Counter& log_bytes;       // written to segments, with headers, moves and padding
  metrics::Counter& batched;         // put, delete and move in all batches
  metrics::Counter& uncached_reads;  // that a reader thread had to wait for
  metrics::Counter& compacted_bytes;
  metrics::Counter& scrubbed_bytes;
  metrics::Gauge& queued_bytes;
  metrics::Gauge& fragments;
  metrics::Gauge& live_bytes;
  metrics::Gauge& dead_bytes;
  metrics::Gauge& free_bytes;
  metrics::Gauge& corrupt_blocks;
  metrics::Gauge& failing;
};

}  // namespace openefs::datastore
