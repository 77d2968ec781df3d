#include <fcntl.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <climits>
#include <cstring>
#include <filesystem>
#include <span>
#include <system_error>

#include "absl/strings/str_cat.h"
#include "common/files.h"
#include "datastore/node/file.h"

namespace openefs::datastore {
namespace {

absl::Status Failed(const std::string& what, const std::string& path, int error) {
  const std::string text = absl::StrCat(what, " ", path, ": ", std::strerror(error));
  const bool full = error == ENOSPC || error == EDQUOT;
  return full ? absl::ResourceExhaustedError(text) : absl::InternalError(text);
}

// cachestat(2), which libraries older than Linux 6.5 do not know.
constexpr long kCachestat = 451;
struct CachestatRange {
  uint64_t offset;
  uint64_t size;
};
struct Cachestat {
  uint64_t cached;
  uint64_t dirty;
  uint64_t writeback;
  uint64_t evicted;
  uint64_t recently_evicted;
};

class PosixFile final : public File {
 public:
  PosixFile(std::string path, int fd) : path_(std::move(path)), fd_(fd) {}
  ~PosixFile() override { ::close(fd_); }

  absl::Status WriteAt(uint64_t offset, std::vector<iovec> pieces) override {
    std::span<iovec> rest(pieces);
    while (!rest.empty()) {
      const auto count = static_cast<int>(std::min<size_t>(rest.size(), IOV_MAX));
      const ssize_t written = ::pwritev(fd_, rest.data(), count, static_cast<off_t>(offset));
      if (written < 0 && errno == EINTR) continue;
      if (written < 0) return Failed("write", path_, errno);
      offset += static_cast<uint64_t>(written);
      rest = Skip(rest, static_cast<size_t>(written));
    }
    return absl::OkStatus();
  }

  absl::StatusOr<size_t> ReadAt(uint64_t offset, char* out, size_t size) override {
    return ReadFrom(fd_, offset, out, size);
  }

  absl::StatusOr<size_t> ReadCached(uint64_t offset, char* out, size_t size) override {
    const iovec piece{out, size};
    const ssize_t n = ::preadv2(fd_, &piece, 1, static_cast<off_t>(offset), RWF_NOWAIT);
    // Short: the rest is not cached, or the file ends. The waiting read tells which.
    if (n != static_cast<ssize_t>(size)) return absl::UnavailableError("not cached");
    return size;
  }

  std::optional<uint64_t> CachedBytes(uint64_t offset, uint64_t size) override {
    CachestatRange range{offset, size};
    Cachestat stat{};
    if (::syscall(kCachestat, fd_, &range, &stat, 0) != 0) return std::nullopt;
    return stat.cached * static_cast<uint64_t>(::sysconf(_SC_PAGESIZE));
  }

  // Opened anew for each read: a few microseconds beside those of a disk, and a node has as many
  // segments as a process may have files open.
  absl::StatusOr<size_t> ReadDirect(uint64_t offset, char* out, size_t size) override {
    const int fd = ::open(path_.c_str(), O_RDONLY | O_DIRECT | O_CLOEXEC);
    if (fd < 0) return absl::UnimplementedError("cannot be read past the page cache");
    absl::StatusOr<size_t> n = ReadFrom(fd, offset, out, size);
    ::close(fd);
    return n;
  }

  absl::Status Sync() override {
    return ::fdatasync(fd_) == 0 ? absl::OkStatus() : Failed("fdatasync", path_, errno);
  }

  absl::Status Truncate(uint64_t size) override {
    const int result = ::ftruncate(fd_, static_cast<off_t>(size));
    return result == 0 ? absl::OkStatus() : Failed("truncate", path_, errno);
  }

  void Preallocate(uint64_t size) override {
    // Not posix_fallocate, which writes zeros where the file system cannot do it.
    (void)::fallocate(fd_, 0, 0, static_cast<off_t>(size));
  }

  absl::StatusOr<uint64_t> Size() override {
    struct stat info;
    if (::fstat(fd_, &info) != 0) return Failed("stat", path_, errno);
    return static_cast<uint64_t>(info.st_size);
  }

  void DropCache() override { (void)::posix_fadvise(fd_, 0, 0, POSIX_FADV_DONTNEED); }

 private:
  absl::StatusOr<size_t> ReadFrom(int fd, uint64_t offset, char* out, size_t size) const {
    size_t done = 0;
    while (done < size) {
      const ssize_t n = ::pread(fd, out + done, size - done, static_cast<off_t>(offset + done));
      if (n < 0 && errno == EINTR) continue;
      if (n < 0 && errno == EINVAL) return absl::UnimplementedError("cannot be read like this");
      if (n < 0) return Failed("read", path_, errno);
      if (n == 0) break;
      done += static_cast<size_t>(n);
      if (fd != fd_ && static_cast<size_t>(n) % kDirectAlign != 0) break;  // the file's end
    }
    return done;
  }

  // What is left of `pieces` after `written` bytes.
  static std::span<iovec> Skip(std::span<iovec> pieces, size_t written) {
    while (!pieces.empty() && written >= pieces.front().iov_len) {
      written -= pieces.front().iov_len;
      pieces = pieces.subspan(1);
    }
    if (written > 0) {
      pieces.front().iov_base = static_cast<char*>(pieces.front().iov_base) + written;
      pieces.front().iov_len -= written;
    }
    return pieces;
  }

  const std::string path_;
  const int fd_;
};

class Posix final : public FileSystem {
 public:
  absl::StatusOr<std::unique_ptr<File>> Open(const std::string& path) override {
    const int fd = ::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (fd < 0) return Failed("open", path, errno);
    return std::make_unique<PosixFile>(path, fd);
  }

  absl::Status Remove(const std::string& path) override {
    const bool gone = ::unlink(path.c_str()) == 0 || errno == ENOENT;
    return gone ? absl::OkStatus() : Failed("remove", path, errno);
  }

  absl::Status SyncDirectory(const std::string& path) override {
    return openefs::SyncDirectory(path);
  }

  absl::StatusOr<std::vector<std::string>> List(const std::string& path) override {
    std::error_code error;
    std::filesystem::create_directories(path, error);
    std::vector<std::string> names;
    if (!error) {
      std::filesystem::directory_iterator it(path, error);
      for (; !error && it != std::filesystem::directory_iterator(); it.increment(error)) {
        names.push_back(it->path().filename().string());
      }
    }
    if (error) return Failed("list", path, error.value());
    return names;
  }

  absl::StatusOr<uint64_t> FreeBytes(const std::string& path) override {
    struct statvfs info;
    if (::statvfs(path.c_str(), &info) != 0) return Failed("statvfs", path, errno);
    return uint64_t{info.f_bavail} * info.f_frsize;
  }
};

}  // namespace

FileSystem* PosixFileSystem() {
  static Posix posix;
  return &posix;
}

}  // namespace openefs::datastore
