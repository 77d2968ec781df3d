// The source files of this repository, as the repository's own tests look at them.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace openefs::repo {

struct SourceFile {
  std::string path;    // from the root of the repository, with '/'
  std::string folder;  // its first part
  std::string text;
  std::string
      code;  // text with comments, strings and characters blanked; lines stay where they are

  bool IsHeader() const { return path.ends_with(".h"); }
};

// Every .h and .cc below the source folders, sorted by path.
const std::vector<SourceFile>& Sources();

// The folders of the repository that hold source files, sorted.
std::vector<std::string> SourceFolders();

std::vector<std::string_view> Lines(std::string_view text);

// Blanks comments, strings and character literals.
std::string StripComments(std::string_view text);

struct Function {
  std::string where;  // path:line of its opening brace
  int lines = 0;      // from its opening to its closing brace
};

// The functions of a file, lambdas counted with what they stand in. Counts braces; does not parse.
std::vector<Function> Functions(const SourceFile& file);

}  // namespace openefs::repo
