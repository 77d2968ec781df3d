// Six real data nodes in one process, over three AZs, and a blob client whose way to each node can
// be cut, slowed and stopped.
#pragma once

#include <array>
#include <atomic>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "common/clock.h"
#include "common/mutex.h"
#include "datastore/client/admission.h"
#include "datastore/client/blob_client.h"
#include "datastore/client/placement.h"
#include "datastore/codes/code_table.h"
#include "datastore/node/local_data_node.h"
#include "tests/datastore/bytes.h"
#include "tests/datastore/node_driver.h"

namespace openefs::datastore {

// The way to one node. Any thread.
class FaultyClient final : public DataNodeClient {
 public:
  using Connect = std::function<std::shared_ptr<DataNodeClient>()>;

  explicit FaultyClient(Connect connect) : connect_(std::move(connect)), real_(connect_()) {}

  // Every call fails at once, those that hang too.
  void Cut() { Set(kCut); }
  // Calls get no answer.
  void Hang() { Set(kHang); }
  // Calls go through again; those that hang fail, as on a connection that breaks.
  void Release() { Set(kOpen); }
  void FailPutsWith(absl::StatusCode code);  // kOk: no longer
  // Once cut: until no call is on its way into the node, which may go then.
  void AwaitNobodyInside();
  void Reconnect();  // to a node that was opened again

  int gets() const { return gets_; }
  int puts() const { return puts_; }
  uint64_t got_bytes() const { return got_bytes_; }

  void Put(FragmentId id, BufferList bytes, absl::AnyInvocable<void(absl::Status)> done) override;
  void Get(FragmentId id, uint32_t offset, uint32_t length,
           absl::AnyInvocable<void(absl::StatusOr<Buffer>)> done) override;
  void Delete(std::vector<FragmentId> ids, absl::AnyInvocable<void(absl::Status)> done) override;
  void List(pb::ListFragmentsRequest request,
            absl::AnyInvocable<void(absl::StatusOr<pb::ListFragmentsResponse>)> done) override;
  void Status(absl::AnyInvocable<void(absl::StatusOr<pb::DataNodeStatus>)> done) override;

 private:
  enum Mode { kOpen, kCut, kHang };
  void Set(Mode mode);
  // The node, if the call may go through (Leave follows); otherwise `fail` is or will be called.
  std::shared_ptr<DataNodeClient> Pass(absl::AnyInvocable<void(absl::Status)> fail);

  void Leave();

  const Connect connect_;
  std::atomic<int> gets_{0};
  std::atomic<int> puts_{0};
  std::atomic<uint64_t> got_bytes_{0};
  Mutex mu_;
  CondVar left_;
  Mode mode_ ABSL_GUARDED_BY(mu_) = kOpen;
  int inside_ ABSL_GUARDED_BY(mu_) = 0;
  absl::StatusCode put_error_ ABSL_GUARDED_BY(mu_) = absl::StatusCode::kOk;
  std::shared_ptr<DataNodeClient> real_ ABSL_GUARDED_BY(mu_);
  std::vector<absl::AnyInvocable<void(absl::Status)>> hanging_ ABSL_GUARDED_BY(mu_);
};

// How clients reach nodes: direct calls or RPC. The same tests run over both.
class Wiring {
 public:
  virtual ~Wiring() = default;
  virtual std::shared_ptr<DataNodeClient> Connect(DataNode* node) = 0;
  // Before the node goes.
  virtual void Disconnect(DataNode* node) = 0;
};
std::unique_ptr<Wiring> MakeDirectWiring();
std::unique_ptr<Wiring> MakeRpcWiring();

class TestCluster {
 public:
  struct Options {
    pb::Code code = pb::RS_3_3;
    int azs = 3;
    int spares = 0;  // nodes that hold no fragment at first
    BlobClientOptions client{.patience_ms = 20'000, .hedge_ms = 10'000};
    std::unique_ptr<Wiring> wiring = MakeDirectWiring();
  };

  explicit TestCluster(Options options);
  ~TestCluster();

  BlobClient& client() { return *client_; }
  FaultyClient& way(int node) { return *ways_[static_cast<size_t>(node)]; }
  LocalDataNode& node(int node) { return *nodes_[static_cast<size_t>(node)]; }

  // What the map says of a node.
  void SetStatus(int node, pb::NodeStatus status);
  void SetStatus(std::vector<int> nodes, pb::NodeStatus status);

  // Fragment `index` belongs on `node` from now on.
  void SetMember(int index, int node);

  // kill -9 and start again; unreachable in between.
  void Kill(int node);
  void Restart(int node);
  // As if its disk had been replaced.
  void Wipe(int node);

  void Corrupt(BlobId id, uint32_t index, uint32_t blob_length);

  absl::StatusOr<WrittenBlob> Write(const std::string& bytes);
  absl::StatusOr<std::string> Read(const WrittenBlob& blob, uint32_t offset, uint32_t length);
  absl::StatusOr<std::string> Read(const WrittenBlob& blob) { return Read(blob, 0, blob.length); }
  absl::Status Delete(std::vector<BlobId> ids);
  absl::StatusOr<uint32_t> Repair(const WrittenBlob& blob, uint32_t mask);

  // Which fragments of the blob the nodes have.
  uint32_t Durable(BlobId id);
  // Waits until they have all of `mask`: acknowledgement does not wait for the last ones.
  void AwaitDurable(BlobId id, uint32_t mask);

 private:
  void Publish();
  LocalDataNodeOptions OptionsOf(int node) const;

  TestDirectory directory_;
  pb::ClusterMap map_;
  const std::unique_ptr<Wiring> wiring_;
  std::vector<std::unique_ptr<LocalDataNode>> nodes_;
  std::vector<std::shared_ptr<FaultyClient>> ways_;
  std::unique_ptr<BlobClient> client_;
};

}  // namespace openefs::datastore
