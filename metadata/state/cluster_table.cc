#include "metadata/state/cluster_table.h"

#include "common/check.h"
#include "metadata/store/keys.h"

namespace openefs::metadata {
namespace {

template <typename Record>
std::vector<Record> RecordsUnder(const Transaction& txn, KeyTag tag) {
  std::vector<Record> records;
  const std::string prefix = keys::Prefix(keys::kClusterWide, tag);
  for (auto it = txn.Scan(prefix, PrefixEnd(prefix)); it->Valid(); it->Next()) {
    const absl::string_view value = it->Value();
    if (!records.emplace_back().ParseFromArray(value.data(), static_cast<int>(value.size()))) {
      CorruptRecord(it->Key());
    }
  }
  return records;
}

}  // namespace

uint64_t ClusterEpoch(const Transaction& txn) {
  pb::ClusterMap head;
  return txn.GetRecord(keys::ClusterMap(), &head) ? head.epoch() : 0;
}

void BumpEpoch(Transaction& txn) {
  pb::ClusterMap head;
  OPENEFS_CHECK(txn.GetRecord(keys::ClusterMap(), &head));
  head.set_epoch(head.epoch() + 1);
  txn.PutRecord(keys::ClusterMap(), head);
}

std::optional<pb::DataNode> FindNode(const Transaction& txn, uint32_t node_id) {
  pb::DataNode node;
  if (!txn.GetRecord(keys::Node(node_id), &node)) return std::nullopt;
  return node;
}

std::vector<pb::DataNode> AllNodes(const Transaction& txn) {
  return RecordsUnder<pb::DataNode>(txn, KeyTag::kNode);
}

std::vector<pb::PlacementGroup> AllPlacementGroups(const Transaction& txn) {
  return RecordsUnder<pb::PlacementGroup>(txn, KeyTag::kPlacementGroup);
}

std::vector<pb::FileSystem> AllFileSystems(const Transaction& txn) {
  return RecordsUnder<pb::FileSystem>(txn, KeyTag::kFileSystem);
}

}  // namespace openefs::metadata
