#include <utility>

#include "datastore/client/data_node_client.h"
#include "datastore/node/data_node.h"

namespace openefs::datastore {
namespace {

class DirectDataNodeClient final : public DataNodeClient {
 public:
  explicit DirectDataNodeClient(DataNode* node) : node_(node) {}

  void Put(FragmentId id, BufferList bytes, absl::AnyInvocable<void(absl::Status)> done) override {
    node_->Put(id, std::move(bytes), std::move(done));
  }
  void Get(FragmentId id, uint32_t offset, uint32_t length,
           absl::AnyInvocable<void(absl::StatusOr<Buffer>)> done) override {
    node_->Get(id, offset, length, std::move(done));
  }
  void Delete(std::vector<FragmentId> ids, absl::AnyInvocable<void(absl::Status)> done) override {
    node_->Delete(std::move(ids), std::move(done));
  }
  void List(pb::ListFragmentsRequest request,
            absl::AnyInvocable<void(absl::StatusOr<pb::ListFragmentsResponse>)> done) override {
    done(node_->List(request));
  }
  void Status(absl::AnyInvocable<void(absl::StatusOr<pb::DataNodeStatus>)> done) override {
    done(node_->Status());
  }

 private:
  DataNode* const node_;
};

}  // namespace

std::unique_ptr<DataNodeClient> MakeDirectDataNodeClient(DataNode* node) {
  return std::make_unique<DirectDataNodeClient>(node);
}

}  // namespace openefs::datastore
