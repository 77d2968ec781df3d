// Every workload with its name and what it does when it is told nothing else.
#include <string_view>

#include "bench/generator/workload.h"
#include "bench/generator/workloads/workloads.h"

namespace openefs::bench {
namespace {

constexpr uint32_t kKiB = 1 << 10;
constexpr uint32_t kMiB = 1 << 20;

constexpr WorkloadInfo kWorkloads[] = {
    {"getattr", "attributes of known files", {.files = 1024}, &MakeGetattr},
    {"lookup", "names in a directory", {.files = 1024}, &MakeLookup},
    {"access", "permissions of known files", {.files = 1024}, &MakeAccess},
    {"readdir", "whole listings of a directory", {.files = 4096}, &MakeReaddir},
    {"create", "new empty files", {.files = 64}, &MakeCreate},
    {"unlink", "removal of files, until there are none left", {.files = 8192}, &MakeUnlink, true},
    {"rename", "new names for files", {.files = 64}, &MakeRename},
    {"small-write", "create, write, close", {.io_bytes = 4 * kKiB, .files = 64}, &MakeSmallWrite},
    {"small-read", "open, read, close", {.io_bytes = 4 * kKiB, .files = 1024}, &MakeSmallRead},
    {"sequential-write",
     "large files from begin to end",
     {.io_bytes = kMiB, .file_bytes = 64 * kMiB},
     &MakeSequentialWrite},
    {"sequential-read",
     "large files from begin to end",
     {.io_bytes = kMiB, .file_bytes = 16 * kMiB},
     &MakeSequentialRead},
    {"random-write",
     "pieces anywhere in large files",
     {.io_bytes = 4 * kKiB, .file_bytes = 4 * kMiB},
     &MakeRandomWrite},
    {"random-read",
     "pieces anywhere in large files",
     {.io_bytes = 4 * kKiB, .file_bytes = 4 * kMiB},
     &MakeRandomRead},
    {"lock", "byte-range locks, taken and given back", {}, &MakeLock},
    {"web-serving", "mix: popular small files", {.files = 1024}, &MakeWebServing},
    {"home-directories", "mix: documents of many people", {.files = 1024}, &MakeHomeDirectories},
    {"software-build", "mix: headers, sources, objects", {.files = 1024}, &MakeSoftwareBuild},
    {"analytics-scan", "mix: large files from begin to end", {.files = 32}, &MakeAnalyticsScan},
    {"container-start", "mix: one image, many readers", {.files = 512}, &MakeContainerStart},
};

}  // namespace

std::span<const WorkloadInfo> Workloads() { return kWorkloads; }

const WorkloadInfo* FindWorkload(std::string_view name) {
  for (const WorkloadInfo& info : kWorkloads) {
    if (info.name == name) return &info;
  }
  return nullptr;
}

}  // namespace openefs::bench
