// A data node driven synchronously.
#pragma once

#include <string>
#include <vector>

#include "datastore/node/local_data_node.h"
#include "tests/datastore/bytes.h"

namespace openefs::datastore {

inline FragmentId Fragment(uint64_t number, uint32_t index = 0) {
  return {BlobId::Make(1, 1'700'000'000'000, number), index};
}

inline absl::Status Put(DataNode& node, FragmentId id, const std::string& bytes) {
  Awaited<absl::Status> done;
  node.Put(id, {Buffer::Copy(bytes)}, done.Callback());
  return done.Get();
}

inline absl::StatusOr<std::string> Get(DataNode& node, FragmentId id, uint32_t offset,
                                       uint32_t length) {
  Awaited<absl::StatusOr<Buffer>> done;
  node.Get(id, offset, length, done.Callback());
  absl::StatusOr<Buffer> bytes = done.Get();
  if (!bytes.ok()) return bytes.status();
  return std::string(bytes->view());
}

inline absl::Status Delete(DataNode& node, std::vector<FragmentId> ids) {
  Awaited<absl::Status> done;
  node.Delete(std::move(ids), done.Callback());
  return done.Get();
}

inline LocalDataNodeOptions NodeOptions(const std::string& directory,
                                        FileSystem* files = PosixFileSystem()) {
  LocalDataNodeOptions options;
  options.node.node_id = 7;
  options.node.az = "a";
  options.node.directory = directory;
  options.node.cluster_id = std::string(16, 'c');
  options.node.segment_bytes = 256 << 10;
  options.node.reserve_bytes = 0;
  options.files = files;
  options.maintain = false;
  return options;
}

inline std::unique_ptr<LocalDataNode> OpenNode(const LocalDataNodeOptions& options) {
  auto node = LocalDataNode::Open(options);
  INFO(node.status().ToString());
  REQUIRE(node.ok());
  return *std::move(node);
}

}  // namespace openefs::datastore
