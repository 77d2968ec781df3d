// The check of clients, sessions, opens and locks: every index row leads to a record that leads
// back to it, and counts are what they count.
#pragma once

#include "metadata/store/check/reporter.h"

namespace openefs::metadata {

// Rows that do not belong to a file system.
void CheckClients(const KvSnapshot& snapshot, Reporter* reporter);

// `file_systems`: those with rows of their own, for open and lock rows of files.
void CheckStates(const KvSnapshot& snapshot, const std::vector<FileSystemId>& file_systems,
                 Reporter* reporter);

}  // namespace openefs::metadata
