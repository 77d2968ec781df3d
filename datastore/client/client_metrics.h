// What a process counts about the blobs it writes and reads.
#pragma once

#include "common/metrics/metrics.h"

namespace openefs::datastore {

struct ClientMetrics {
  // The same ones for every client of the process.
  static ClientMetrics& Get();

  metrics::LatencyHistogram& write;  // from the call to the answer, waiting included
  metrics::LatencyHistogram& read;
  metrics::Counter& write_bytes;
  metrics::Counter& read_bytes;
  metrics::Counter& failed_writes;
  metrics::Counter& failed_reads;
  metrics::Counter& retried_puts;
  metrics::Counter& late_fragments;     // missing when their write was acknowledged
  metrics::Counter& rebuilt_fragments;  // by reads and repairs
  metrics::Gauge& writes_waiting;       // for other writes to end
  metrics::Counter& cache_hits;         // reads that found all their bytes in the cache
  metrics::Counter& cache_misses;
  metrics::Counter& read_ahead_bytes;
  metrics::Gauge& cached_bytes;
};

}  // namespace openefs::datastore
