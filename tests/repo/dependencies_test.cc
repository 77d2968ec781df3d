// Dependencies between folders run one way only, as the table of docs/architecture.md says.
#include <catch2/catch.hpp>
#include <map>
#include <regex>
#include <set>
#include <string>
#include <vector>

#include "tests/repo/source_tree.h"

namespace openefs::repo {
namespace {

// Folder -> path prefixes it may include, besides its own. Those not named may include all.
const std::map<std::string, std::vector<std::string>> kMayInclude = {
    {"proto", {}},
    {"common", {"proto/"}},
    {"replication", {"common/", "proto/"}},
    {"metadata", {"replication/", "common/", "proto/"}},
    {"datastore", {"common/", "proto/"}},
    {"server", {"metadata/client/", "datastore/client/", "common/", "proto/"}},
    {"control", {"metadata/client/", "datastore/client/", "common/", "proto/"}},
};

// Nobody includes these but what is in them; but the program and the tests use the load generator.
const std::set<std::string> kLeaves = {"cli", "bench"};
constexpr const char* kGenerator = "bench/generator/";

std::vector<std::string> IncludesOf(const SourceFile& file) {
  static const std::regex kInclude(R"re(^\s*#\s*include\s+"([^"]+)")re");
  std::vector<std::string> includes;
  for (const std::string_view line : Lines(file.text)) {
    std::cmatch match;
    if (std::regex_search(line.begin(), line.end(), match, kInclude)) includes.push_back(match[1]);
  }
  return includes;
}

std::string FolderOf(const std::string& path) { return path.substr(0, path.find('/')); }

bool MayInclude(const SourceFile& file, const std::string& include) {
  const std::string target = FolderOf(include);
  const std::vector<std::string> folders = SourceFolders();
  const bool ours = std::find(folders.begin(), folders.end(), target) != folders.end();
  if (!ours || target == file.folder) return true;
  if (include.starts_with(kGenerator)) return file.folder == "cli" || file.folder == "tests";
  if (kLeaves.contains(target)) return false;
  if (target == "tests") return file.folder == "bench";
  const auto allowed = kMayInclude.find(file.folder);
  if (allowed == kMayInclude.end()) return true;
  return std::any_of(allowed->second.begin(), allowed->second.end(),
                     [&](const std::string& prefix) { return include.starts_with(prefix); });
}

}  // namespace

TEST_CASE("folders include only what the architecture allows") {
  for (const SourceFile& file : Sources()) {
    for (const std::string& include : IncludesOf(file)) {
      if (!MayInclude(file, include)) FAIL_CHECK(file.path << " must not include " << include);
    }
  }
}

TEST_CASE("the table of dependencies tells right from wrong") {
  const SourceFile server{.path = "server/a.cc", .folder = "server", .text = "", .code = ""};
  CHECK(MayInclude(server, "server/b.h"));
  CHECK(MayInclude(server, "metadata/client/metadata_client.h"));
  CHECK(MayInclude(server, "absl/status/status.h"));
  CHECK_FALSE(MayInclude(server, "metadata/store/kv.h"));
  CHECK_FALSE(MayInclude(server, "replication/node/replica_node.h"));
  CHECK_FALSE(MayInclude(server, "control/bootstrap.h"));
  CHECK_FALSE(MayInclude(server, "tests/common/temp_dir.h"));
  CHECK_FALSE(MayInclude(server, "bench/generator/runner.h"));
  const SourceFile command{.path = "cli/a.cc", .folder = "cli", .text = "", .code = ""};
  CHECK(MayInclude(command, "bench/generator/runner.h"));
  CHECK_FALSE(MayInclude(command, "bench/other.h"));
}

}  // namespace openefs::repo
