#include "cli/roles/role_addresses.h"

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "common/files.h"

namespace openefs::cli {
namespace {

std::string PathIn(const std::string& data_dir) { return data_dir + "/metadata-addresses"; }

}  // namespace

absl::Status WriteRoleAddresses(const std::string& data_dir,
                                const std::vector<RoleAddress>& addresses) {
  std::string text;
  for (const RoleAddress& role : addresses) {
    absl::StrAppend(&text, role.node_id, " ", role.az, " ", role.address, "\n");
  }
  return WriteFileDurably(PathIn(data_dir), text);
}

absl::StatusOr<std::vector<RoleAddress>> ReadRoleAddresses(const std::string& data_dir) {
  absl::StatusOr<std::string> text = ReadSmallFile(PathIn(data_dir));
  if (!text.ok()) {
    return absl::NotFoundError(absl::StrCat("no `openefs dev` has run in ", data_dir));
  }
  std::vector<RoleAddress> addresses;
  for (absl::string_view line : absl::StrSplit(*text, '\n', absl::SkipEmpty())) {
    const std::vector<std::string> fields = absl::StrSplit(line, ' ');
    RoleAddress role;
    if (fields.size() != 3 || !absl::SimpleAtoi(fields[0], &role.node_id)) {
      return absl::FailedPreconditionError(absl::StrCat(PathIn(data_dir), " is damaged"));
    }
    role.az = fields[1];
    role.address = fields[2];
    addresses.push_back(std::move(role));
  }
  return addresses;
}

}  // namespace openefs::cli
