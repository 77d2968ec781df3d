#include "tests/datastore/test_cluster.h"

#include <fstream>
#include <thread>
#include <utility>

#include "absl/strings/str_cat.h"
#include "datastore/codes/stripe.h"
#include "datastore/node/coding.h"

namespace openefs::datastore {
namespace {

class DirectWiring final : public Wiring {
 public:
  std::shared_ptr<DataNodeClient> Connect(DataNode* node) override {
    return MakeDirectDataNodeClient(node);
  }
  void Disconnect(DataNode*) override {}
};

}  // namespace

std::unique_ptr<Wiring> MakeDirectWiring() { return std::make_unique<DirectWiring>(); }

void FaultyClient::Set(Mode mode) {
  std::vector<absl::AnyInvocable<void(absl::Status)>> hanging;
  {
    MutexLock lock(mu_);
    mode_ = mode;
    if (mode != kHang) hanging.swap(hanging_);
  }
  for (auto& fail : hanging) fail(absl::UnavailableError("connection broke"));
}

void FaultyClient::FailPutsWith(absl::StatusCode code) {
  MutexLock lock(mu_);
  put_error_ = code;
}

void FaultyClient::Reconnect() {
  std::shared_ptr<DataNodeClient> fresh = connect_();
  MutexLock lock(mu_);
  real_ = std::move(fresh);
}

std::shared_ptr<DataNodeClient> FaultyClient::Pass(absl::AnyInvocable<void(absl::Status)> fail) {
  {
    MutexLock lock(mu_);
    if (mode_ == kOpen) {
      ++inside_;
      return real_;
    }
    if (mode_ == kHang) {
      hanging_.push_back(std::move(fail));
      return nullptr;
    }
  }
  fail(absl::UnavailableError("cut off"));
  return nullptr;
}

void FaultyClient::Leave() {
  MutexLock lock(mu_);
  if (--inside_ == 0) left_.SignalAll();
}

void FaultyClient::AwaitNobodyInside() {
  MutexLock lock(mu_);
  while (inside_ > 0) left_.Wait(mu_);
}

void FaultyClient::Put(FragmentId id, BufferList bytes,
                       absl::AnyInvocable<void(absl::Status)> done) {
  ++puts_;
  absl::StatusCode error;
  {
    MutexLock lock(mu_);
    error = put_error_;
  }
  if (error != absl::StatusCode::kOk) return done(absl::Status(error, "as the test wants"));
  auto shared = std::make_shared<absl::AnyInvocable<void(absl::Status)>>(std::move(done));
  const auto real = Pass([shared](absl::Status status) { (*shared)(std::move(status)); });
  if (real == nullptr) return;
  real->Put(id, std::move(bytes), [shared](absl::Status status) { (*shared)(std::move(status)); });
  Leave();
}

void FaultyClient::Get(FragmentId id, uint32_t offset, uint32_t length,
                       absl::AnyInvocable<void(absl::StatusOr<Buffer>)> done) {
  ++gets_;
  got_bytes_ += length;
  auto shared = std::make_shared<absl::AnyInvocable<void(absl::StatusOr<Buffer>)>>(std::move(done));
  const auto real = Pass([shared](absl::Status status) { (*shared)(std::move(status)); });
  if (real == nullptr) return;
  real->Get(id, offset, length,
            [shared](absl::StatusOr<Buffer> bytes) { (*shared)(std::move(bytes)); });
  Leave();
}

void FaultyClient::Delete(std::vector<FragmentId> ids,
                          absl::AnyInvocable<void(absl::Status)> done) {
  auto shared = std::make_shared<absl::AnyInvocable<void(absl::Status)>>(std::move(done));
  const auto real = Pass([shared](absl::Status status) { (*shared)(std::move(status)); });
  if (real == nullptr) return;
  real->Delete(std::move(ids), [shared](absl::Status status) { (*shared)(std::move(status)); });
  Leave();
}

void FaultyClient::List(pb::ListFragmentsRequest request,
                        absl::AnyInvocable<void(absl::StatusOr<pb::ListFragmentsResponse>)> done) {
  MutexLock lock(mu_);
  real_->List(std::move(request), std::move(done));
}

void FaultyClient::Status(absl::AnyInvocable<void(absl::StatusOr<pb::DataNodeStatus>)> done) {
  MutexLock lock(mu_);
  real_->Status(std::move(done));
}

TestCluster::TestCluster(Options options) : wiring_(std::move(options.wiring)) {
  const int n = FindCode(options.code)->n();
  const int all = n + options.spares;
  map_.set_epoch(1);
  pb::PlacementGroup* group = map_.add_placement_groups();
  group->set_id(1);
  group->set_code(options.code);
  for (int i = 0; i < all; ++i) {
    pb::DataNode* node = map_.add_data_nodes();
    node->set_node_id(static_cast<uint32_t>(i + 1));
    node->set_az(absl::StrCat("az", i % options.azs));
    if (i < n) group->add_node_ids(node->node_id());
  }
  for (int i = 0; i < all; ++i) {
    nodes_.push_back(OpenNode(OptionsOf(i)));
    ways_.push_back(std::make_shared<FaultyClient>(
        [this, i] { return wiring_->Connect(nodes_[static_cast<size_t>(i)].get()); }));
  }
  client_ = MakeBlobClient([this](const pb::DataNode& node) { return ways_[node.node_id() - 1]; },
                           options.client, SystemClock::Get());
  Publish();
}

TestCluster::~TestCluster() {
  for (const auto& way : ways_) way->Cut();
  client_.reset();
  for (const auto& node : nodes_) {
    if (node != nullptr) wiring_->Disconnect(node.get());
  }
}

LocalDataNodeOptions TestCluster::OptionsOf(int node) const {
  LocalDataNodeOptions options = NodeOptions(absl::StrCat(directory_.path(), "/node", node));
  options.node.node_id = static_cast<NodeId>(node + 1);
  options.node.segment_bytes = 4 << 20;
  return options;
}

void TestCluster::Publish() {
  map_.set_epoch(map_.epoch() + 1);
  client_->SetClusterMap(std::make_shared<const pb::ClusterMap>(map_));
}

void TestCluster::SetStatus(int node, pb::NodeStatus status) {
  SetStatus(std::vector<int>{node}, status);
}

void TestCluster::SetStatus(std::vector<int> nodes, pb::NodeStatus status) {
  for (const int node : nodes) map_.mutable_data_nodes(node)->set_status(status);
  Publish();
}

void TestCluster::SetMember(int index, int node) {
  map_.mutable_placement_groups(0)->set_node_ids(index, static_cast<uint32_t>(node + 1));
  Publish();
}

void TestCluster::Kill(int node) {
  way(node).Cut();
  way(node).AwaitNobodyInside();
  auto& slot = nodes_[static_cast<size_t>(node)];
  wiring_->Disconnect(slot.get());
  slot->CrashOnDestruction();
  slot.reset();
}

void TestCluster::Restart(int node) {
  nodes_[static_cast<size_t>(node)] = OpenNode(OptionsOf(node));
  way(node).Reconnect();
  way(node).Release();
}

void TestCluster::Wipe(int node) {
  Kill(node);
  std::filesystem::remove_all(OptionsOf(node).node.directory);
  Restart(node);
}

// Turns a bit in every block of the fragment, on the disk.
void TestCluster::Corrupt(BlobId id, uint32_t index, uint32_t blob_length) {
  const std::string directory = OptionsOf(static_cast<int>(index)).node.directory + "/segments/";
  const Stripe stripe(*FindCode(map_.placement_groups(0).code()), blob_length);
  for (const auto& entry : std::filesystem::directory_iterator(directory)) {
    std::fstream file(entry.path(), std::ios::in | std::ios::out | std::ios::binary);
    std::string bytes((std::istreambuf_iterator<char>(file)), std::istreambuf_iterator<char>());
    std::string header;
    AppendLittle(&header, id.high);
    AppendLittle(&header, id.low);
    const size_t at = bytes.find(header);
    if (at == std::string::npos) continue;
    const uint32_t length = stripe.LengthOf(static_cast<int>(index));
    for (uint32_t block = 0; block < BlocksOf(length); ++block) {
      const size_t victim = at - 8 + DataOffsetOf(length) + size_t{block} * kBlockBytes;
      file.seekp(static_cast<std::streamoff>(victim));
      file.put(static_cast<char>(bytes[victim] ^ 1));
    }
    return;
  }
  FAIL("no such fragment on the disk");
}

absl::StatusOr<WrittenBlob> TestCluster::Write(const std::string& bytes) {
  Awaited<absl::StatusOr<WrittenBlob>> done;
  client_->Write({Buffer::Copy(bytes)}, done.Callback());
  return done.Get();
}

absl::StatusOr<std::string> TestCluster::Read(const WrittenBlob& blob, uint32_t offset,
                                              uint32_t length) {
  Awaited<absl::StatusOr<BufferList>> done;
  client_->Read(blob.id, blob.length, offset, length, done.Callback());
  absl::StatusOr<BufferList> bytes = done.Get();
  if (!bytes.ok()) return bytes.status();
  return JoinPieces(*bytes);
}

absl::Status TestCluster::Delete(std::vector<BlobId> ids) {
  Awaited<absl::Status> done;
  client_->Delete(std::move(ids), done.Callback());
  return done.Get();
}

absl::StatusOr<uint32_t> TestCluster::Repair(const WrittenBlob& blob, uint32_t mask) {
  Awaited<absl::StatusOr<uint32_t>> done;
  client_->Repair(blob.id, blob.length, mask, done.Callback());
  return done.Get();
}

uint32_t TestCluster::Durable(BlobId id) {
  uint32_t mask = 0;
  for (size_t i = 0; i < nodes_.size(); ++i) {
    if (nodes_[i] == nullptr) continue;
    if (Get(*nodes_[i], {id, static_cast<uint32_t>(i)}, 0, 0).ok()) mask |= uint32_t{1} << i;
  }
  return mask;
}

void TestCluster::AwaitDurable(BlobId id, uint32_t mask) {
  Await([&] { return (Durable(id) & mask) == mask; });
}

}  // namespace openefs::datastore
