// The check of one file system: names, inodes, extents.
#pragma once

#include "metadata/store/check/blob_table.h"
#include "metadata/store/check/reporter.h"

namespace openefs::metadata {

void CheckNamespace(const KvSnapshot& snapshot, FileSystemId fs, BlobTable* blobs,
                    Reporter* reporter);

}  // namespace openefs::metadata
