// Small files, whole: read, or written so that a crash leaves the old or the new content.
#pragma once

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

// Makes the names in a directory durable.
absl::Status SyncDirectory(const std::string& path);

}  // namespace openefs
