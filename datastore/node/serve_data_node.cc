#include <memory>
#include <string>
#include <utility>

#include "common/rpc/channel.h"
#include "datastore/codes/crc32c.h"
#include "datastore/node/data_node.h"
#include "datastore/node/worker_pool.h"

namespace openefs::datastore {
namespace {

using rpc::Message;
using rpc::ReplyCallback;

FragmentId IdOf(const pb::FragmentId& id) {
  return {{id.blob().high(), id.blob().low()}, id.index()};
}

// Decodes the header; answers INVALID_ARGUMENT and returns false if it is not one.
template <typename Header>
bool Decode(const Message& request, Header* header, ReplyCallback& reply) {
  if (header->ParseFromString(request.header)) return true;
  reply(absl::InvalidArgumentError("malformed request header"));
  return false;
}

auto ReplyEmpty(ReplyCallback reply) {
  return [reply = std::move(reply)](absl::Status status) mutable {
    if (!status.ok()) return reply(std::move(status));
    reply(Message());
  };
}

void PutFragment(DataNode* node, Message request, ReplyCallback reply) {
  pb::PutFragmentRequest header;
  if (!Decode(request, &header, reply)) return;
  if (Crc32c(request.payload) != header.crc32c()) {
    return reply(absl::UnavailableError("fragment damaged on its way"));
  }
  node->Put(IdOf(header.fragment()), std::move(request.payload), ReplyEmpty(std::move(reply)));
}

void GetFragment(DataNode* node, Message request, ReplyCallback reply) {
  pb::GetFragmentRequest header;
  if (!Decode(request, &header, reply)) return;
  node->Get(IdOf(header.fragment()), header.offset(), header.length(),
            [reply = std::move(reply)](absl::StatusOr<Buffer> bytes) mutable {
              if (!bytes.ok()) return reply(bytes.status());
              pb::GetFragmentResponse response;
              response.set_crc32c(Crc32c(bytes->view()));
              reply(Message{response.SerializeAsString(), {*std::move(bytes)}});
            });
}

void DeleteFragments(DataNode* node, Message request, ReplyCallback reply) {
  pb::DeleteFragmentsRequest header;
  if (!Decode(request, &header, reply)) return;
  std::vector<FragmentId> ids;
  for (const pb::FragmentId& id : header.fragments()) ids.push_back(IdOf(id));
  node->Delete(std::move(ids), ReplyEmpty(std::move(reply)));
}

// Listing may wait for the disk, which a thread of the server must not.
constexpr int kListThreads = 1;
constexpr size_t kMaxQueuedLists = 64;  // a handful of collectors and scrubbers, one page each

void ListFragments(DataNode* node, WorkerPool* pool, Message request, ReplyCallback reply) {
  pb::ListFragmentsRequest header;
  if (!Decode(request, &header, reply)) return;
  auto shared = std::make_shared<ReplyCallback>(std::move(reply));
  WorkerPool::Job job = [node, header, shared] {
    const absl::StatusOr<pb::ListFragmentsResponse> response = node->List(header);
    if (!response.ok()) return (*shared)(response.status());
    (*shared)(Message{response->SerializeAsString(), {}});
  };
  if (!pool->Submit(job)) (*shared)(absl::UnavailableError("data node busy: too many listings"));
}

}  // namespace

void ServeDataNode(DataNode* node, rpc::Server* server) {
  const auto serve = [node, server](rpc::Method method, auto function) {
    server->Register(method, [node, function](Message request, ReplyCallback reply) {
      function(node, std::move(request), std::move(reply));
    });
  };
  serve(rpc::Method::kPutFragment, PutFragment);
  serve(rpc::Method::kGetFragment, GetFragment);
  serve(rpc::Method::kDeleteFragments, DeleteFragments);
  auto pool = std::make_shared<WorkerPool>(kListThreads, kMaxQueuedLists);
  server->Register(rpc::Method::kListFragments, [node, pool](Message request, ReplyCallback reply) {
    ListFragments(node, pool.get(), std::move(request), std::move(reply));
  });
  serve(rpc::Method::kDataNodeStatus, [](DataNode* served, const Message&, ReplyCallback reply) {
    reply(Message{served->Status().SerializeAsString(), {}});
  });
}

}  // namespace openefs::datastore
