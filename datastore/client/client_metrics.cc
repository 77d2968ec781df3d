#include "datastore/client/client_metrics.h"

namespace openefs::datastore {

ClientMetrics& ClientMetrics::Get() {
  using metrics::GetCounter;
  using metrics::GetGauge;
  using metrics::GetLatency;
  static ClientMetrics all{
      GetLatency("openefs_blob_write_seconds", "Time from a blob write to its acknowledgement"),
      GetLatency("openefs_blob_read_seconds", "Time from a blob read to its answer"),
      GetCounter("openefs_blob_write_bytes_total", "Bytes of blobs acknowledged"),
      GetCounter("openefs_blob_read_bytes_total", "Bytes of blobs returned"),
      GetCounter("openefs_blob_failed_writes_total", "Blob writes that ended with an error"),
      GetCounter("openefs_blob_failed_reads_total", "Blob reads that ended with an error"),
      GetCounter("openefs_blob_retried_puts_total", "Fragment puts that failed and were repeated"),
      GetCounter("openefs_blob_late_fragments_total",
                 "Fragments not durable yet when their write was acknowledged"),
      GetCounter("openefs_blob_rebuilt_fragments_total",
                 "Fragments rebuilt from others by reads and repairs"),
      GetGauge("openefs_blob_writes_waiting", "Blob writes that wait for others to end"),
      GetCounter("openefs_blob_cache_hits_total", "Blob reads answered from memory"),
      GetCounter("openefs_blob_cache_misses_total", "Blob reads that went to data nodes"),
      GetCounter("openefs_blob_read_ahead_bytes_total", "Bytes of blobs fetched before asked for"),
      GetGauge("openefs_blob_cache_bytes", "Memory that cached bytes of blobs take")};
  return all;
}

}  // namespace openefs::datastore
