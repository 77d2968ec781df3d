// The system group: the cluster map, file systems, job leases.
#include <catch2/catch.hpp>
#include <regex>

#include "tests/metadata/state/test_group.h"

namespace openefs::metadata::testing {
namespace {

pb::Operation Format(const std::string& cluster_id) {
  pb::Operation operation;
  pb::FormatCluster* format = operation.mutable_format_cluster();
  format->set_cluster_id(cluster_id);
  format->mutable_secrets()->set_handle_key(std::string(16, 'k'));
  format->mutable_secrets()->set_write_verifier(std::string(8, 'v'));
  format->mutable_secrets()->set_server_owner("owner");
  return operation;
}

pb::Operation GetState(uint64_t known_epoch = 0) {
  pb::Operation operation;
  operation.mutable_get_cluster_state()->set_known_epoch(known_epoch);
  return operation;
}

pb::Operation Register(uint32_t node_id, char store, const std::string& address = "a:1",
                       const std::string& az = "a") {
  pb::Operation operation;
  pb::DataNode* node = operation.mutable_register_data_node()->mutable_node();
  node->set_node_id(node_id);
  node->set_store_id(std::string(16, store));
  node->set_az(az);
  node->set_address(address);
  return operation;
}

pb::Operation SetStatus(uint32_t node_id, pb::NodeStatus status) {
  pb::Operation operation;
  operation.mutable_set_node_status()->set_node_id(node_id);
  operation.mutable_set_node_status()->set_status(status);
  return operation;
}

pb::Operation Define(uint32_t id, pb::Code code, std::vector<uint32_t> nodes) {
  pb::Operation operation;
  pb::PlacementGroup* group = operation.mutable_define_placement_group()->mutable_group();
  group->set_id(id);
  group->set_code(code);
  for (uint32_t node : nodes) group->add_node_ids(node);
  return operation;
}

pb::Operation CreateFs(const std::string& name, std::vector<uint32_t> groups = {1}) {
  pb::Operation operation;
  operation.mutable_create_file_system()->set_name(name);
  for (uint32_t group : groups) operation.mutable_create_file_system()->add_groups(group);
  return operation;
}

pb::Operation Acquire(const std::string& holder, uint32_t lease_ms) {
  pb::Operation operation;
  operation.mutable_acquire_job_lease()->set_job("merge");
  operation.mutable_acquire_job_lease()->set_holder(holder);
  operation.mutable_acquire_job_lease()->set_lease_ms(lease_ms);
  return operation;
}

const std::string kCluster(16, 'c');

struct Cluster : TestGroup {
  Cluster() : TestGroup(kSystemGroup) { REQUIRE(Run({Format(kCluster)}).error() == pb::FS_OK); }
  uint64_t Epoch() { return Run({GetState()}).cluster_state().map().epoch(); }
};

TEST_CASE("a cluster is formatted once") {
  TestGroup group(kSystemGroup);
  CHECK(group.Run({GetState()}).error() == pb::FS_NOENT);
  CHECK(group.Run({Register(1, 's')}).error() == pb::FS_NOENT);
  CHECK(group.Run({CreateFs("")}).error() == pb::FS_NOENT);
  CHECK(group.Run({Format("short")}).error() == pb::FS_INVAL);
  REQUIRE(group.Run({Format(kCluster)}).error() == pb::FS_OK);
  CHECK(group.Run({Format(std::string(16, 'd'))}).error() == pb::FS_EXIST);
  const pb::ClusterState state = group.Run({GetState()}).cluster_state();
  CHECK(state.map().cluster_id() == kCluster);
  CHECK(state.secrets().server_owner() == "owner");
  CHECK(state.map().epoch() == 1);
}

TEST_CASE("the state of a known epoch is its number alone") {
  Cluster cluster;
  REQUIRE(cluster.Run({Register(1, 's')}).error() == pb::FS_OK);
  const pb::ClusterState news = cluster.Run({GetState(1)}).cluster_state();
  CHECK(news.map().data_nodes_size() == 1);
  const pb::ClusterState same = cluster.Run({GetState(news.map().epoch())}).cluster_state();
  CHECK(same.map().epoch() == news.map().epoch());
  CHECK(same.map().data_nodes_size() == 0);
  CHECK_FALSE(same.has_secrets());
}

TEST_CASE("a data node's id belongs to one store") {
  Cluster cluster;
  REQUIRE(cluster.Run({Register(1, 's')}).error() == pb::FS_OK);
  const uint64_t epoch = cluster.Epoch();
  CHECK(cluster.Run({Register(1, 's')}).error() == pb::FS_OK);
  CHECK(cluster.Epoch() == epoch);  // nothing new
  CHECK(cluster.Run({Register(1, 't')}).error() == pb::FS_NOT_SAME);
  CHECK(cluster.Run({Register(2, 's')}).error() == pb::FS_EXIST);
  CHECK(cluster.Run({Register(1, 's', "a:1", "b")}).error() == pb::FS_NOT_SAME);
  CHECK(cluster.Run({Register(0, 'u')}).error() == pb::FS_INVAL);
  CHECK(cluster.Run({Register(3, 'u', "a:1", "")}).error() == pb::FS_INVAL);
  CHECK(cluster.Epoch() == epoch);
  CHECK(cluster.Run({Register(1, 's', "b:2")}).error() == pb::FS_OK);  // it moved
  CHECK(cluster.Epoch() == epoch + 1);
}

TEST_CASE("statuses change the map, and GONE is for ever") {
  Cluster cluster;
  REQUIRE(cluster.Run({Register(1, 's')}).error() == pb::FS_OK);
  const uint64_t epoch = cluster.Epoch();
  CHECK(cluster.Run({SetStatus(9, pb::NODE_DOWN)}).error() == pb::FS_NOENT);
  CHECK(cluster.Run({SetStatus(1, static_cast<pb::NodeStatus>(9))}).error() == pb::FS_INVAL);
  CHECK(cluster.Run({SetStatus(1, pb::NODE_DOWN)}).error() == pb::FS_OK);
  CHECK(cluster.Run({SetStatus(1, pb::NODE_DOWN)}).error() == pb::FS_OK);
  CHECK(cluster.Epoch() == epoch + 1);
  CHECK(cluster.Run({Register(1, 's')}).error() == pb::FS_OK);  // back from the dead
  CHECK(cluster.Run({GetState()}).cluster_state().map().data_nodes(0).status() == pb::NODE_UP);
  CHECK(cluster.Run({SetStatus(1, pb::NODE_GONE)}).error() == pb::FS_OK);
  CHECK(cluster.Run({SetStatus(1, pb::NODE_UP)}).error() == pb::FS_STALE);
  CHECK(cluster.Run({Register(1, 's')}).error() == pb::FS_STALE);
}

TEST_CASE("placement groups name as many different nodes as their code has fragments") {
  Cluster cluster;
  for (uint32_t id = 1; id <= 6; ++id) {
    REQUIRE(cluster.Run({Register(id, static_cast<char>('a' + id))}).error() == pb::FS_OK);
  }
  CHECK(cluster.Run({Define(1, pb::RS_3_3, {1, 2, 3, 4, 5})}).error() == pb::FS_INVAL);
  CHECK(cluster.Run({Define(1, pb::RS_3_3, {1, 2, 3, 4, 5, 5})}).error() == pb::FS_INVAL);
  CHECK(cluster.Run({Define(1, pb::RS_3_3, {1, 2, 3, 4, 5, 7})}).error() == pb::FS_NOENT);
  CHECK(cluster.Run({Define(1, pb::CODE_UNSPECIFIED, {})}).error() == pb::FS_INVAL);
  CHECK(cluster.Run({Define(1 << 16, pb::RS_1_2, {1, 2, 3})}).error() == pb::FS_INVAL);
  CHECK(cluster.Run({Define(1, pb::RS_3_3, {1, 2, 3, 4, 5, 6})}).error() == pb::FS_OK);
  const uint64_t epoch = cluster.Epoch();
  CHECK(cluster.Run({Define(1, pb::RS_3_3, {1, 2, 3, 4, 5, 6})}).error() == pb::FS_OK);
  CHECK(cluster.Epoch() == epoch);
  CHECK(cluster.Run({Define(1, pb::RS_4_2, {1, 2, 3, 4, 5, 6})}).error() == pb::FS_INVAL);
}

TEST_CASE("file systems have unique ids and names") {
  Cluster cluster;
  const pb::OperationResult first = cluster.Run({CreateFs("")});
  REQUIRE(first.error() == pb::FS_OK);
  CHECK(std::regex_match(first.file_system().name(), std::regex("fs-[0-9a-f]{17}")));
  CHECK(first.file_system().fs_id() != 0);
  const pb::OperationResult second = cluster.Run({CreateFs("")});
  CHECK(second.file_system().name() != first.file_system().name());
  CHECK(second.file_system().fs_id() != first.file_system().fs_id());
  const pb::OperationResult again = cluster.Run({CreateFs(first.file_system().name())});
  CHECK(again.error() == pb::FS_EXIST);
  CHECK(again.file_system().fs_id() == first.file_system().fs_id());
  CHECK(cluster.Run({CreateFs("a/b")}).error() == pb::FS_BADNAME);
  CHECK(cluster.Run({CreateFs("..")}).error() == pb::FS_BADNAME);
  CHECK(cluster.Run({CreateFs("x", {})}).error() == pb::FS_INVAL);
  CHECK(cluster.Run({CreateFs("x", {0})}).error() == pb::FS_INVAL);
  CHECK(cluster.Run({GetState()}).cluster_state().file_systems_size() == 2);
}

TEST_CASE("a job has one holder until its lease is over") {
  Cluster cluster;
  CHECK(cluster.Run({Acquire("one", 1000)}).job_lease().acquired());
  CHECK_FALSE(cluster.Run({Acquire("two", 1000)}).job_lease().acquired());
  cluster.AdvanceMs(900);
  CHECK(cluster.Run({Acquire("one", 1000)}).job_lease().acquired());  // renewed
  cluster.AdvanceMs(900);
  CHECK_FALSE(cluster.Run({Acquire("two", 1000)}).job_lease().acquired());
  cluster.AdvanceMs(100);
  CHECK(cluster.Run({Acquire("two", 1000)}).job_lease().acquired());
  CHECK_FALSE(cluster.Run({Acquire("one", 1000)}).job_lease().acquired());
  CHECK(cluster.Run({Acquire("two", 0)}).job_lease().acquired());  // given back
  CHECK(cluster.Run({Acquire("one", 1000)}).job_lease().acquired());
  CHECK(cluster.Run({Acquire("one", 60 * 60 * 1000)}).error() == pb::FS_INVAL);
  CHECK(cluster.Run({Acquire("", 1000)}).error() == pb::FS_INVAL);
}

TEST_CASE("operations stay in the groups they belong to") {
  TestGroup names;
  CHECK(names.Run({GetState()}).error() == pb::FS_NOTSUPP);
  Cluster cluster;
  CHECK(cluster.Run({ExchangeId("owner", 1)}).error() == pb::FS_NOTSUPP);
}

}  // namespace
}  // namespace openefs::metadata::testing
