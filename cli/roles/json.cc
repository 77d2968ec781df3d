#include "cli/roles/json.h"

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"

namespace openefs::cli {
namespace {

std::string Quoted(absl::string_view text) {
  std::string quoted = "\"";
  for (const char c : text) {
    if (c == '"' || c == '\\') {
      quoted += {'\\', c};
    } else if (static_cast<unsigned char>(c) < 0x20) {
      absl::StrAppend(&quoted, absl::StrFormat("\\u%04x", c));
    } else {
      quoted += c;
    }
  }
  return quoted + '"';
}

}  // namespace

void JsonWriter::Start(absl::string_view name) {
  if (!first_) text_ += ", ";
  first_ = false;
  if (!name.empty()) absl::StrAppend(&text_, Quoted(name), ": ");
}

void JsonWriter::BeginObject(absl::string_view name) {
  Start(name);
  text_ += '{';
  first_ = true;
}

void JsonWriter::EndObject() {
  text_ += '}';
  first_ = false;
}

void JsonWriter::BeginArray(absl::string_view name) {
  Start(name);
  text_ += '[';
  first_ = true;
}

void JsonWriter::EndArray() {
  text_ += ']';
  first_ = false;
}

void JsonWriter::Text(absl::string_view name, absl::string_view value) {
  Start(name);
  text_ += Quoted(value);
}

void JsonWriter::Number(absl::string_view name, uint64_t value) {
  Start(name);
  absl::StrAppend(&text_, value);
}

void JsonWriter::Flag(absl::string_view name, bool value) {
  Start(name);
  text_ += value ? "true" : "false";
}

}  // namespace openefs::cli
