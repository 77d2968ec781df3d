// The examples in deploy/config are read without a word.
#include <catch2/catch.hpp>
#include <string>

#include "common/config/role_config.h"

namespace openefs {

TEST_CASE("the example of each role is a good configuration") {
  for (const Role role : {Role::kMetadata, Role::kDataNode, Role::kFrontend, Role::kControl}) {
    const std::string path =
        std::string(OPENEFS_SOURCE_DIR) + "/deploy/config/" + RoleName(role) + ".yaml";
    const absl::StatusOr<RoleConfig> config = LoadRoleConfig(role, path);
    INFO(config.status().ToString());
    REQUIRE(config.ok());
    CHECK(config->metadata_nodes.size() == 3);
    CHECK_FALSE(config->metrics_listen.empty());
  }
}

}  // namespace openefs
