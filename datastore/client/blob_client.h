// Striped access to blobs: erasure-codes a blob over the nodes of a placement group and reads
// ranges back, around missing, slow and corrupt fragments.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <vector>

#include "absl/functional/any_invocable.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "common/buffer.h"
#include "common/clock.h"
#include "common/ids.h"
#include "datastore/client/data_node_client.h"
#include "proto/cluster.pb.h"

namespace openefs::datastore {

struct WrittenBlob {
  BlobId id;
  uint32_t length = 0;
  uint32_t missing_mask = 0;  // bit i: fragment i is not durable yet; the committer queues a repair
};

class BlobClient {
 public:
  // Ends what is under way, with UNAVAILABLE, and returns after the last callback.
  virtual ~BlobClient() = default;

  // The map to place by from now on; writes that wait for nodes look at it again at once. Any
  // thread.
  virtual void SetClusterMap(std::shared_ptr<const pb::ClusterMap> map) = 0;

  // Stores `bytes` (1 byte to kMaxIoBytes) as a new blob. Done when enough fragments are durable
  // that losing any AZ leaves k: while all nodes of the placement group are up, k + n/3; with nodes
  // down in the map, every fragment of those up, never fewer than k + 1. Below that it waits for
  // nodes. Fragments still under way then get a moment more before they count as missing (see
  // WrittenBlob). UNAVAILABLE after `patience_ms` without; nothing refers to the blob then, the
  // collector has it. RESOURCE_EXHAUSTED: kMaxWaitingWriteBytes (operation.h) wait already. Data
  // fragments are slices of `bytes`: nothing is copied. Callbacks as in DataNodeClient.
  virtual void Write(BufferList bytes,
                     absl::AnyInvocable<void(absl::StatusOr<WrittenBlob>)> done) = 0;

  // Bytes [offset, offset + length) of a blob of blob_length bytes. Fetches only the data fragments
  // it needs, and parity in place of those that are missing, corrupt or later than hedge_ms.
  // UNAVAILABLE: fewer than k fragments can be had now. DATA_LOSS: fewer than k are left anywhere.
  virtual void Read(BlobId id, uint32_t blob_length, uint32_t offset, uint32_t length,
                    absl::AnyInvocable<void(absl::StatusOr<BufferList>)> done) = 0;

  // A hint that these bytes, as for Read, will be read soon: a client with a cache may fetch them.
  virtual void Prefetch(BlobId, uint32_t /*blob_length*/, uint32_t /*offset*/,
                        uint32_t /*length*/) {}

  // Forgets all fragments. OK only if every node that is not gone has forgotten.
  virtual void Delete(std::vector<BlobId> ids, absl::AnyInvocable<void(absl::Status)> done) = 0;

  // Rebuilds the fragments in `mask` where their nodes are up. Returns the mask of those now
  // durable.
  virtual void Repair(BlobId id, uint32_t blob_length, uint32_t mask,
                      absl::AnyInvocable<void(absl::StatusOr<uint32_t>)> done) = 0;
};

struct BlobClientOptions {
  int64_t patience_ms = 15'000;
  int64_t hedge_ms = 200;
};

// `connect` gives the client of a node in the map; called once per node and address.
std::unique_ptr<BlobClient> MakeBlobClient(
    std::function<std::shared_ptr<DataNodeClient>(const pb::DataNode&)> connect,
    BlobClientOptions options, const Clock* clock);

}  // namespace openefs::datastore
