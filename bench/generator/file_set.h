// A set of files that the actors of a workload make together and then use together: spread over
// directories, of known content.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "bench/generator/client.h"
#include "bench/generator/task.h"

namespace openefs::bench {

struct SetFile {
  uint32_t directory = 0;
  std::string name;
  FileHandle handle;
  uint64_t fileid = 0;
  uint64_t bytes = 0;
  uint64_t seed = 0;  // of its content, see pattern.h
};

// Filled by the actors while they set up, each its own files; only read afterwards, by all.
class FileSet {
 public:
  // The size of file number `index`.
  using SizeOf = std::function<uint64_t(uint32_t index)>;

  FileSet(uint32_t files, uint32_t directories, SizeOf size_of);

  // Makes the directories "d0", "d1", ... below `root`; before MakeFiles.
  Task<absl::Status> MakeDirectories(Client& client, FileHandle root);

  // Makes the files number `actor`, `actor` + `actors`, ... with their content.
  Task<absl::Status> MakeFiles(Client& client, uint32_t actor, uint32_t actors);

  uint32_t size() const { return static_cast<uint32_t>(files_.size()); }
  const SetFile& file(uint32_t index) const { return files_[index]; }
  const FileHandle& directory(uint32_t index) const { return directories_[index]; }
  uint32_t directories() const { return static_cast<uint32_t>(directories_.size()); }
  // How many files are in a directory.
  uint32_t FilesIn(uint32_t directory) const;

 private:
  Task<absl::Status> MakeFile(Client& client, uint32_t index);

  const SizeOf size_of_;
  std::vector<SetFile> files_;
  std::vector<FileHandle> directories_;
};

// Makes a file of known content, or fills what is open: WRITEs as large as the session takes.
Task<absl::Status> FillFile(Client& client, const OpenFile& file, uint64_t seed, uint64_t offset,
                            uint64_t bytes);

}  // namespace openefs::bench
