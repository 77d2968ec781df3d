// The data node itself, with what its tests need to hold: the file system below it and the
// background jobs, one step at a time.
#pragma once

#include <atomic>
#include <memory>
#include <string>
#include <vector>

#include "common/store_directory.h"
#include "datastore/node/compactor.h"
#include "datastore/node/data_node.h"
#include "datastore/node/file.h"
#include "datastore/node/fragment_reader.h"
#include "datastore/node/index.h"
#include "datastore/node/log_writer.h"
#include "datastore/node/maintenance.h"
#include "datastore/node/node_metrics.h"
#include "datastore/node/scrubber.h"
#include "datastore/node/segment_set.h"
#include "datastore/node/worker_pool.h"

namespace openefs::datastore {

struct LocalDataNodeOptions {
  DataNodeOptions node;
  FileSystem* files = PosixFileSystem();
  bool maintain = true;  // compact and scrub in the background
};

class LocalDataNode final : public DataNode {
 public:
  static absl::StatusOr<std::unique_ptr<LocalDataNode>> Open(LocalDataNodeOptions options);
  ~LocalDataNode() override;

  void Put(FragmentId id, BufferList bytes, absl::AnyInvocable<void(absl::Status)> done) override;
  void Get(FragmentId id, uint32_t offset, uint32_t length,
           absl::AnyInvocable<void(absl::StatusOr<Buffer>)> done) override;
  void Delete(std::vector<FragmentId> ids, absl::AnyInvocable<void(absl::Status)> done) override;
  absl::StatusOr<pb::ListFragmentsResponse> List(const pb::ListFragmentsRequest& request) override;
  pb::DataNodeStatus Status() override;

  // Destroyed as if the process were killed: the index loses what it had not flushed.
  void CrashOnDestruction() { crash_ = true; }

  Compactor& compactor() { return *compactor_; }
  Scrubber& scrubber() { return *scrubber_; }

 private:
  explicit LocalDataNode(LocalDataNodeOptions options);
  absl::Status Start();
  absl::Status LoadStoreId();
  void CountGet(int64_t started_ns, const absl::StatusOr<Buffer>& bytes);
  void FoundCorrupt(const FragmentId& id, const Location& at);

  // Constant once open. In the order in which they depend on each other.
  const LocalDataNodeOptions options_;
  NodeMetrics metrics_;
  std::unique_ptr<StoreDirectory> directory_;
  std::string store_id_;
  std::string segment_directory_;
  std::unique_ptr<Index> index_;
  SegmentSet segments_;
  std::unique_ptr<LogWriter> writer_;
  std::unique_ptr<FragmentReader> reader_;
  std::unique_ptr<Compactor> compactor_;
  std::unique_ptr<Scrubber> scrubber_;
  std::unique_ptr<WorkerPool> pool_;
  std::unique_ptr<Maintenance> maintenance_;

  std::atomic<uint64_t> corrupt_blocks_{0};
  std::atomic<bool> crash_{false};
};

}  // namespace openefs::datastore
