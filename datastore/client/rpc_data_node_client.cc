#include <utility>

#include "common/rpc/channel.h"
#include "datastore/client/data_node_client.h"
#include "datastore/codes/crc32c.h"

namespace openefs::datastore {
namespace {

using rpc::Message;
using rpc::Method;

// Longer than a busy disk takes for a group commit; a node that is dead is noticed by its
// connection, or by the cluster map, long before.
constexpr int64_t kWriteTimeoutMs = 10'000;
constexpr int64_t kReadTimeoutMs = 10'000;
// A page of the index, read from disk.
constexpr int64_t kListTimeoutMs = 30'000;

void SetId(const FragmentId& id, pb::FragmentId* out) {
  out->mutable_blob()->set_high(id.blob.high);
  out->mutable_blob()->set_low(id.blob.low);
  out->set_index(id.index);
}

// Only the status matters.
rpc::ReplyCallback StatusOnly(absl::AnyInvocable<void(absl::Status)> done) {
  return [done = std::move(done)](absl::StatusOr<Message> reply) mutable { done(reply.status()); };
}

template <typename Response>
rpc::ReplyCallback Decoded(absl::AnyInvocable<void(absl::StatusOr<Response>)> done) {
  return [done = std::move(done)](absl::StatusOr<Message> reply) mutable {
    if (!reply.ok()) return done(reply.status());
    Response response;
    if (!response.ParseFromString(reply->header)) {
      return done(absl::UnavailableError("malformed answer of a data node"));
    }
    done(std::move(response));
  };
}

// The payload in one piece: it is, unless the transport has cut it.
Buffer Whole(BufferList payload) {
  if (payload.empty()) return Buffer();
  if (payload.size() == 1) return std::move(payload.front());
  std::string joined;
  joined.reserve(TotalBytes(payload));
  for (const Buffer& piece : payload) joined += piece.view();
  return Buffer::FromString(std::move(joined));
}

absl::StatusOr<Buffer> CheckedBytes(absl::StatusOr<Message> reply) {
  if (!reply.ok()) return reply.status();
  pb::GetFragmentResponse header;
  if (!header.ParseFromString(reply->header) || Crc32c(reply->payload) != header.crc32c()) {
    return absl::UnavailableError("fragment damaged on its way");
  }
  return Whole(std::move(reply->payload));
}

class RpcDataNodeClient final : public DataNodeClient {
 public:
  explicit RpcDataNodeClient(std::shared_ptr<rpc::Channel> channel)
      : channel_(std::move(channel)) {}

  void Put(FragmentId id, BufferList bytes, absl::AnyInvocable<void(absl::Status)> done) override {
    pb::PutFragmentRequest header;
    SetId(id, header.mutable_fragment());
    header.set_crc32c(Crc32c(bytes));
    channel_->Call(Method::kPutFragment, {header.SerializeAsString(), std::move(bytes)},
                   kWriteTimeoutMs, StatusOnly(std::move(done)));
  }

  void Get(FragmentId id, uint32_t offset, uint32_t length,
           absl::AnyInvocable<void(absl::StatusOr<Buffer>)> done) override {
    pb::GetFragmentRequest header;
    SetId(id, header.mutable_fragment());
    header.set_offset(offset);
    header.set_length(length);
    channel_->Call(Method::kGetFragment, {header.SerializeAsString(), {}}, kReadTimeoutMs,
                   [done = std::move(done)](absl::StatusOr<Message> reply) mutable {
                     done(CheckedBytes(std::move(reply)));
                   });
  }

  void Delete(std::vector<FragmentId> ids, absl::AnyInvocable<void(absl::Status)> done) override {
    pb::DeleteFragmentsRequest header;
    for (const FragmentId& id : ids) SetId(id, header.add_fragments());
    channel_->Call(Method::kDeleteFragments, {header.SerializeAsString(), {}}, kWriteTimeoutMs,
                   StatusOnly(std::move(done)));
  }

  void List(pb::ListFragmentsRequest request,
            absl::AnyInvocable<void(absl::StatusOr<pb::ListFragmentsResponse>)> done) override {
    channel_->Call(Method::kListFragments, {request.SerializeAsString(), {}}, kListTimeoutMs,
                   Decoded<pb::ListFragmentsResponse>(std::move(done)));
  }

  void Status(absl::AnyInvocable<void(absl::StatusOr<pb::DataNodeStatus>)> done) override {
    channel_->Call(Method::kDataNodeStatus, {}, kReadTimeoutMs,
                   Decoded<pb::DataNodeStatus>(std::move(done)));
  }

 private:
  const std::shared_ptr<rpc::Channel> channel_;
};

}  // namespace

std::unique_ptr<DataNodeClient> MakeRpcDataNodeClient(std::shared_ptr<rpc::Channel> channel) {
  return std::make_unique<RpcDataNodeClient>(std::move(channel));
}

}  // namespace openefs::datastore
