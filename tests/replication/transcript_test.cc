// The transcripts of testdata/. To write what the core says now into the files, and read the
// difference: OPENEFS_REWRITE_TRANSCRIPTS=1 replication_test "transcripts"
#include <algorithm>
#include <catch2/catch.hpp>
#include <cstdlib>
#include <filesystem>
#include <fstream>

#include "sim/transcript.h"

namespace openefs::replication::sim {
namespace {

namespace fs = std::filesystem;

std::vector<fs::path> Files() {
  std::vector<fs::path> files;
  const fs::path dir = fs::path(OPENEFS_SOURCE_DIR) / "tests/replication/testdata";
  for (const auto& entry : fs::directory_iterator(dir)) files.push_back(entry.path());
  std::sort(files.begin(), files.end());
  return files;
}

// The script of a file with the output of now.
std::string Play(const fs::path& file) {
  std::ifstream in(file);
  std::string result;
  Transcript transcript;
  for (std::string line; std::getline(in, line);) {
    if (line.starts_with("> ")) result += line + "\n" + transcript.Run(line.substr(2));
    if (line.empty() || line.starts_with("#")) result += line + "\n";
  }
  return result;
}

std::string ReadFile(const fs::path& file) {
  std::ifstream in(file);
  return {std::istreambuf_iterator<char>(in), {}};
}

TEST_CASE("transcripts") {
  const auto files = Files();
  REQUIRE(files.size() >= 8);
  for (const fs::path& file : files) {
    INFO(file);
    const std::string now = Play(file);
    if (std::getenv("OPENEFS_REWRITE_TRANSCRIPTS") != nullptr) std::ofstream(file) << now;
    CHECK(now == ReadFile(file));
  }
}

}  // namespace
}  // namespace openefs::replication::sim
