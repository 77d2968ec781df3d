// Single values of a configuration file. Includes yaml-cpp: for .cc files of common/config.
// Errors are INVALID_ARGUMENT, "LINE: what it must be".
#pragma once

#include <yaml-cpp/yaml.h>

#include <cstdint>
#include <string>
#include <utility>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace openefs {

// `line` counts from 0, as YAML's marks do.
absl::Status ConfigError(int line, absl::string_view text);
absl::Status ConfigError(const YAML::Node& node, absl::string_view text);
// The same error with `prefix` between line and text.
absl::Status ConfigError(const absl::Status& error, absl::string_view prefix);

// A scalar that is not empty.
absl::StatusOr<std::string> ParseText(const YAML::Node& node);
// Decimal digits only.
absl::StatusOr<uint64_t> ParseInteger(const YAML::Node& node, uint64_t min, uint64_t max);
// true or false.
absl::StatusOr<bool> ParseBool(const YAML::Node& node);
// A numeric IPv4 or IPv6 address.
absl::StatusOr<std::string> ParseAddress(const YAML::Node& node);
// host:port, where host is a name, an IPv4 address or an IPv6 address in brackets.
absl::StatusOr<std::string> ParseHostPort(const YAML::Node& node);

template <typename T>
absl::Status AssignOr(absl::StatusOr<T> value, T& out) {
  if (value.ok()) out = *std::move(value);
  return value.status();
}

}  // namespace openefs
