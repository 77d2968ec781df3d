#include "datastore/node/commit_batch.h"

#include <utility>

namespace openefs::datastore {
namespace {

constexpr char kPadding[kRecordAlign] = {};

StoredRecord PutAt(const FragmentId& id, const Location& at, uint32_t length) {
  return {at, RecordType::kPut, id, length, 0};
}

}  // namespace

CommitBatch::CommitBatch(Index* index, SegmentSet* segments, uint64_t segment, uint64_t tail,
                         uint32_t seed, bool disk_full)
    : index_(index),
      segments_(segments),
      segment_(segment),
      begin_(tail),
      seed_(seed),
      disk_full_(disk_full),
      tail_(tail) {}

absl::Status CommitBatch::Add(Work& work) {
  struct Visitor {
    CommitBatch* batch;
    absl::Status operator()(PutWork& work) { return batch->AddPut(work); }
    absl::Status operator()(DeleteWork& work) { return batch->AddDelete(work); }
    absl::Status operator()(MoveWork& work) { return batch->AddMove(work); }
    absl::Status operator()(MoveTombstoneWork& work) { return batch->AddMoveTombstone(work); }
    absl::Status operator()(MarkCorruptWork& work) { return batch->AddMarkCorrupt(work); }
  };
  return std::visit(Visitor{this}, work);
}

absl::Status CommitBatch::AddPut(PutWork& put) {
  absl::StatusOr<std::optional<IndexEntry>> current = Current(put.id);
  if (!current.ok()) return current.status();
  const auto length = static_cast<uint32_t>(TotalBytes(put.bytes));
  if (*current && !(*current)->corrupt) {
    const bool same = (*current)->length == length && (*current)->crcs == put.crcs;
    return same ? absl::OkStatus() : absl::AlreadyExistsError("fragment exists with other bytes");
  }
  if (disk_full_) return absl::ResourceExhaustedError("disk full");
  if (*current) EraseFragment(put.id, **current);
  const Location at = AppendPut(put.id, put.crcs, put.bytes);
  SetFragment(put.id, {at, length, false, put.crcs});
  return absl::OkStatus();
}

absl::Status CommitBatch::AddDelete(DeleteWork& work) {
  for (const FragmentId& id : work.ids) {
    absl::StatusOr<std::optional<IndexEntry>> current = Current(id);
    if (!current.ok()) return current.status();
    if (!*current) continue;
    EraseFragment(id, **current);
    AppendTombstone(id, (*current)->at.segment);
  }
  return absl::OkStatus();
}

absl::Status CommitBatch::AddMove(MoveWork& move) {
  absl::StatusOr<std::optional<IndexEntry>> current = Current(move.from.id);
  if (!current.ok()) return current.status();
  if (!*current || (*current)->at != move.from.at) return absl::OkStatus();  // deleted meanwhile
  EraseFragment(move.from.id, **current);
  IndexEntry entry = move.entry;
  entry.at = AppendPut(move.from.id, entry.crcs, {move.bytes});
  SetFragment(move.from.id, std::move(entry));
  return absl::OkStatus();
}

absl::Status CommitBatch::AddMoveTombstone(MoveTombstoneWork& move) {
  absl::StatusOr<std::optional<IndexEntry>> current = Current(move.from.id);
  if (!current.ok()) return current.status();
  changes_.EraseTombstone(move.from.at);
  dead_.push_back(move.from);
  // It has done its work when nothing is left to be forgotten: the fragment was stored again (and
  // a tombstone behind that would kill it), or the segment it was in is gone or goes with this one.
  const uint64_t killed = move.from.killed_segment;
  const bool done =
      current->has_value() || killed == move.from.at.segment || segments_->Find(killed) == nullptr;
  if (!done) AppendTombstone(move.from.id, killed);
  return absl::OkStatus();
}

absl::Status CommitBatch::AddMarkCorrupt(MarkCorruptWork& mark) {
  absl::StatusOr<std::optional<IndexEntry>> current = Current(mark.id);
  if (!current.ok()) return current.status();
  if (!*current || (*current)->at != mark.at) return absl::OkStatus();
  IndexEntry entry = **current;
  entry.corrupt = true;
  changes_.SetFragment(mark.id, entry);
  overlay_[mark.id] = std::move(entry);
  return absl::OkStatus();
}

absl::StatusOr<std::optional<IndexEntry>> CommitBatch::Current(const FragmentId& id) {
  if (const auto it = overlay_.find(id); it != overlay_.end()) return it->second;
  absl::StatusOr<IndexEntry> entry = index_->Find(id, Index::Reach::kDisk);
  if (entry.ok()) return std::optional<IndexEntry>(*std::move(entry));
  if (absl::IsNotFound(entry.status())) return std::optional<IndexEntry>();
  return entry.status();
}

Location CommitBatch::AppendPut(const FragmentId& id, const BlockCrcs& crcs,
                                const BufferList& bytes) {
  Record record;
  record.id = id;
  record.length = static_cast<uint32_t>(TotalBytes(bytes));
  record.crcs = crcs;
  const std::string& header = headers_.emplace_back(EncodeRecord(record, seed_));
  Push(header.data(), header.size());
  for (const Buffer& piece : bytes) Push(piece.data(), piece.size());
  Push(kPadding, record.Bytes() - header.size() - record.length);
  const Location at{segment_, tail_};
  tail_ += record.Bytes();
  return at;
}

void CommitBatch::AppendTombstone(const FragmentId& id, uint64_t killed_segment) {
  Record record;
  record.type = RecordType::kTombstone;
  record.id = id;
  record.killed_segment = killed_segment;
  const std::string& header = headers_.emplace_back(EncodeRecord(record, seed_));
  Push(header.data(), header.size());
  const Location at{segment_, tail_};
  changes_.SetTombstone(id, at, killed_segment);
  born_.push_back({at, RecordType::kTombstone, id, 0, killed_segment});
  tail_ += record.Bytes();
}

void CommitBatch::SetFragment(const FragmentId& id, IndexEntry entry) {
  changes_.SetFragment(id, entry);
  born_.push_back(PutAt(id, entry.at, entry.length));
  overlay_[id] = std::move(entry);
}

void CommitBatch::EraseFragment(const FragmentId& id, const IndexEntry& entry) {
  changes_.EraseFragment(id, entry.at);
  dead_.push_back(PutAt(id, entry.at, entry.length));
  overlay_[id] = std::nullopt;
}

const IndexBatch& CommitBatch::Finish() {
  if (!changes_.empty()) changes_.SetPosition({segment_, tail_});
  return changes_;
}

void CommitBatch::Account() {
  segments_->SetSize(segment_, tail_);
  for (const StoredRecord& record : born_) segments_->AddLive(record);
  for (const StoredRecord& record : dead_) segments_->RemoveLive(record);
}

}  // namespace openefs::datastore
