// Rules of the house that a machine can check.
#include <catch2/catch.hpp>
#include <filesystem>
#include <regex>
#include <string>
#include <vector>

#include "tests/repo/source_tree.h"

namespace openefs::repo {
namespace {

constexpr size_t kMaxColumns = 100;

struct Ban {
  const char* pattern;  // in code without comments and strings
  const char* instead;
  std::vector<std::string> allowed;  // path prefixes where it may stand
};

const std::vector<Ban>& Bans() {
  static const auto* bans = new std::vector<Ban>{
      {R"(\.detach\(\))", "keep the thread and join it", {}},
      {R"(\b(strcpy|strcat|sprintf|vsprintf)\s*\()", "use std::string or absl::StrCat", {}},
      {R"(\b(rand|srand)\s*\(|std::random_device)", "use common/random.h", {}},
      {R"(\bstd::mt19937)", "use common/random.h", {"tests/", "bench/"}},
      {R"(\bstd::(cout|cerr)\b)", "use common/log.h", {"cli/", "bench/", "tests/"}},
      {R"((^|[^:\w.>])(std::system|system|popen)\s*\()", "no shell: use fork and exec", {"tests/"}},
      {R"(\babsl::(Mutex|MutexLock|CondVar|Notification|BlockingCounter)\b)",
       "use common/mutex.h (in tests, tests/common/notification.h): TSan cannot see absl's",
       {}},
      {R"((^|[^_\w])assert\s*\()", "use OPENEFS_CHECK, which holds in production too", {}},
      // Set-up on the way to serving may sleep: it is bounded, and there is nothing to stop yet.
      {R"(\bstd::this_thread::sleep_)",
       "wait on something that Stop can wake",
       {"tests/", "bench/", "cli/", "control/bootstrap.cc", "server/nfs4/front_end.cc"}},
      {R"(\busing\s+namespace\s+std\s*;)", "name what is used", {}},
      {R"(\b(atoi|atol|atoll|strtok)\s*\()", "use absl::SimpleAtoi, absl::StrSplit", {"bench/"}},
      {R"(#\s*include\s+<(iostream)>)", "use common/log.h", {"cli/", "bench/", "tests/"}},
  };
  return *bans;
}

bool StartsWithAny(const std::string& path, const std::vector<std::string>& prefixes) {
  for (const std::string& prefix : prefixes) {
    if (path.starts_with(prefix)) return true;
  }
  return false;
}

// Code points, as an editor counts columns.
size_t Columns(std::string_view line) {
  size_t columns = 0;
  for (const char c : line) columns += (static_cast<unsigned char>(c) & 0xc0) != 0x80;
  return columns;
}

std::string At(const SourceFile& file, size_t index) {
  return file.path + ":" + std::to_string(index + 1);
}

}  // namespace

TEST_CASE("every header begins with a comment and #pragma once") {
  for (const SourceFile& file : Sources()) {
    if (!file.IsHeader()) continue;
    if (!file.text.starts_with("// ")) FAIL_CHECK(file.path << " must begin with what it is for");
    const size_t pragma = file.text.find("#pragma once");
    if (pragma == std::string::npos || file.text.find("#include") < pragma) {
      FAIL_CHECK(file.path << " must have #pragma once before its includes");
    }
  }
}

TEST_CASE("lines have at most 100 columns and no tabs or blanks at their ends") {
  for (const SourceFile& file : Sources()) {
    const std::vector<std::string_view> lines = Lines(file.text);
    for (size_t i = 0; i < lines.size(); ++i) {
      if (Columns(lines[i]) > kMaxColumns) FAIL_CHECK(At(file, i) << " is too long");
      if (lines[i].find('\t') != std::string_view::npos) FAIL_CHECK(At(file, i) << " has a tab");
      if (lines[i].ends_with(' ')) FAIL_CHECK(At(file, i) << " ends in a blank");
    }
  }
}

TEST_CASE("nothing is left for later without an issue") {
  const std::string later = std::string("TO") + "DO";
  const std::string fix = std::string("FIX") + "ME";
  for (const SourceFile& file : Sources()) {
    const std::vector<std::string_view> lines = Lines(file.text);
    for (size_t i = 0; i < lines.size(); ++i) {
      for (const std::string& mark : {later, fix}) {
        if (lines[i].find(mark) != std::string_view::npos)
          FAIL_CHECK(At(file, i) << " has " << mark);
      }
    }
  }
}

TEST_CASE("banned calls are not made") {
  for (const Ban& ban : Bans()) {
    const std::regex pattern(ban.pattern);
    for (const SourceFile& file : Sources()) {
      if (StartsWithAny(file.path, ban.allowed)) continue;
      const std::vector<std::string_view> lines = Lines(file.code);
      for (size_t i = 0; i < lines.size(); ++i) {
        std::cmatch match;
        if (!std::regex_search(lines[i].begin(), lines[i].end(), match, pattern)) continue;
        FAIL_CHECK(At(file, i) << " has \"" << match.str() << "\": " << ban.instead);
      }
    }
  }
}

TEST_CASE("every folder of sources tells what lives there") {
  for (const std::string& folder : SourceFolders()) {
    if (folder == "bench" || folder == "tests") continue;  // docs/testing.md, docs/performance.md
    const std::string readme = std::string(OPENEFS_SOURCE_DIR) + "/" + folder + "/README.md";
    if (!std::filesystem::exists(readme)) FAIL_CHECK(folder << " needs a README.md");
  }
}

TEST_CASE("the checks see what they should and no more") {
  CHECK(StripComments("a /* b */ c") == "a         c");
  CHECK(StripComments("x // rand()\ny") == "x          \ny");
  CHECK(StripComments("f(\"rand()\", 'a', '\\'')") == "f(        ,    ,     )");
  CHECK(StripComments("R\"(a\")\" 1'000'000") == "        1'000'000");
  CHECK(Columns("h\u00e9") == 2);
  const std::regex system(Bans()[5].pattern);
  CHECK(std::regex_search("  system(command);", system));
  CHECK_FALSE(std::regex_search("CHECK(file_system(x));", system));
}

}  // namespace openefs::repo
