#include "cli/roles/new_role.h"

#include <arpa/inet.h>

#include <algorithm>
#include <filesystem>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "common/config/print_role_config.h"
#include "common/files.h"

namespace openefs::cli {
namespace {

namespace fs = std::filesystem;

bool IsIpv6(const std::string& text) {
  in6_addr address;
  return ::inet_pton(AF_INET6, text.c_str(), &address) == 1;
}

bool IsName(const std::string& text) {
  return !text.empty() && std::all_of(text.begin(), text.end(), [](unsigned char c) {
    return std::isalnum(c) != 0 || c == '.' || c == '-';
  });
}

// Where the port begins: the colon behind the host; npos if there is none.
size_t PortColon(const std::string& text) {
  if (text.starts_with('[')) {
    const size_t close = text.find(']');
    return close == std::string::npos ? close : text.find(':', close);
  }
  return text.find(':');
}

}  // namespace

bool HostPort::numeric() const {
  in_addr address;
  return ::inet_pton(AF_INET, host.c_str(), &address) == 1 || IsIpv6(host);
}

std::string HostPort::ToString() const {
  return IsIpv6(host) ? absl::StrCat("[", host, "]:", port) : absl::StrCat(host, ":", port);
}

absl::StatusOr<HostPort> ParseHost(const std::string& text, int default_port) {
  const absl::Status wrong =
      absl::InvalidArgumentError(absl::StrCat("\"", text, "\" is not HOST or HOST:PORT"));
  HostPort parsed{text, default_port};
  if (IsIpv6(text)) return parsed;
  const size_t colon = PortColon(text);
  if (colon != std::string::npos) {
    parsed.host = text.substr(0, colon);
    const bool number = absl::SimpleAtoi(text.substr(colon + 1), &parsed.port);
    if (!number || parsed.port < 1 || parsed.port > 65535) return wrong;
  }
  if (parsed.host.starts_with('[') && parsed.host.ends_with(']')) {
    parsed.host = parsed.host.substr(1, parsed.host.size() - 2);
    if (!IsIpv6(parsed.host)) return wrong;
    return parsed;
  }
  if (!IsName(parsed.host)) return wrong;
  return parsed;
}

std::string MetricsAddress(Role role, const HostPort& self) {
  if (!self.numeric()) return "";
  return HostPort{self.host, kFirstMetricsPort + static_cast<int>(role)}.ToString();
}

absl::Status CheckDirectoryIsFree(const RoleConfig& config) {
  std::error_code error;
  const bool there = fs::exists(config.data_dir, error);
  if (!error && (!there || fs::is_empty(config.data_dir, error)) && !error) return absl::OkStatus();
  if (error) {
    return absl::PermissionDeniedError(absl::StrCat(config.data_dir, ": ", error.message()));
  }
  return absl::FailedPreconditionError(absl::StrCat(
      config.data_dir,
      " is not empty: a new node begins with an empty directory, and one that has data keeps the "
      "configuration it had"));
}

absl::Status WriteNewRoleFile(const RoleConfig& config, const std::string& path) {
  std::error_code error;
  if (fs::exists(path, error) || error) {
    return absl::AlreadyExistsError(absl::StrCat(path, " is there already; name another --output"));
  }
  return WriteFileDurably(
      path, absl::StrCat("# openefs ", RoleName(config.role),
                         "; every key is in docs/operations.md\n", PrintRoleConfig(config)));
}

}  // namespace openefs::cli
