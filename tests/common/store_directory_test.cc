#include "common/store_directory.h"

#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <catch2/catch.hpp>
#include <filesystem>
#include <fstream>
#include <functional>
#include <string>

#include "common/files.h"
#include "tests/common/temp_dir.h"

namespace openefs {
namespace {

const std::map<std::string, std::string> kMetadata1 = {{"role", "metadata"}, {"node", "1"}};

void WriteText(const std::string& path, const std::string& text) {
  std::ofstream(path) << text;
  REQUIRE(std::filesystem::exists(path));
}

// Runs `body` in a process of its own; its result is the exit code.
int InChild(const std::function<int()>& body) {
  const pid_t pid = ::fork();
  if (pid == 0) ::_exit(body());
  int status = 0;
  REQUIRE(::waitpid(pid, &status, 0) == pid);
  return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

bool Contains(const absl::Status& status, const std::string& part) {
  return std::string(status.message()).find(part) != std::string::npos;
}

bool OneLine(const absl::Status& status) {
  return std::string(status.message()).find('\n') == std::string::npos;
}

}  // namespace

TEST_CASE("a new directory is formatted once and opened again") {
  TempDir temp;
  const std::string path = temp / "a/b/store";
  {
    const auto store = StoreDirectory::Open(path, kMetadata1);
    REQUIRE(store.ok());
    CHECK((*store)->formatted_now());
    CHECK((*store)->path() == path);
  }
  const auto again = StoreDirectory::Open(path, kMetadata1);
  REQUIRE(again.ok());
  CHECK_FALSE((*again)->formatted_now());
}

TEST_CASE("another identity is refused and named") {
  TempDir temp;
  REQUIRE(StoreDirectory::Open(temp.path(), kMetadata1).ok());
  const auto other = StoreDirectory::Open(temp.path(), {{"role", "metadata"}, {"node", "2"}});
  CHECK(absl::IsFailedPrecondition(other.status()));
  CHECK(Contains(other.status(), "belongs to node \"1\", this process is node \"2\""));
  CHECK(absl::IsFailedPrecondition(
      StoreDirectory::Open(temp.path(), {{"role", "metadata"}}).status()));
  auto more = kMetadata1;
  more["cluster"] = "00ff";
  CHECK(absl::IsFailedPrecondition(StoreDirectory::Open(temp.path(), more).status()));
  CHECK(StoreDirectory::Open(temp.path(), kMetadata1).ok());
}

TEST_CASE("another version is refused and named") {
  TempDir temp;
  WriteText(temp / "STORE", "openefs-store=999\nrole=metadata\nnode=1\n");
  const auto store = StoreDirectory::Open(temp.path(), kMetadata1);
  CHECK(absl::IsFailedPrecondition(store.status()));
  CHECK(Contains(store.status(), "version 999"));
  CHECK(OneLine(store.status()));
}

TEST_CASE("a damaged STORE file is refused, not formatted over") {
  TempDir temp;
  for (const std::string& damage :
       {std::string(), std::string("\n\n"), std::string("garbage"), std::string(64, '\0')}) {
    WriteText(temp / "STORE", damage);
    CHECK(absl::IsFailedPrecondition(StoreDirectory::Open(temp.path(), kMetadata1).status()));
    CHECK(*ReadSmallFile(temp / "STORE") == damage);
  }
}

TEST_CASE("a foreign directory is refused and left as it was") {
  TempDir temp;
  WriteText(temp / "thesis.txt", "years of work");
  const auto store = StoreDirectory::Open(temp.path(), kMetadata1);
  CHECK(absl::IsFailedPrecondition(store.status()));
  CHECK(Contains(store.status(), "thesis.txt"));
  CHECK_FALSE(std::filesystem::exists(temp / "LOCK"));
  CHECK_FALSE(std::filesystem::exists(temp / "STORE"));
}

TEST_CASE("a crash while formatting leaves a directory that formats") {
  TempDir temp;
  WriteText(temp / "LOCK", "");
  WriteText(temp / "STORE.tmp", "openefs-st");
  std::filesystem::create_directory(temp / "lost+found");
  const auto store = StoreDirectory::Open(temp.path(), kMetadata1);
  REQUIRE(store.ok());
  CHECK((*store)->formatted_now());
}

TEST_CASE("a second opener is told who has the directory") {
  TempDir temp;
  const auto store = StoreDirectory::Open(temp.path(), kMetadata1);
  REQUIRE(store.ok());
  const auto same_process = StoreDirectory::Open(temp.path(), kMetadata1);
  CHECK(absl::IsAlreadyExists(same_process.status()));
  const std::string pid = "(pid " + std::to_string(::getpid()) + ")";
  CHECK(Contains(same_process.status(), pid));
  CHECK(InChild([&] {
          const auto second = StoreDirectory::Open(temp.path(), kMetadata1);
          return absl::IsAlreadyExists(second.status()) && Contains(second.status(), pid) ? 0 : 1;
        }) == 0);
}

TEST_CASE("the lock of a process that died is free") {
  TempDir temp;
  CHECK(InChild([&] {
          auto store = StoreDirectory::Open(temp.path(), kMetadata1);
          if (!store.ok()) return 1;
          store->release();  // as a killed process would leave it
          return 0;
        }) == 0);
  CHECK(StoreDirectory::Open(temp.path(), kMetadata1).ok());
}

TEST_CASE("an unwritable directory is one clear error") {
  TempDir temp;
  REQUIRE(::chmod(temp.path().c_str(), 0555) == 0);
  CHECK(InChild([&] {
          if (::geteuid() == 0 && ::setuid(65534) != 0) return 2;
          const auto there = StoreDirectory::Open(temp.path(), kMetadata1);
          const auto below = StoreDirectory::Open(temp / "new", kMetadata1);
          return absl::IsPermissionDenied(there.status()) && OneLine(there.status()) &&
                         absl::IsPermissionDenied(below.status())
                     ? 0
                     : 1;
        }) == 0);
}

TEST_CASE("a file where the directory should be is one clear error") {
  TempDir temp;
  WriteText(temp / "file", "x");
  CHECK(absl::IsPermissionDenied(StoreDirectory::Open(temp / "file", kMetadata1).status()));
  CHECK(absl::IsPermissionDenied(StoreDirectory::Open(temp / "file/below", kMetadata1).status()));
}

TEST_CASE("a stopped role's directory can be looked at, and is left as it was") {
  TempDir temp;
  const std::string path = temp / "store";
  CHECK(absl::IsNotFound(StoreDirectory::OpenForReading(path, {}).status()));
  CHECK_FALSE(std::filesystem::exists(path));
  {
    const auto store = StoreDirectory::Open(path, kMetadata1);
    REQUIRE(store.ok());
    // In use: also where the reader has the same identity.
    const auto reader = StoreDirectory::OpenForReading(path, kMetadata1);
    CHECK(absl::IsAlreadyExists(reader.status()));
    CHECK(Contains(reader.status(), std::to_string(::getpid())));
    CHECK(OneLine(reader.status()));
  }
  CHECK(absl::IsFailedPrecondition(
      StoreDirectory::OpenForReading(path, {{"role", "datanode"}}).status()));
  const auto before = std::filesystem::last_write_time(path + "/LOCK");
  const auto reader = StoreDirectory::OpenForReading(path, {{"role", "metadata"}});
  REQUIRE(reader.ok());
  CHECK((*reader)->path() == path);
  CHECK(std::filesystem::last_write_time(path + "/LOCK") == before);
  // As long as somebody looks, nobody uses it.
  CHECK(absl::IsAlreadyExists(StoreDirectory::Open(path, kMetadata1).status()));
}

}  // namespace openefs
