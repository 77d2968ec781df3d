#include "tests/sim/checkers/reference_store.h"

#include <algorithm>
#include <utility>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "metadata/ops/segment.h"
#include "metadata/store/keys.h"
#include "metadata/store/state_hash.h"
#include "tests/sim/kernel/violation.h"

namespace openefs::sim {
namespace {

using metadata::KeyTag;

// What a request may write without having had an effect: the records of its slot.
bool IsEffect(absl::string_view key) {
  metadata::KeyReader reader(key);
  const uint64_t file_system = reader.U64();
  return file_system != 0 || reader.U8() != static_cast<uint8_t>(KeyTag::kSlot);
}

}  // namespace

ReferenceStore::ReferenceStore(GroupId group)
    : group_(group), engine_(disk_.Open()), hashes_{disk_.hash()} {}

// As MetadataStateMachine says, one entry at a time.
void ReferenceStore::Apply(uint64_t index, const CommittedLog::Entry& committed) {
  metadata::Transaction txn(engine_->Snapshot());
  if (!committed.data.empty()) {
    pb::MetadataEntry entry;
    if (!entry.ParseFromString(committed.data)) throw Violation("an entry that does not parse");
    ApplySegments(txn, index, entry);
  }
  state_hash_ = metadata::ExtendStateHash(state_hash_, index, txn, 0);
  txn.Put(metadata::keys::AppliedIndex(), metadata::EncodeU64(index));
  txn.Put(metadata::keys::LastWallTime(),
          metadata::EncodeU64(static_cast<uint64_t>(wall_time_ns_)));
  txn.Put(metadata::keys::StateHash(), metadata::EncodeU64(state_hash_));
  if (!engine_->Write(txn.TakeWrites()).ok()) throw Violation("the reference store failed");
  (void)engine_->Flush();  // in memory: it keeps the list of unflushed writes short
  hashes_.push_back(disk_.hash());
}

void ReferenceStore::ApplySegments(metadata::Transaction& txn, uint64_t index,
                                   const pb::MetadataEntry& entry) {
  wall_time_ns_ = std::max(wall_time_ns_, static_cast<int64_t>(entry.wall_time_ns()));
  const absl::flat_hash_set<uint64_t> lapsed(entry.lapsed_clients().begin(),
                                             entry.lapsed_clients().end());
  metadata::ApplyEnvironment environment;
  environment.wall_time_ns = wall_time_ns_;
  environment.raft_index = index;
  environment.group = group_;
  environment.lapsed_clients = &lapsed;
  environment.random_state = entry.random_seed();
  for (const pb::SegmentRequest& request : entry.segments()) {
    const size_t mark = txn.Mark();
    pb::SegmentResponse response;
    metadata::ApplySegment(txn, environment, request, &response);
    bool changed = false;
    txn.VisitChangesSince(mark, [&changed](absl::string_view key, const auto&) {
      changed = changed || IsEffect(key);
    });
    exactly_once_.Executed(request, response, changed);
  }
}

void CheckSameContent(NodeId node, const KvImage& content, const KvImage& reference) {
  const auto differ =
      std::mismatch(content.begin(), content.end(), reference.begin(), reference.end());
  if (differ.first == content.end() && differ.second == reference.end()) return;
  const std::string& key =
      differ.first == content.end() ? differ.second->first : differ.first->first;
  throw Violation(absl::StrCat("the store of node ", node,
                               " differs from what its entries make, "
                               "first at key ",
                               absl::CHexEscape(key)));
}

}  // namespace openefs::sim
