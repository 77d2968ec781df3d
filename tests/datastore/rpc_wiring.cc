#include <map>
#include <string>

#include "common/mutex.h"
#include "common/rpc/channel.h"
#include "datastore/node/data_node.h"
#include "tests/datastore/test_cluster.h"

namespace openefs::datastore {
namespace {

// A server per node on a loopback port of its own.
class RpcWiring final : public Wiring {
 public:
  std::shared_ptr<DataNodeClient> Connect(DataNode* node) override {
    std::unique_ptr<rpc::Server> server = rpc::MakeServer();
    ServeDataNode(node, server.get());
    REQUIRE(server->Start("127.0.0.1:0").ok());
    const std::string address = "127.0.0.1:" + std::to_string(server->port());
    servers_[node] = std::move(server);
    return MakeRpcDataNodeClient(rpc::MakeChannel(address));
  }

  void Disconnect(DataNode* node) override { servers_.erase(node); }

 private:
  std::map<DataNode*, std::unique_ptr<rpc::Server>> servers_;
};

}  // namespace

std::unique_ptr<Wiring> MakeRpcWiring() { return std::make_unique<RpcWiring>(); }

}  // namespace openefs::datastore
