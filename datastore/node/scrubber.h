// Reads everything a data node holds, slowly, and checks it, so that corruption is found while the
// other fragments of a blob are still there to repair it.
#pragma once

#include <cstdint>

#include "absl/status/status.h"
#include "datastore/node/fragment_reader.h"
#include "datastore/node/index.h"
#include "datastore/node/node_metrics.h"
#include "datastore/node/rate_limit.h"
#include "datastore/node/segment_set.h"

namespace openefs::datastore {

// One thread.
class Scrubber {
 public:
  Scrubber(const Index* index, const SegmentSet* segments, const FragmentReader* reader,
           NodeMetrics* metrics)
      : index_(index), segments_(segments), reader_(reader), metrics_(metrics) {}

  // One pass over all segments there are at its beginning. Corrupt fragments are reported by the
  // reader. Stops early, with ABORTED, when `pace` is told to stop.
  absl::Status Pass(RateLimit* pace);

 private:
  absl::Status CheckSegment(uint64_t segment, RateLimit* pace);

  const Index* const index_;
  const SegmentSet* const segments_;
  const FragmentReader* const reader_;
  NodeMetrics* const metrics_;
};

}  // namespace openefs::datastore
