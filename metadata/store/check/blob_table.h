// The blobs of a group while its store is checked: what their records say and what refers to them.
#pragma once

#include <vector>

#include "metadata/store/check/reporter.h"

namespace openefs::metadata {

class BlobTable {
 public:
  // Reads the records, and the queues against them.
  void Load(const KvSnapshot& snapshot, Reporter* reporter);

  // An extent that refers to a blob. False: there is no such record of that length.
  [[nodiscard]] bool Refer(BlobId id, uint32_t blob_length);

  // Once every extent was counted.
  void CompareCounts(Reporter* reporter) const;

 private:
  struct Entry {
    BlobId id;
    uint32_t length = 0;
    uint32_t said = 0;  // references by the record
    uint32_t counted = 0;
  };
  Entry* Find(BlobId id);
  void CheckCollectQueue(const KvSnapshot& snapshot, Reporter* reporter);
  void CheckRepairQueue(const KvSnapshot& snapshot, Reporter* reporter);

  std::vector<Entry> entries_;  // by id
};

}  // namespace openefs::metadata
