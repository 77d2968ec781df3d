// Gives the space of dead records back: what is alive in a segment is written again at the end of
// the log, then the segment file goes.
#pragma once

#include <cstdint>
#include <set>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "datastore/node/file.h"
#include "datastore/node/fragment_reader.h"
#include "datastore/node/index.h"
#include "datastore/node/log_writer.h"
#include "datastore/node/rate_limit.h"
#include "datastore/node/segment_set.h"

namespace openefs::datastore {

// One thread.
class Compactor {
 public:
  Compactor(FileSystem* files, std::string directory, Index* index, SegmentSet* segments,
            const FragmentReader* reader, LogWriter* writer, NodeMetrics* metrics)
      : files_(files),
        directory_(std::move(directory)),
        index_(index),
        segments_(segments),
        reader_(reader),
        writer_(writer),
        metrics_(metrics) {}

  // Empties and removes the segment that is most worth it. False: none is. A crash at any point
  // leaves every fragment readable; the segment's turn comes again. Stops early, with ABORTED, when
  // `pace` is told to stop.
  absl::StatusOr<bool> Step(RateLimit* pace);

 private:
  absl::Status Empty(uint64_t segment, RateLimit* pace);
  absl::Status Move(const StoredRecord& record);
  absl::Status Drop(uint64_t segment);

  FileSystem* const files_;
  const std::string directory_;
  Index* const index_;
  SegmentSet* const segments_;
  const FragmentReader* const reader_;
  LogWriter* const writer_;
  NodeMetrics* const metrics_;
  std::set<uint64_t> unreadable_;  // segments with read errors: left alone until a restart
};

}  // namespace openefs::datastore
