#include "tests/repo/source_tree.h"

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <regex>
#include <set>

namespace openefs::repo {
namespace {

namespace fs = std::filesystem;

constexpr const char* kFolders[] = {"bench",    "cli",   "common", "control", "datastore",
                                    "metadata", "proto", "server", "tests",   "replication"};

std::string ReadFile(const fs::path& path) {
  std::ifstream in(path, std::ios::binary);
  return std::string(std::istreambuf_iterator<char>(in), {});
}

std::vector<SourceFile> Load() {
  std::vector<SourceFile> files;
  const fs::path root = OPENEFS_SOURCE_DIR;
  for (const char* folder : kFolders) {
    for (const auto& entry : fs::recursive_directory_iterator(root / folder)) {
      const std::string extension = entry.path().extension().string();
      if (extension != ".h" && extension != ".cc") continue;
      SourceFile file;
      file.path = entry.path().lexically_relative(root).generic_string();
      file.folder = folder;
      file.text = ReadFile(entry.path());
      file.code = StripComments(file.text);
      files.push_back(std::move(file));
    }
  }
  std::sort(files.begin(), files.end(),
            [](const SourceFile& a, const SourceFile& b) { return a.path < b.path; });
  return files;
}

// Where the literal or comment that begins at `at` ends; `at` itself if none begins there.
size_t EndOfBlank(std::string_view text, size_t at) {
  const auto end_of = [&](std::string_view mark, size_t from) {
    const size_t found = text.find(mark, from);
    return found == std::string_view::npos ? text.size() : found + mark.size();
  };
  if (text.substr(at, 2) == "//") return std::min(text.size(), text.find('\n', at));
  if (text.substr(at, 2) == "/*") return end_of("*/", at + 2);
  if (text.substr(at, 2) == "R\"") {
    const size_t open = text.find('(', at);
    return end_of(")" + std::string(text.substr(at + 2, open - at - 2)) + "\"", open);
  }
  const bool digit_separator =
      text[at] == '\'' && at > 0 && std::isxdigit(static_cast<unsigned char>(text[at - 1]));
  if ((text[at] != '"' && text[at] != '\'') || digit_separator) return at;
  size_t end = at + 1;
  while (end < text.size() && text[end] != text[at]) end += text[end] == '\\' ? 2 : 1;
  return std::min(end + 1, text.size());
}

// What a brace opens, told from the code between it and the end of what came before.
enum class Scope { kTypeOrNamespace, kFunction, kOther };

Scope ScopeOf(const std::string& heading) {
  static const std::regex kType(R"(^\s*(template\s*<[^{]*>\s*)?((inline|ABSL_\w+)\s+)*)"
                                R"((namespace|class|struct|union|enum)\b)");
  static const std::regex kExtern(R"(^\s*extern\s*$)");
  if (std::regex_search(heading, kType) || std::regex_search(heading, kExtern)) {
    return Scope::kTypeOrNamespace;
  }
  const size_t paren = heading.find('(');
  const bool initializer = heading.find('=') < paren;
  return paren == std::string::npos || initializer ? Scope::kOther : Scope::kFunction;
}

}  // namespace

const std::vector<SourceFile>& Sources() {
  static const auto* files = new std::vector<SourceFile>(Load());
  return *files;
}

std::vector<std::string> SourceFolders() {
  std::set<std::string> folders;
  for (const SourceFile& file : Sources()) folders.insert(file.folder);
  return {folders.begin(), folders.end()};
}

std::vector<std::string_view> Lines(std::string_view text) {
  std::vector<std::string_view> lines;
  while (!text.empty()) {
    const size_t end = std::min(text.find('\n'), text.size());
    lines.push_back(text.substr(0, end));
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  return lines;
}

std::string StripComments(std::string_view text) {
  std::string code(text);
  for (size_t at = 0; at < text.size();) {
    const size_t end = EndOfBlank(text, at);
    for (size_t i = at; i < end; ++i) {
      if (code[i] != '\n') code[i] = ' ';
    }
    at = std::max(end, at + 1);
  }
  return code;
}

std::vector<Function> Functions(const SourceFile& file) {
  std::vector<Function> functions;
  std::string heading;
  int line = 1, depth = 0, first_line = 0;  // depth and first line of a function or initializer
  for (const char c : file.code) {
    line += c == '\n';
    if (c == '{' && (depth > 0 || ScopeOf(heading) != Scope::kTypeOrNamespace)) {
      if (depth == 0) first_line = ScopeOf(heading) == Scope::kFunction ? line : 0;
      ++depth;
    }
    if (c == '}' && depth > 0 && --depth == 0 && first_line > 0) {
      functions.push_back({file.path + ":" + std::to_string(first_line), line - first_line + 1});
    }
    const bool ends_heading = c == ';' || c == '{' || c == '}';
    if (ends_heading) heading.clear();
    if (!ends_heading && depth == 0 && (c != '\n' || !heading.empty())) heading += c;
    if (c == '\n' && heading.find('#') != std::string::npos) heading.clear();  // a directive
  }
  return functions;
}

}  // namespace openefs::repo
