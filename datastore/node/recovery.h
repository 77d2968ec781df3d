// Opening a data node's log: cuts what a crash tore and brings the index up to the end of it.
#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "datastore/node/file.h"
#include "datastore/node/index.h"
#include "datastore/node/segment_set.h"

namespace openefs::datastore {

struct Recovered {
  std::shared_ptr<Segment> active;  // where the log goes on
  uint64_t tail = 0;                // and at which offset
  uint64_t allocated = 0;           // its file size: zeros from the tail on
  uint64_t lost_records = 0;        // damaged in the middle of the log, or their file is gone
};

// Fills `segments` from the files in `directory`. Afterwards every record that is found through the
// index is on disk, also one that was never synced before the crash.
absl::StatusOr<Recovered> RecoverLog(FileSystem* files, const std::string& directory,
                                     const std::string& store_id, Index* index,
                                     SegmentSet* segments);

}  // namespace openefs::datastore
