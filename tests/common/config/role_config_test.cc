#include "common/config/role_config.h"

#include <catch2/catch.hpp>
#include <fstream>
#include <string>

#include "absl/strings/str_replace.h"
#include "tests/common/temp_dir.h"

namespace openefs {
namespace {

constexpr char kWhole[] = R"(# a comment
cluster_id: 00112233445566778899aabbccddeeff
az: az-a
node_id: 2
data_dir: /var/lib/openefs
rpc_listen: 10.0.0.1:7001
metrics_listen: 10.0.0.1:9101
nfs_listen: [10.0.0.1, "fd00::1"]
nfs_port: 2050
lease_seconds: 15
read_leases: true
log_level: debug
metadata_nodes:
  - {id: 1, az: az-b, address: "meta-1.example:7000"}
  - id: 2
    az: az-a
    address: "[fd00::2]:7000"
)";

class File {
 public:
  explicit File(const std::string& text) { std::ofstream(path()) << text; }
  std::string path() const { return temp_ / "role.yaml"; }
  // The error's text behind "FILE:", or "" if there is none.
  std::string Error(Role role) const {
    const absl::Status status = LoadRoleConfig(role, path()).status();
    if (status.ok()) return "";
    CHECK(absl::IsInvalidArgument(status));
    const std::string text(status.message());
    CHECK(text.starts_with(path() + ":"));
    CHECK(text.find('\n') == std::string::npos);
    return text.substr(path().size() + 1);
  }

 private:
  TempDir temp_;
};

// The error of the whole file with one part replaced.
std::string ErrorWith(const std::string& part, const std::string& by, Role role = Role::kMetadata) {
  const std::string text = absl::StrReplaceAll(kWhole, {{part, by}});
  REQUIRE(text != kWhole);
  return File(text).Error(role);
}

}  // namespace

TEST_CASE("every key is read") {
  const File file(kWhole);
  const auto config = LoadRoleConfig(Role::kMetadata, file.path());
  REQUIRE(config.ok());
  CHECK(config->role == Role::kMetadata);
  CHECK(config->cluster_id ==
        std::string("\x00\x11\x22\x33\x44\x55\x66\x77\x88\x99\xaa\xbb\xcc\xdd\xee\xff", 16));
  CHECK(config->az == "az-a");
  CHECK(config->node_id == 2);
  CHECK(config->data_dir == "/var/lib/openefs");
  CHECK(config->rpc_listen == "10.0.0.1:7001");
  CHECK(config->rpc_advertise == "10.0.0.1:7001");
  CHECK(config->metrics_listen == "10.0.0.1:9101");
  CHECK(config->nfs_listen == std::vector<std::string>{"10.0.0.1", "fd00::1"});
  CHECK(config->nfs_port == 2050);
  CHECK(config->lease_seconds == 15);
  CHECK(config->read_leases);
  CHECK(config->log_level == LogLevel::kDebug);
  REQUIRE(config->metadata_nodes.size() == 2);
  CHECK(config->metadata_nodes[0].id == 1);
  CHECK(config->metadata_nodes[0].address == "meta-1.example:7000");
  CHECK(config->metadata_nodes[1].az == "az-a");
}

TEST_CASE("the optional keys of a role may be left out") {
  const std::string common =
      "cluster_id: 00112233445566778899aabbccddeeff\naz: a\n"
      "metadata_nodes: [{id: 1, az: a, address: \"h:1\"}]\n";
  CHECK(File(common).Error(Role::kControl) == "");
  const std::string nfs = common + "nfs_listen: [127.0.0.1]\n";
  CHECK(File(nfs).Error(Role::kFrontend) == "");
  CHECK(LoadRoleConfig(Role::kFrontend, File(nfs).path())->nfs_port == 2049);
  CHECK(File(nfs + "read_cache_bytes: 0\n").Error(Role::kFrontend) == "");
  CHECK(LoadRoleConfig(Role::kFrontend, File(nfs).path())->tcp_congestion_control == "cubic");
  CHECK(File(nfs + "tcp_congestion_control: bbr\n").Error(Role::kFrontend) == "");
  const std::string store = common + "node_id: 1\ndata_dir: /d\nrpc_listen: h:1\n";
  CHECK(File(store).Error(Role::kMetadata) == "");
  CHECK(File(store).Error(Role::kDataNode) == "");
  CHECK(File(store + "metadata_cache_bytes: 8388608\n").Error(Role::kMetadata) == "");
  CHECK(File(store + "metadata_cache_bytes: 8388607\n").Error(Role::kMetadata) != "");
  CHECK(File(store + "segment_bytes: 8388608\nreserve_bytes: 0\nrpc_advertise: x:2\n")
            .Error(Role::kDataNode) == "");
}

TEST_CASE("a missing key is named") {
  CHECK(ErrorWith("az: az-a\nnode", "node").find("az: missing, a metadata needs it") !=
        std::string::npos);
  CHECK(ErrorWith("node_id: 2\n", "", Role::kDataNode).find("node_id: missing") !=
        std::string::npos);
  CHECK(ErrorWith("node_id: 2\n", "", Role::kControl) == "");
  CHECK(ErrorWith("nfs_listen: [10.0.0.1, \"fd00::1\"]\n", "", Role::kFrontend)
            .find("nfs_listen: missing") != std::string::npos);
}

TEST_CASE("what is wrong is told with line and key") {
  CHECK(ErrorWith("nfs_port", "nfs_prot") == "9: unknown key \"nfs_prot\"");
  CHECK(ErrorWith("nfs_port: 2050", "az: b") == "9: az: twice");
  CHECK(ErrorWith("2050", "65536") == "9: nfs_port: must be a whole number from 1 to 65535");
  CHECK(ErrorWith("2050", "-1") == "9: nfs_port: must be a whole number from 1 to 65535");
  CHECK(ErrorWith("2050", "0x10") == "9: nfs_port: must be a whole number from 1 to 65535");
  CHECK(ErrorWith("2050", "99999999999999999999") ==
        "9: nfs_port: must be a whole number from 1 to 65535");
  CHECK(ErrorWith("2050", "[2050]") == "9: nfs_port: must be a whole number from 1 to 65535");
  CHECK(ErrorWith(": 15", ": 0") == "10: lease_seconds: must be a whole number from 1 to 3600");
  CHECK(ErrorWith(": true", ": yes") == "11: read_leases: must be true or false");
  CHECK(ErrorWith("00112233", "0011223") == "2: cluster_id: must be 32 hex digits");
  CHECK(ErrorWith("00112233", "0011223g") == "2: cluster_id: must be 32 hex digits");
  CHECK(ErrorWith("/var", "var") == "5: data_dir: must be an absolute path");
  CHECK(ErrorWith("az: az-a\nnode", "az:\nnode") == "3: az: has no value");
  CHECK(ErrorWith("0.1:7001", "0.1") == "6: rpc_listen: must be host:port");
  CHECK(ErrorWith("0.1:7001", "0.1:0") == "6: rpc_listen: must be host:port");
  CHECK(ErrorWith("0.1:7001", "0.1:7001x") == "6: rpc_listen: must be host:port");
  CHECK(ErrorWith("10.0.0.1:7001", ":7001") == "6: rpc_listen: must be host:port");
  CHECK(ErrorWith("10.0.0.1, ", "localhost, ") == "8: nfs_listen: must be a numeric address");
  CHECK(ErrorWith("log_level: debug", "log_level: loud") ==
        "12: log_level: must be debug, info, warning or error");
  CHECK(ErrorWith("id: 1", "id: 2") == "15: metadata_nodes: has the id of another node");
  CHECK(ErrorWith("id: 1", "idd: 1") == "14: metadata_nodes: unknown key idd");
  CHECK(ErrorWith("id: 1, ", "") == "14: metadata_nodes: must have id, az and address");
  CHECK(ErrorWith("node_id: 2", "node_id: 3") == "4: node_id: 3 is not one of metadata_nodes");
  CHECK(ErrorWith("\naz: az-a", "\naz: az-c") == "3: az: metadata_nodes has node 2 in az-a");
}

TEST_CASE("what is not YAML, or not a map, is told with its line") {
  CHECK(File("az: [unclosed\n\n").Error(Role::kControl).find("not YAML") != std::string::npos);
  CHECK(File("").Error(Role::kControl).find("must be a map") != std::string::npos);
  CHECK(File("- a\n- b\n").Error(Role::kControl) == "1: must be a map of keys");
  CHECK(File("? [a, b]\n: c\n").Error(Role::kControl) == "1: unknown key \"\"");
  CHECK(File(std::string("az: \0\x01\xff", 7)).Error(Role::kControl) != "");
  CHECK(File(std::string(100'000, '[')).Error(Role::kControl).find("not YAML") !=
        std::string::npos);
}

TEST_CASE("a file that cannot be read is named") {
  TempDir temp;
  const auto missing = LoadRoleConfig(Role::kControl, temp / "none.yaml");
  CHECK(absl::IsNotFound(missing.status()));
  CHECK(std::string(missing.status().message()).find("none.yaml") != std::string::npos);
  CHECK_FALSE(LoadRoleConfig(Role::kControl, temp.path()).ok());
}

}  // namespace openefs
