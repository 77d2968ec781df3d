#include "cli/roles/mount_line.h"

#include "absl/strings/str_cat.h"

namespace openefs::cli {

std::string MountLine(const std::string& address, int port) {
  return absl::StrCat("mount -t nfs4 -o vers=4.1,proto=tcp,port=", port,
                      ",rsize=1048576,wsize=1048576,hard,timeo=600,retrans=2,noresvport ", address,
                      ":/ /mnt");
}

}  // namespace openefs::cli
