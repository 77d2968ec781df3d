#include "common/config/parse_value.h"

#include <arpa/inet.h>
#include <netinet/in.h>

#include <algorithm>

#include "absl/strings/ascii.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"

namespace openefs {
namespace {

bool IsDigits(absl::string_view text) {
  return !text.empty() && std::all_of(text.begin(), text.end(), absl::ascii_isdigit);
}

bool IsNumericAddress(const std::string& text) {
  in6_addr parsed;  // room for both families
  return ::inet_pton(AF_INET, text.c_str(), &parsed) == 1 ||
         ::inet_pton(AF_INET6, text.c_str(), &parsed) == 1;
}

bool IsHost(absl::string_view text) {
  if (text.size() > 2 && text.front() == '[' && text.back() == ']') {
    return IsNumericAddress(std::string(text.substr(1, text.size() - 2)));
  }
  return !text.empty() && std::all_of(text.begin(), text.end(), [](unsigned char c) {
    return absl::ascii_isalnum(c) || c == '.' || c == '-';
  });
}

}  // namespace

absl::Status ConfigError(int line, absl::string_view text) {
  return absl::InvalidArgumentError(
      absl::StrCat(line + 1, ": ", absl::StrReplaceAll(text, {{"\n", " "}})));
}

absl::Status ConfigError(const YAML::Node& node, absl::string_view text) {
  return ConfigError(node.Mark().line, text);
}

absl::Status ConfigError(const absl::Status& error, absl::string_view prefix) {
  const absl::string_view text = error.message();
  const size_t after_line = text.find(": ") + 2;
  return absl::InvalidArgumentError(
      absl::StrCat(text.substr(0, after_line), prefix, text.substr(after_line)));
}

absl::StatusOr<std::string> ParseText(const YAML::Node& node) {
  if (!node.IsScalar() || node.Scalar().empty()) return ConfigError(node, "must be text");
  return node.Scalar();
}

absl::StatusOr<bool> ParseBool(const YAML::Node& node) {
  const std::string text = node.IsScalar() ? node.Scalar() : "";
  if (text == "true") return true;
  if (text == "false") return false;
  return ConfigError(node, "must be true or false");
}

absl::StatusOr<uint64_t> ParseInteger(const YAML::Node& node, uint64_t min, uint64_t max) {
  uint64_t value = 0;
  const bool is_number =
      node.IsScalar() && IsDigits(node.Scalar()) && absl::SimpleAtoi(node.Scalar(), &value);
  if (is_number && value >= min && value <= max) return value;
  return ConfigError(node, absl::StrCat("must be a whole number from ", min, " to ", max));
}

absl::StatusOr<std::string> ParseAddress(const YAML::Node& node) {
  if (node.IsScalar() && IsNumericAddress(node.Scalar())) return node.Scalar();
  return ConfigError(node, "must be a numeric address");
}

absl::StatusOr<std::string> ParseHostPort(const YAML::Node& node) {
  const std::string text = node.IsScalar() ? node.Scalar() : "";
  const size_t colon = text.rfind(':');
  if (colon != std::string::npos && IsHost(absl::string_view(text).substr(0, colon))) {
    const absl::string_view port = absl::string_view(text).substr(colon + 1);
    uint32_t number = 0;
    const bool is_port = IsDigits(port) && absl::SimpleAtoi(port, &number);
    if (is_port && number >= 1 && number <= 65535) return text;
  }
  return ConfigError(node, "must be host:port");
}

}  // namespace openefs
