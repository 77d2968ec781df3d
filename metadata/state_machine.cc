#include "metadata/state_machine.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "common/check.h"
#include "metadata/ops/segment.h"
#include "metadata/proposal.h"
#include "metadata/store/keys.h"

namespace openefs::metadata {
namespace {

uint64_t ReadNumber(const KvSnapshot& snapshot, const std::string& key) {
  std::string value;
  return snapshot.Get(key, &value) ? DecodeU64(value) : 0;
}

std::vector<pb::SegmentResponse> ApplyEntry(Transaction& txn, ApplyEnvironment environment,
                                            const pb::MetadataEntry& entry) {
  const absl::flat_hash_set<uint64_t> lapsed(entry.lapsed_clients().begin(),
                                             entry.lapsed_clients().end());
  environment.lapsed_clients = &lapsed;
  environment.random_state = entry.random_seed();
  std::vector<pb::SegmentResponse> responses(static_cast<size_t>(entry.segments_size()));
  for (int i = 0; i < entry.segments_size(); ++i)
    ApplySegment(txn, environment, entry.segments(i), &responses[static_cast<size_t>(i)]);
  return responses;
}

}  // namespace

MetadataStateMachine::MetadataStateMachine(GroupId group, std::unique_ptr<KvEngine> engine,
                                           Callbacks callbacks)
    : group_(group), engine_(std::move(engine)), callbacks_(std::move(callbacks)) {
  std::unique_ptr<KvSnapshot> snapshot = engine_->Snapshot();
  applied_index_ = ReadNumber(*snapshot, keys::AppliedIndex());
  last_wall_time_ns_ = static_cast<int64_t>(ReadNumber(*snapshot, keys::LastWallTime()));
}

absl::Status MetadataStateMachine::Apply(absl::Span<const replication::CommittedEntry> entries) {
  uint64_t applied = applied_index_.load(std::memory_order_relaxed);
  Transaction txn(engine_->Snapshot());
  for (const replication::CommittedEntry& committed : entries) {
    if (committed.index <= applied) continue;
    OPENEFS_CHECK(applied == 0 || committed.index == applied + 1);
    applied = committed.index;
    if (committed.data.empty()) continue;
    pb::MetadataEntry entry;
    if (!entry.ParseFromArray(committed.data.data(), static_cast<int>(committed.data.size())))
      return absl::DataLossError(absl::StrCat("entry ", committed.index, " does not parse"));
    last_wall_time_ns_ = std::max(last_wall_time_ns_, static_cast<int64_t>(entry.wall_time_ns()));
    ApplyEnvironment environment;
    environment.wall_time_ns = last_wall_time_ns_;
    environment.raft_index = committed.index;
    environment.group = group_;
    std::vector<pb::SegmentResponse> responses = ApplyEntry(txn, environment, entry);
    if (auto* proposal = static_cast<SegmentProposal*>(committed.context.get()))
      proposal->responses = std::move(responses);
  }
  txn.Put(keys::AppliedIndex(), EncodeU64(applied));
  txn.Put(keys::LastWallTime(), EncodeU64(static_cast<uint64_t>(last_wall_time_ns_)));
  if (absl::Status status = engine_->Write(txn.TakeWrites()); !status.ok()) return status;
  applied_index_.store(applied, std::memory_order_release);
  return absl::OkStatus();
}

absl::StatusOr<uint64_t> MetadataStateMachine::Flush() {
  if (absl::Status status = engine_->Flush(); !status.ok()) return status;
  return AppliedIndex();
}

void MetadataStateMachine::OnLeader(uint64_t term) {
  if (callbacks_.on_leader) callbacks_.on_leader(term);
}

void MetadataStateMachine::OnFollower() {
  if (callbacks_.on_follower) callbacks_.on_follower();
}

}  // namespace openefs::metadata
