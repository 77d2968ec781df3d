#include "replication/log/segment.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "common/check.h"
#include "common/files.h"

namespace openefs::replication {
namespace {

absl::Status IoError(const char* what, const std::string& path) {
  const int error = errno;
  const std::string text = absl::StrCat("raft log: ", what, " ", path, ": ", std::strerror(error));
  if (error == ENOSPC || error == EDQUOT) return absl::ResourceExhaustedError(text);
  return absl::DataLossError(text);
}

absl::Status Injected(LogFaultHook* fault, LogIo io) {
  return fault != nullptr && *fault ? (*fault)(io) : absl::OkStatus();
}

absl::Status WriteAll(int fd, uint64_t offset, std::string_view bytes, const std::string& path) {
  while (!bytes.empty()) {
    const ssize_t n = ::pwrite(fd, bytes.data(), bytes.size(), static_cast<off_t>(offset));
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return IoError("write", path);
    bytes.remove_prefix(static_cast<size_t>(n));
    offset += static_cast<uint64_t>(n);
  }
  return absl::OkStatus();
}

}  // namespace

std::string Segment::FileName(uint64_t number) { return absl::StrFormat("%016x.log", number); }

Segment::~Segment() { ::close(fd_); }

absl::StatusOr<std::shared_ptr<Segment>> Segment::Create(const std::string& directory,
                                                         const SegmentHeader& header,
                                                         size_t zero_ahead_bytes,
                                                         LogFaultHook* fault) {
  const std::string path = absl::StrCat(directory, "/", FileName(header.number));
  if (auto status = Injected(fault, LogIo::kCreate); !status.ok()) return status;
  const int fd = ::open(path.c_str(), O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
  if (fd < 0) return IoError("create", path);
  std::shared_ptr<Segment> segment(new Segment(path, fd, header, 0, fault));
  // The header page stands alone until it is durable: see ReplaySegment.
  auto status = segment->AppendDurably(EncodeSegmentHeader(header));
  if (status.ok()) status = SyncDirectory(directory);
  if (!status.ok()) return status;
  segment->zero_ahead_bytes_ = zero_ahead_bytes;
  return segment;
}

absl::StatusOr<std::shared_ptr<Segment>> Segment::Open(const std::string& directory,
                                                       const SegmentHeader& header,
                                                       LogFaultHook* fault) {
  const std::string path = absl::StrCat(directory, "/", FileName(header.number));
  const int fd = ::open(path.c_str(), O_RDWR | O_CLOEXEC);
  if (fd < 0) return IoError("open", path);
  struct stat st;
  if (::fstat(fd, &st) != 0) {
    ::close(fd);
    return IoError("stat", path);
  }
  return std::shared_ptr<Segment>(
      new Segment(path, fd, header, static_cast<uint64_t>(st.st_size), fault));
}

absl::Status Segment::AppendDurably(std::string frame) {
  if (auto status = Injected(fault_, LogIo::kWrite); !status.ok()) return status;
  const size_t frame_bytes = frame.size();
  const bool grows = size_ + frame_bytes > zeroed_to_;
  if (grows && frame_bytes < zero_ahead_bytes_ / 4) frame.resize(frame_bytes + zero_ahead_bytes_);
  if (auto status = WriteAll(fd_, size_, frame, path_); !status.ok()) return status;
  if (auto status = Injected(fault_, LogIo::kSync); !status.ok()) return status;
  if (::fdatasync(fd_) != 0) return IoError("fdatasync", path_);
  if (grows) zeroed_to_ = size_ + frame.size();
  size_ += frame_bytes;
  return absl::OkStatus();
}

void Segment::Close() {
  if (zeroed_to_ > size_ && ::ftruncate(fd_, static_cast<off_t>(size_)) == 0) zeroed_to_ = size_;
}

absl::StatusOr<std::string> Segment::Read(uint64_t offset, size_t bytes) const {
  std::string out(bytes, '\0');
  size_t done = 0;
  while (done < bytes) {
    const ssize_t n =
        ::pread(fd_, out.data() + done, bytes - done, static_cast<off_t>(offset + done));
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return IoError("read", path_);
    if (n == 0) return absl::DataLossError(absl::StrCat("raft log: ", path_, " ends too early"));
    done += static_cast<size_t>(n);
  }
  return out;
}

absl::Status Segment::CutTo(uint64_t size) {
  OPENEFS_CHECK(size <= size_);
  if (auto status = Injected(fault_, LogIo::kWrite); !status.ok()) return status;
  if (::ftruncate(fd_, static_cast<off_t>(size)) != 0) return IoError("truncate", path_);
  if (::fdatasync(fd_) != 0) return IoError("fdatasync", path_);
  size_ = size;
  return absl::OkStatus();
}

absl::Status Segment::Delete() {
  if (auto status = Injected(fault_, LogIo::kDelete); !status.ok()) return status;
  if (::unlink(path_.c_str()) != 0) return IoError("delete", path_);
  // In this order also after a crash: a hole among the segments would look like damage.
  return SyncDirectory(path_.substr(0, path_.rfind('/')));
}

}  // namespace openefs::replication
