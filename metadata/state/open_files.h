// Which files are open.
#pragma once

#include "metadata/store/transaction.h"
#include "proto/common.pb.h"

namespace openefs::metadata {

// Whether any open of any client names the file: unlinked, it must live on as an orphan.
bool FileHasOpens(const Transaction& txn, const pb::FileRef& file);

}  // namespace openefs::metadata
