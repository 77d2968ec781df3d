#include "common/files.h"

#include <catch2/catch.hpp>
#include <filesystem>

#include "tests/common/temp_dir.h"

namespace openefs {

TEST_CASE("a durably written file replaces the old one whole") {
  TempDir temp;
  REQUIRE(WriteFileDurably(temp / "f", std::string(10'000, 'a')).ok());
  REQUIRE(WriteFileDurably(temp / "f", "short").ok());
  CHECK(*ReadSmallFile(temp / "f") == "short");
  CHECK_FALSE(std::filesystem::exists(temp / "f.tmp"));
}

TEST_CASE("a failed write leaves the old file") {
  TempDir temp;
  REQUIRE(WriteFileDurably(temp / "f", "old").ok());
  std::filesystem::create_directory(temp / "f.tmp");
  const absl::Status failed = WriteFileDurably(temp / "f", "new");
  CHECK(absl::IsInternal(failed));
  CHECK(*ReadSmallFile(temp / "f") == "old");
}

TEST_CASE("reading tells a missing file from a bad one") {
  TempDir temp;
  CHECK(absl::IsNotFound(ReadSmallFile(temp / "none").status()));
  CHECK(absl::IsInternal(ReadSmallFile(temp.path()).status()));
  REQUIRE(WriteFileDurably(temp / "f", std::string(101, 'x')).ok());
  CHECK(absl::IsInternal(ReadSmallFile(temp / "f", 100).status()));
  CHECK(ReadSmallFile(temp / "f", 101).ok());
}

TEST_CASE("a cloned directory shares what it may and copies the rest") {
  TempDir temp;
  std::filesystem::create_directories(temp / "from/below");
  REQUIRE(WriteFileDurably(temp / "from/shared", "one").ok());
  REQUIRE(WriteFileDurably(temp / "from/copied", std::string(600'000, 'c')).ok());
  std::filesystem::create_symlink("/etc/passwd", temp / "from/link");
  const auto may_share = [](std::string_view name) { return name == "shared"; };
  REQUIRE(CloneDirectory(temp / "from", temp / "to", may_share).ok());
  CHECK(std::filesystem::equivalent(temp / "from/shared", temp / "to/shared"));
  CHECK_FALSE(std::filesystem::equivalent(temp / "from/copied", temp / "to/copied"));
  CHECK(*ReadSmallFile(temp / "to/copied") == std::string(600'000, 'c'));
  CHECK_FALSE(std::filesystem::exists(temp / "to/below"));
  CHECK_FALSE(std::filesystem::exists(std::filesystem::symlink_status(temp / "to/link")));
  CHECK_FALSE(CloneDirectory(temp / "from", temp / "to", may_share).ok());  // it is there
  CHECK_FALSE(CloneDirectory(temp / "none", temp / "to2", may_share).ok());
}

}  // namespace openefs
