#include "bench/generator/server_cost.h"

#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <iterator>
#include <set>
#include <sstream>
#include <utility>

#include "absl/strings/str_cat.h"

namespace openefs::bench {
namespace {

namespace fs = std::filesystem;

constexpr uint64_t kBlockBytes = 512;  // of st_blocks, whatever the file system's are

absl::StatusOr<std::string> ReadSmallFile(const std::string& path) {
  std::ifstream in(path, std::ios::binary);
  if (!in) return absl::NotFoundError(absl::StrCat("cannot read ", path));
  return std::string(std::istreambuf_iterator<char>(in), {});
}

// /proc/PID/stat: fields 14 and 15, in ticks; the name before them is in parentheses and may hold
// anything.
absl::StatusOr<int64_t> ProcessCpuNs(int pid) {
  absl::StatusOr<std::string> stat = ReadSmallFile(absl::StrCat("/proc/", pid, "/stat"));
  if (!stat.ok()) return absl::NotFoundError(absl::StrCat("there is no process ", pid));
  std::istringstream fields(stat->substr(stat->rfind(')') + 1));
  std::string skipped;
  for (int field = 3; field < 14; ++field) fields >> skipped;
  int64_t user = 0, system = 0;
  fields >> user >> system;
  if (!fields) return absl::InternalError(absl::StrCat("cannot understand /proc/", pid, "/stat"));
  return (user + system) * (1'000'000'000 / sysconf(_SC_CLK_TCK));
}

// The value behind `key` in a file of lines "key value"; 0 if it is not there.
uint64_t ValueIn(const std::string& text, const std::string& key) {
  std::istringstream lines(text);
  std::string word;
  for (uint64_t value = 0; lines >> word >> value;) {
    if (word == key) return value;
  }
  return 0;
}

absl::StatusOr<int64_t> GroupCpuNs(const std::string& cgroup) {
  const absl::StatusOr<std::string> stat = ReadSmallFile(cgroup + "/cpu.stat");
  if (!stat.ok()) return stat.status();
  return static_cast<int64_t>(ValueIn(*stat, "usage_usec")) * 1000;
}

}  // namespace

absl::StatusOr<int64_t> ServerCpuNs(const ServerWatch& watch) {
  if (!watch.cgroup.empty()) return GroupCpuNs(watch.cgroup);
  int64_t cpu_ns = 0;
  for (const int pid : watch.pids) {
    const absl::StatusOr<int64_t> one = ProcessCpuNs(pid);
    if (!one.ok()) return one;
    cpu_ns += *one;
  }
  return cpu_ns;
}

absl::StatusOr<uint64_t> BytesOnDisk(const std::vector<std::string>& directories) {
  uint64_t bytes = 0;
  std::set<std::pair<dev_t, ino_t>> linked;
  for (const std::string& directory : directories) {
    std::error_code error;
    fs::recursive_directory_iterator entries(directory,
                                             fs::directory_options::skip_permission_denied, error);
    if (error) {
      return absl::NotFoundError(absl::StrCat("cannot read ", directory, ": ", error.message()));
    }
    // The server makes and removes files meanwhile: what has gone counts nothing.
    for (; entries != fs::recursive_directory_iterator(); entries.increment(error)) {
      struct stat found = {};
      if (error || lstat(entries->path().c_str(), &found) != 0) continue;
      if (found.st_nlink > 1 && !S_ISDIR(found.st_mode) &&
          !linked.emplace(found.st_dev, found.st_ino).second) {
        continue;
      }
      bytes += static_cast<uint64_t>(found.st_blocks) * kBlockBytes;
    }
  }
  return bytes;
}

}  // namespace openefs::bench
