#include "metadata/service/condemned_store.h"

#include "absl/strings/str_cat.h"
#include "common/files.h"

namespace openefs::metadata {
namespace {

// Beside the store, not in it: what is in it belongs to the engine.
std::string MarkOf(const std::string& path) { return path + ".condemned"; }

}  // namespace

absl::Status CondemnStore(const std::string& path, const std::string& why) {
  if (ReadSmallFile(MarkOf(path)).ok()) return absl::OkStatus();
  return WriteFileDurably(MarkOf(path), why);
}

absl::Status CheckNotCondemned(const std::string& path) {
  const absl::StatusOr<std::string> why = ReadSmallFile(MarkOf(path));
  if (absl::IsNotFound(why.status())) return absl::OkStatus();
  if (!why.ok()) return why.status();
  return absl::FailedPreconditionError(
      absl::StrCat("store ", path, " is condemned: ", *why,
                   "; replace this metadata node by one with an empty directory and a new id"));
}

}  // namespace openefs::metadata
