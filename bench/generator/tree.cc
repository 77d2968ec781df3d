// Whole trees: what is in them, and how the generator clears up behind itself, many removals in one
// COMPOUND and several COMPOUNDs at once.
#include <algorithm>
#include <utility>

#include "bench/generator/client.h"

namespace openefs::bench {
namespace {

constexpr uint32_t kPageBytes = 64 << 10;
constexpr size_t kRemovesPerCompound = 16;  // well below the operations any server takes

}  // namespace

Task<absl::StatusOr<std::vector<DirectoryEntry>>> Client::ListAll(FileHandle directory) {
  std::vector<DirectoryEntry> entries;
  DirectoryPage page;
  do {
    absl::StatusOr<DirectoryPage> next =
        co_await ReadDir(directory, page.cookie, page.verifier, kPageBytes);
    if (!next.ok()) co_return next.status();
    page = *std::move(next);
    std::move(page.entries.begin(), page.entries.end(), std::back_inserter(entries));
  } while (!page.end);
  co_return entries;
}

Task<absl::StatusOr<uint64_t>> Client::TreeBytes(FileHandle directory) {
  absl::StatusOr<std::vector<DirectoryEntry>> entries = co_await ListAll(directory);
  if (!entries.ok()) co_return entries.status();
  uint64_t bytes = 0;
  for (const DirectoryEntry& entry : *entries) {
    if (entry.type == nfs4::NF4REG) bytes += entry.size;
    if (entry.type != nfs4::NF4DIR) continue;
    absl::StatusOr<Found> found = co_await Lookup(directory, entry.name);
    if (!found.ok()) co_return found.status();
    absl::StatusOr<uint64_t> below = co_await TreeBytes(std::move(found->handle));
    if (!below.ok()) co_return below;
    bytes += *below;
  }
  co_return bytes;
}

Task<void> Client::RemoveEntries(FileHandle directory, std::vector<DirectoryEntry> entries,
                                 absl::Status* result) {
  std::vector<std::string> files;
  for (const DirectoryEntry& entry : entries) {
    absl::Status status;
    if (entry.type == nfs4::NF4DIR) {
      status = co_await RemoveTree(directory, entry.name);
    } else {
      files.push_back(entry.name);
    }
    if (!status.ok()) *result = status;
  }
  if (files.empty()) co_return;
  const absl::Status status = co_await RemoveAll(directory, std::move(files));
  if (!status.ok()) *result = status;
}

Task<absl::Status> Client::RemoveTree(FileHandle parent, std::string name) {
  absl::StatusOr<Found> found = co_await Lookup(parent, name);
  if (absl::IsNotFound(found.status())) co_return absl::OkStatus();
  if (!found.ok()) co_return found.status();
  const FileHandle directory = std::move(found->handle);
  absl::StatusOr<std::vector<DirectoryEntry>> entries = co_await ListAll(directory);
  if (!entries.ok()) co_return entries.status();
  absl::Status result;
  std::vector<Task<void>> tasks;
  for (size_t at = 0; at < entries->size(); at += kRemovesPerCompound) {
    const auto begin = entries->begin() + static_cast<ptrdiff_t>(at);
    const auto end =
        begin + static_cast<ptrdiff_t>(std::min(kRemovesPerCompound, entries->size() - at));
    tasks.push_back(RemoveEntries(
        directory, {std::make_move_iterator(begin), std::make_move_iterator(end)}, &result));
  }
  co_await JoinAll(std::move(tasks));
  if (!result.ok()) co_return result;
  co_return co_await Remove(std::move(parent), std::move(name));
}

}  // namespace openefs::bench
