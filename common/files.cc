#include "common/files.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <filesystem>
#include <system_error>

#include "absl/strings/str_cat.h"

namespace openefs {
namespace {

// Closes on the way out; fsync has told about errors by then.
class Fd {
 public:
  explicit Fd(int fd) : fd_(fd) {}
  ~Fd() {
    if (fd_ >= 0) ::close(fd_);
  }
  Fd(const Fd&) = delete;
  Fd& operator=(const Fd&) = delete;
  int get() const { return fd_; }
  bool ok() const { return fd_ >= 0; }

 private:
  const int fd_;
};

absl::Status Failed(const std::string& what, const std::string& path) {
  const int error = errno;
  return absl::InternalError(absl::StrCat(what, " ", path, ": ", std::strerror(error)));
}

bool WriteAll(int fd, std::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t written = ::write(fd, bytes.data(), bytes.size());
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) return false;
    bytes.remove_prefix(static_cast<size_t>(written));
  }
  return true;
}

absl::Status CopyFile(const std::string& from, const std::string& to) {
  const Fd in(::open(from.c_str(), O_RDONLY | O_CLOEXEC));
  if (!in.ok()) return Failed("cannot open", from);
  const Fd out(::open(to.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0640));
  if (!out.ok()) return Failed("cannot create", to);
  std::string chunk(size_t{256} << 10, '\0');
  while (true) {
    const ssize_t got = ::read(in.get(), chunk.data(), chunk.size());
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return Failed("cannot read", from);
    if (got == 0) break;
    if (!WriteAll(out.get(), std::string_view(chunk).substr(0, static_cast<size_t>(got)))) {
      return Failed("cannot write", to);
    }
  }
  return ::fsync(out.get()) == 0 ? absl::OkStatus() : Failed("cannot fsync", to);
}

std::string ParentOf(const std::string& path) {
  const std::string parent = std::filesystem::path(path).parent_path().string();
  return parent.empty() ? "." : parent;
}

}  // namespace

absl::Status CloneDirectory(const std::string& from, const std::string& to,
                            const std::function<bool(std::string_view name)>& may_share) {
  if (::mkdir(to.c_str(), 0750) != 0) return Failed("cannot create", to);
  std::error_code error;
  std::filesystem::directory_iterator files(from, error);
  for (; !error && files != std::filesystem::directory_iterator(); files.increment(error)) {
    if (!std::filesystem::is_regular_file(files->symlink_status())) continue;
    const std::string name = files->path().filename().string();
    const std::string source = absl::StrCat(from, "/", name);
    const std::string target = absl::StrCat(to, "/", name);
    if (may_share(name) && ::link(source.c_str(), target.c_str()) == 0) continue;
    if (const absl::Status copied = CopyFile(source, target); !copied.ok()) return copied;
  }
  if (error) return absl::InternalError(absl::StrCat("cannot list ", from, ": ", error.message()));
  if (const absl::Status synced = SyncDirectory(to); !synced.ok()) return synced;
  return SyncDirectory(ParentOf(to));
}

absl::Status SyncDirectory(const std::string& path) {
  const Fd dir(::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!dir.ok()) return Failed("cannot open", path);
  if (::fsync(dir.get()) != 0) return Failed("cannot fsync", path);
  return absl::OkStatus();
}

absl::Status WriteFileDurably(const std::string& path, std::string_view bytes) {
  const std::string temporary = path + ".tmp";
  {
    const Fd file(::open(temporary.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0640));
    if (!file.ok()) return Failed("cannot create", temporary);
    if (!WriteAll(file.get(), bytes)) return Failed("cannot write", temporary);
    if (::fsync(file.get()) != 0) return Failed("cannot fsync", temporary);
  }
  if (std::rename(temporary.c_str(), path.c_str()) != 0) return Failed("cannot rename to", path);
  return SyncDirectory(ParentOf(path));
}

absl::StatusOr<std::string> ReadSmallFile(const std::string& path, size_t max_bytes) {
  const Fd file(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (!file.ok() && errno == ENOENT) return absl::NotFoundError(absl::StrCat("no file ", path));
  if (!file.ok()) return Failed("cannot open", path);
  std::string bytes;
  char chunk[4096];
  while (true) {
    const ssize_t got = ::read(file.get(), chunk, sizeof chunk);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return Failed("cannot read", path);
    if (got == 0) return bytes;
    bytes.append(chunk, static_cast<size_t>(got));
    if (bytes.size() > max_bytes) {
      return absl::InternalError(absl::StrCat(path, " is larger than ", max_bytes, " bytes"));
    }
  }
}

}  // namespace openefs
