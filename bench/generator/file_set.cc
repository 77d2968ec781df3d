#include "bench/generator/file_set.h"

#include <algorithm>
#include <utility>

#include "bench/generator/mix64.h"
#include "bench/generator/pattern.h"

namespace openefs::bench {

FileSet::FileSet(uint32_t files, uint32_t directories, SizeOf size_of)
    : size_of_(std::move(size_of)), files_(files), directories_(std::max(1u, directories)) {
  for (uint32_t i = 0; i < files; ++i) {
    files_[i].directory = i % this->directories();
    files_[i].name = "f" + std::to_string(i);
    files_[i].bytes = size_of_(i);
    files_[i].seed = Mix64(i + 1);
  }
}

uint32_t FileSet::FilesIn(uint32_t directory) const {
  return size() / directories() + (directory < size() % directories() ? 1 : 0);
}

Task<absl::Status> FileSet::MakeDirectories(Client& client, FileHandle root) {
  for (uint32_t i = 0; i < directories(); ++i) {
    absl::StatusOr<FileHandle> made = co_await client.MakeDirectory(root, "d" + std::to_string(i));
    if (!made.ok()) co_return made.status();
    directories_[i] = *std::move(made);
  }
  co_return absl::OkStatus();
}

Task<absl::Status> FileSet::MakeFiles(Client& client, uint32_t actor, uint32_t actors) {
  for (uint32_t i = actor; i < size(); i += actors) {
    const absl::Status status = co_await MakeFile(client, i);
    if (!status.ok()) co_return status;
  }
  co_return absl::OkStatus();
}

Task<absl::Status> FileSet::MakeFile(Client& client, uint32_t index) {
  SetFile& made = files_[index];
  absl::StatusOr<OpenFile> file = co_await client.Open(directories_[made.directory], made.name,
                                                       "maker " + made.name, {.create = true});
  if (!file.ok()) co_return file.status();
  made.handle = file->handle;
  made.fileid = file->attributes.fileid;
  const absl::Status filled = co_await FillFile(client, *file, made.seed, 0, made.bytes);
  if (!filled.ok()) co_return filled;
  co_return co_await client.Close(*std::move(file));
}

Task<absl::Status> FillFile(Client& client, const OpenFile& file, uint64_t seed, uint64_t offset,
                            uint64_t bytes) {
  const uint64_t step = client.session().max_io_bytes();
  const uint64_t end = offset + bytes;
  for (uint64_t at = offset; at < end; at += step) {
    const uint64_t here = std::min(step, end - at);
    absl::StatusOr<WriteResult> written =
        co_await client.Write(file, at, nfs4::UNSTABLE4, PatternBytes(seed, at, here));
    if (!written.ok()) co_return written.status();
  }
  if (bytes == 0) co_return absl::OkStatus();
  co_return (co_await client.Commit(file.handle)).status();
}

}  // namespace openefs::bench
