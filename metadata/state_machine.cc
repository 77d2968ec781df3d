#include "metadata/state_machine.h"

#include <algorithm>
#include <chrono>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "common/check.h"
#include "google/protobuf/arena.h"
#include "metadata/ops/segment.h"
#include "metadata/proposal.h"
#include "metadata/store/keys.h"
#include "metadata/store/state_hash.h"

namespace openefs::metadata {
namespace {

uint64_t ReadNumber(const KvSnapshot& snapshot, const std::string& key) {
  std::string value;
  return snapshot.Get(key, &value) ? DecodeU64(value) : 0;
}

// A response that nobody waits for goes with the arena.
void ApplyEntry(Transaction& txn, ApplyEnvironment environment, const pb::MetadataEntry& entry,
                google::protobuf::Arena* arena, SegmentProposal* proposal) {
  const absl::flat_hash_set<uint64_t> lapsed(entry.lapsed_clients().begin(),
                                             entry.lapsed_clients().end());
  environment.lapsed_clients = &lapsed;
  environment.random_state = entry.random_seed();
  if (proposal != nullptr) proposal->responses.resize(static_cast<size_t>(entry.segments_size()));
  for (int i = 0; i < entry.segments_size(); ++i) {
    pb::SegmentResponse* response =
        proposal != nullptr ? &proposal->responses[static_cast<size_t>(i)]
                            : google::protobuf::Arena::CreateMessage<pb::SegmentResponse>(arena);
    ApplySegment(txn, environment, entry.segments(i), response);
  }
}

}  // namespace

MetadataStateMachine::MetadataStateMachine(GroupId group, std::unique_ptr<KvEngine> engine,
                                           Callbacks callbacks, NodeId self,
                                           std::vector<NodeId> voters, size_t read_row_bytes)
    : group_(group),
      engine_(std::move(engine)),
      callbacks_(std::move(callbacks)),
      shared_rows_(read_row_bytes),
      comparison_(self, std::move(voters)) {
  LoadPosition();
}

// Where the store stands: after opening it, or after another one took its place.
void MetadataStateMachine::LoadPosition() {
  std::unique_ptr<KvSnapshot> snapshot = engine_->Snapshot();
  applied_index_.store(ReadNumber(*snapshot, keys::AppliedIndex()), std::memory_order_release);
  last_wall_time_ns_ = static_cast<int64_t>(ReadNumber(*snapshot, keys::LastWallTime()));
  std::string hash;
  hash_known_ = snapshot->Get(keys::StateHash(), &hash) || applied_index_ == 0;
  state_hash_ = hash.empty() ? 0 : DecodeU64(hash);
  comparison_.Restart();
  flushed_index_ = applied_index_.load(std::memory_order_relaxed);  // as found on the disk
}

absl::Status MetadataStateMachine::Apply(absl::Span<const replication::CommittedEntry> entries) {
  if (odd_.load(std::memory_order_acquire)) {
    return absl::DataLossError("this replica's state differs from that of a majority");
  }
  uint64_t applied = applied_index_.load(std::memory_order_relaxed);
  uint64_t hash = state_hash_;
  std::vector<replication::StateDigest> digests;
  Transaction txn(engine_->WriterView());
  for (const replication::CommittedEntry& committed : entries) {
    if (committed.index <= applied) continue;
    OPENEFS_CHECK(applied == 0 || committed.index == applied + 1);
    applied = committed.index;
    const size_t mark = txn.Mark();
    if (absl::Status status = ApplyOne(txn, committed); !status.ok()) return status;
    hash = ExtendStateHash(hash, applied, txn, mark);
    digests.push_back({applied, hash});
  }
  txn.Put(keys::AppliedIndex(), EncodeU64(applied));
  txn.Put(keys::LastWallTime(), EncodeU64(static_cast<uint64_t>(last_wall_time_ns_)));
  if (hash_known_) txn.Put(keys::StateHash(), EncodeU64(hash));
  Changes changes = txn.TakeChanges();
  shared_rows_.BeginWrite(changes);
  if (absl::Status status = WriteAll(std::move(changes)); !status.ok()) return status;
  shared_rows_.EndWrite();
  applied_index_.store(applied, std::memory_order_release);
  state_hash_ = hash;
  if (hash_known_) comparison_.Note(digests);
  return absl::OkStatus();
}

absl::Status MetadataStateMachine::WriteAll(Changes changes) {
  if (planted_bug_ != PlantedBug::kResultsApart) return engine_->Consume(std::move(changes));
  KvWrites writes(changes.begin(), changes.end());
  const auto results = std::stable_partition(writes.begin(), writes.end(), [](const auto& write) {
    return !absl::StartsWith(write.first, keys::Prefix(keys::kClusterWide, KeyTag::kSlot));
  });
  const KvWrites apart(results, writes.end());
  writes.erase(results, writes.end());
  if (absl::Status status = engine_->Write(writes); !status.ok()) return status;
  return engine_->Write(apart);
}

absl::Status MetadataStateMachine::ForgetResults() {
  KvWrites writes;
  const std::string prefix = keys::Prefix(keys::kClusterWide, KeyTag::kSlot);
  const std::unique_ptr<KvSnapshot> snapshot = engine_->Snapshot();
  for (auto it = snapshot->Scan(prefix, PrefixEnd(prefix)); it->Valid(); it->Next()) {
    writes.emplace_back(std::string(it->Key()), std::nullopt);
  }
  return engine_->Write(writes);
}

absl::Status MetadataStateMachine::ApplyOne(Transaction& txn,
                                            const replication::CommittedEntry& committed) {
  if (committed.data.empty()) return absl::OkStatus();
  google::protobuf::ArenaOptions options;
  options.initial_block = arena_block_.data();
  options.initial_block_size = arena_block_.size();
  google::protobuf::Arena arena(options);
  auto& entry = *google::protobuf::Arena::CreateMessage<pb::MetadataEntry>(&arena);
  if (!entry.ParseFromArray(committed.data.data(), static_cast<int>(committed.data.size()))) {
    return absl::DataLossError(absl::StrCat("entry ", committed.index, " does not parse"));
  }
  last_wall_time_ns_ = std::max(last_wall_time_ns_, static_cast<int64_t>(entry.wall_time_ns()));
  ApplyEnvironment environment;
  environment.wall_time_ns = last_wall_time_ns_;
  environment.raft_index = committed.index;
  environment.group = group_;
  ApplyEntry(txn, environment, entry, &arena,
             static_cast<SegmentProposal*>(committed.context.get()));
  return absl::OkStatus();
}

absl::StatusOr<uint64_t> MetadataStateMachine::Flush() {
  if (!flush_in_background_) {
    if (absl::Status status = engine_->Flush(); !status.ok()) return status;
    return AppliedIndex();
  }
  const bool under_way =
      flushing_.valid() && flushing_.wait_for(std::chrono::seconds(0)) != std::future_status::ready;
  if (under_way) return flushed_index_;
  if (absl::Status status = EndFlush(); !status.ok()) return status;
  flushing_index_ = AppliedIndex();
  flushing_ = std::async(std::launch::async, [this] { return engine_->Flush(); });
  return flushed_index_;
}

// Waits for the one under way, if there is one.
absl::Status MetadataStateMachine::EndFlush() {
  if (!flushing_.valid()) return absl::OkStatus();
  if (absl::Status status = flushing_.get(); !status.ok()) return status;
  flushed_index_ = flushing_index_;
  return absl::OkStatus();
}

absl::StatusOr<uint64_t> MetadataStateMachine::Checkpoint(const std::string& directory) {
  if (absl::Status status = EndFlush(); !status.ok()) return status;
  if (absl::Status status = engine_->Checkpoint(directory); !status.ok()) return status;
  return AppliedIndex();
}

absl::Status MetadataStateMachine::Install(const std::string& directory) {
  if (absl::Status status = EndFlush(); !status.ok()) return status;
  shared_rows_.BeginWrite({});
  const absl::Status installed = engine_->Install(directory);
  shared_rows_.EndReplacement();
  if (!installed.ok()) return installed;
  if (planted_bug_ == PlantedBug::kSnapshotWithoutResults) {
    if (absl::Status status = ForgetResults(); !status.ok()) return status;
  }
  LoadPosition();
  return absl::OkStatus();
}

absl::Status MetadataStateMachine::Clear() {
  (void)EndFlush();  // of what goes now
  shared_rows_.BeginWrite({});
  const absl::Status cleared = engine_->Clear();
  shared_rows_.EndReplacement();
  if (!cleared.ok()) return cleared;
  LoadPosition();
  odd_.store(false, std::memory_order_release);
  return callbacks_.on_cleared ? callbacks_.on_cleared() : absl::OkStatus();
}

void MetadataStateMachine::OnLeader(uint64_t term) {
  if (callbacks_.on_leader) callbacks_.on_leader(term);
}

void MetadataStateMachine::OnFollower() {
  if (callbacks_.on_follower) callbacks_.on_follower();
}

void MetadataStateMachine::OnPeerDigests(NodeId from,
                                         absl::Span<const replication::StateDigest> digests) {
  const StateVerdict verdict = comparison_.OnPeer(from, digests);
  if (verdict.kind == StateVerdict::Kind::kNothing) return;
  if (verdict.kind == StateVerdict::Kind::kSelfOdd) odd_.store(true, std::memory_order_release);
  if (callbacks_.on_difference) callbacks_.on_difference(verdict);
}

}  // namespace openefs::metadata
