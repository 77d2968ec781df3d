// Files whose writing must survive a crash. Small ones whole: read, or written so that a crash
// leaves the old or the new content.
#pragma once

#include <functional>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace openefs {

// Writes `path`.tmp, fsyncs it, renames it over `path` and fsyncs the directory. One writer per
// path at a time. INTERNAL with the path and the reason on any failure; `path` is then as it was,
// unless only the last fsync failed.
absl::Status WriteFileDurably(const std::string& path, std::string_view bytes);

// NOT_FOUND when there is none; INTERNAL on other failures and on more than max_bytes.
absl::StatusOr<std::string> ReadSmallFile(const std::string& path, size_t max_bytes = 1 << 20);

// Makes `to`, which does not exist yet, a durable copy of the directory `from`, whose plain files
// it takes and nothing else. Files that `may_share` names are linked, not copied, where both lie on
// one file system; their content must be durable already. INTERNAL on any failure; remains may be
// left.
absl::Status CloneDirectory(const std::string& from, const std::string& to,
                            const std::function<bool(std::string_view name)>& may_share);

// Makes the names in a directory durable.
absl::Status SyncDirectory(const std::string& path);

}  // namespace openefs
