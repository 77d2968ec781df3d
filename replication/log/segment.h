// Segment: one file of the shared log.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "common/ids.h"
#include "replication/log/log_format.h"

namespace openefs::replication {

// Where tests inject errors and stop the world: called before each system call that changes the
// disk; an error it returns stands for the call's.
enum class LogIo { kCreate, kWrite, kSync, kDelete };
using LogFaultHook = std::function<absl::Status(LogIo)>;

// Zeros are written this far ahead, so that most syncs overwrite what the file has already and need
// not commit a new file size: 0.1 ms against 0.2 ms where the disk is quiet. Frames that are large
// beside it pay for a new size anyway.
inline constexpr size_t kZeroAheadBytes = size_t{1} << 20;

class Segment {
 public:
  ~Segment();
  Segment(const Segment&) = delete;
  Segment& operator=(const Segment&) = delete;

  // A new file with its header page, durable together with its name.
  static absl::StatusOr<std::shared_ptr<Segment>> Create(const std::string& directory,
                                                         const SegmentHeader& header,
                                                         size_t zero_ahead_bytes,
                                                         LogFaultHook* fault);
  // An existing file whose header was read already; see recovery.cc.
  static absl::StatusOr<std::shared_ptr<Segment>> Open(const std::string& directory,
                                                       const SegmentHeader& header,
                                                       LogFaultHook* fault);

  static std::string FileName(uint64_t number);

  const SegmentHeader& header() const { return header_; }
  const std::string& path() const { return path_; }
  uint64_t size() const { return size_; }  // where the next frame goes; any thread

  // Writes at the end and waits until it is durable. After an error nothing about the file's
  // content is certain.
  absl::Status AppendDurably(std::string frame);
  // Any thread. An end of file within the range is an error.
  absl::StatusOr<std::string> Read(uint64_t offset, size_t bytes) const;
  // Cuts what is beyond `size`, durably.
  absl::Status CutTo(uint64_t size);
  // Gives back the zeros behind the last frame. Not durably: they do no harm.
  void Close();
  absl::Status Delete();

  // Highest index of each group that has an entry here.
  std::map<GroupId, uint64_t> last_index_of_group;

 private:
  Segment(std::string path, int fd, SegmentHeader header, uint64_t size, LogFaultHook* fault)
      : path_(std::move(path)), fd_(fd), header_(header), size_(size), fault_(fault) {}

  const std::string path_;
  const int fd_;
  const SegmentHeader header_;
  std::atomic<uint64_t> size_;  // written by one thread
  uint64_t zeroed_to_ = 0;
  size_t zero_ahead_bytes_ = 0;
  LogFaultHook* const fault_;
};

}  // namespace openefs::replication
