// How large files and functions are: a report, and a limit far out that nothing may pass.
#include <algorithm>
#include <catch2/catch.hpp>
#include <map>
#include <sstream>
#include <string>
#include <vector>

#include "tests/repo/source_tree.h"

namespace openefs::repo {
namespace {

constexpr int kMaxFunctionLines = 70;
constexpr int kMaxFileLines = 600;
constexpr size_t kShown = 5;  // of the longest

struct Sizes {
  int files = 0;
  int lines = 0;
  std::vector<int> functions;
};

int At(const std::vector<int>& sorted, double part) {
  if (sorted.empty()) return 0;
  return sorted[static_cast<size_t>(part * static_cast<double>(sorted.size() - 1))];
}

std::string Report(std::map<std::string, Sizes> folders) {
  std::ostringstream out;
  out << "folder       files   lines  functions  median  90%  longest\n";
  for (auto& [folder, sizes] : folders) {
    std::sort(sizes.functions.begin(), sizes.functions.end());
    char line[128];
    std::snprintf(line, sizeof line, "%-12s %5d  %6d  %9zu  %6d  %3d  %7d\n", folder.c_str(),
                  sizes.files, sizes.lines, sizes.functions.size(), At(sizes.functions, 0.5),
                  At(sizes.functions, 0.9), At(sizes.functions, 1.0));
    out << line;
  }
  return out.str();
}

std::vector<Function> CountFunctions(const std::string& code) {
  return Functions({.path = "f", .folder = "", .text = code, .code = StripComments(code)});
}

}  // namespace

TEST_CASE("functions and files stay small") {
  std::map<std::string, Sizes> folders;
  std::vector<Function> longest;
  for (const SourceFile& file : Sources()) {
    Sizes& sizes = folders[file.folder];
    const int lines = static_cast<int>(Lines(file.text).size());
    ++sizes.files;
    sizes.lines += lines;
    if (lines > kMaxFileLines) FAIL_CHECK(file.path << " has " << lines << " lines: divide it");
    for (const Function& function : Functions(file)) {
      sizes.functions.push_back(function.lines);
      longest.push_back(function);
      if (function.lines > kMaxFunctionLines) {
        FAIL_CHECK(function.where << " has " << function.lines << " lines: divide it");
      }
    }
  }
  std::sort(longest.begin(), longest.end(),
            [](const Function& a, const Function& b) { return a.lines > b.lines; });
  std::string report = Report(folders) + "the longest:\n";
  for (size_t i = 0; i < std::min(kShown, longest.size()); ++i) {
    report += "  " + std::to_string(longest[i].lines) + " " + longest[i].where + "\n";
  }
  WARN(report);
}

TEST_CASE("functions are told from other braces") {
  const auto functions = CountFunctions(
      "namespace a {\n"
      "struct S {\n"
      "  int x{0};\n"
      "  int F() const {\n"
      "    return G({1}, [] { return 2; });\n"
      "  }\n"
      "};\n"
      "const int kTable[] = {F(1),\n  2};\n"
      "template <class T>\n"
      "T H(T t) { return t; }  // {\n"
      "}\n");
  REQUIRE(functions.size() == 2);
  CHECK(functions[0].where == "f:4");
  CHECK(functions[0].lines == 3);
  CHECK(functions[1].lines == 1);
}

}  // namespace openefs::repo
