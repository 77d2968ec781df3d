#include "common/config/print_role_config.h"

#include <catch2/catch.hpp>
#include <fstream>
#include <string>

#include "tests/common/temp_dir.h"

namespace openefs {
namespace {

RoleConfig Example(Role role) {
  RoleConfig config;
  config.role = role;
  config.cluster_id = std::string("\x00\x01\"\\\x7f\xff......... ", 16);
  config.az = "az-a";
  config.metadata_nodes = {{1, "az-a", "10.0.0.1:7001"},
                           {7, "az b: \"c\" # d\n", "[fd00::2]:7001"}};
  config.node_id = role == Role::kMetadata ? 1 : 9;
  config.data_dir = "/var/lib/open efs/\\x";
  config.rpc_listen = "10.0.0.1:7002";
  config.nfs_listen = {"10.0.0.1", "fd00::1"};
  return config;
}

RoleConfig Reread(const RoleConfig& config) {
  const TempDir temp;
  const std::string path = temp / "role.yaml";
  std::ofstream(path) << PrintRoleConfig(config);
  absl::StatusOr<RoleConfig> read = LoadRoleConfig(config.role, path);
  INFO(PrintRoleConfig(config));
  INFO(read.status().ToString());
  REQUIRE(read.ok());
  return *read;
}

void CheckCommon(const RoleConfig& read, const RoleConfig& written) {
  CHECK(read.cluster_id == written.cluster_id);
  CHECK(read.az == written.az);
  REQUIRE(read.metadata_nodes.size() == written.metadata_nodes.size());
  for (size_t i = 0; i < read.metadata_nodes.size(); ++i) {
    CHECK(read.metadata_nodes[i].id == written.metadata_nodes[i].id);
    CHECK(read.metadata_nodes[i].az == written.metadata_nodes[i].az);
    CHECK(read.metadata_nodes[i].address == written.metadata_nodes[i].address);
  }
  CHECK(read.metrics_listen == written.metrics_listen);
  CHECK(read.log_level == written.log_level);
}

}  // namespace

TEST_CASE("what was printed is read back, whatever is in it") {
  for (const Role role : {Role::kMetadata, Role::kDataNode, Role::kFrontend, Role::kControl}) {
    const RoleConfig written = Example(role);
    CheckCommon(Reread(written), written);
  }
}

TEST_CASE("the keys of each role are read back") {
  RoleConfig node = Example(Role::kDataNode);
  node.rpc_advertise = "node.example:7002";
  node.segment_bytes = 8 << 20;
  node.reserve_bytes = 0;
  node.metrics_listen = "10.0.0.1:9102";
  node.log_level = LogLevel::kWarning;
  const RoleConfig read = Reread(node);
  CheckCommon(read, node);
  CHECK(read.node_id == node.node_id);
  CHECK(read.data_dir == node.data_dir);
  CHECK(read.rpc_listen == node.rpc_listen);
  CHECK(read.rpc_advertise == node.rpc_advertise);
  CHECK(read.segment_bytes == node.segment_bytes);
  CHECK(read.reserve_bytes == node.reserve_bytes);

  RoleConfig replica = Example(Role::kMetadata);
  replica.metadata_cache_bytes = 64 << 20;
  CHECK(Reread(replica).metadata_cache_bytes == replica.metadata_cache_bytes);

  RoleConfig front_end = Example(Role::kFrontend);
  front_end.nfs_port = 12049;
  front_end.lease_seconds = 7;
  front_end.read_cache_bytes = 0;
  front_end.tcp_congestion_control = "system";
  CHECK(Reread(front_end).nfs_listen == front_end.nfs_listen);
  CHECK(Reread(front_end).nfs_port == front_end.nfs_port);
  CHECK(Reread(front_end).lease_seconds == front_end.lease_seconds);
  CHECK(Reread(front_end).read_cache_bytes == front_end.read_cache_bytes);
  CHECK(Reread(front_end).tcp_congestion_control == front_end.tcp_congestion_control);
}

}  // namespace openefs
