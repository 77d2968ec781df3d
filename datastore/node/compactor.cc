#include "datastore/node/compactor.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "common/log.h"
#include "datastore/node/blocking.h"

namespace openefs::datastore {
namespace {
// Records looked up at a time.
constexpr size_t kPage = 256;
}  // namespace

absl::StatusOr<bool> Compactor::Step(RateLimit* pace) {
  const std::optional<uint64_t> segment =
      segments_->MostlyDead(writer_->active_segment(), unreadable_);
  if (!segment || writer_->failing()) return false;
  absl::Status status = Empty(*segment, pace);
  if (status.ok()) status = Drop(*segment);
  if (absl::IsInternal(status)) {
    unreadable_.insert(*segment);
    Log(LogLevel::kError, "datastore.compaction_failed",
        {{"directory", directory_}, {"segment", *segment}, {"error", status.ToString()}});
  }
  if (!status.ok()) return status;
  return true;
}

absl::Status Compactor::Empty(uint64_t segment, RateLimit* pace) {
  uint64_t offset = 0;
  while (true) {
    absl::StatusOr<std::vector<StoredRecord>> page = index_->StoredIn(segment, offset, kPage);
    if (!page.ok()) return page.status();
    if (page->empty()) return absl::OkStatus();
    for (const StoredRecord& record : *page) {
      const absl::Status moved = Move(record);
      if (!moved.ok()) return moved;
      if (!pace->Spend(record.Bytes())) return absl::AbortedError("stopping");
    }
    offset = page->back().at.offset + kRecordAlign;
  }
}

absl::Status Compactor::Move(const StoredRecord& record) {
  if (record.type == RecordType::kTombstone) {
    return SubmitAndWait(writer_, MoveTombstoneWork{record});
  }
  absl::StatusOr<FragmentReader::Raw> raw = reader_->ReadRaw(record.id, record.at);
  if (absl::IsNotFound(raw.status())) return absl::OkStatus();  // deleted meanwhile
  if (!raw.ok()) return raw.status();
  // A corrupt fragment moves as it is, with the checksums it should have: its good blocks can still
  // be read, the others still do not match.
  raw->entry.corrupt = raw->entry.corrupt || !raw->matches;
  return SubmitAndWait(writer_, MoveWork{record, std::move(raw->entry), std::move(raw->bytes)});
}

absl::Status Compactor::Drop(uint64_t segment) {
  absl::StatusOr<std::vector<StoredRecord>> left = index_->StoredIn(segment, 0, 1);
  if (!left.ok()) return left.status();
  if (!left->empty()) return absl::AbortedError("segment still in use");
  // A replay must never again need what is about to go.
  absl::Status status = index_->Flush(/*wait=*/true);
  if (!status.ok()) return status;
  metrics_->compacted_bytes.Add(segments_->Remove(segment));
  status = files_->Remove(absl::StrCat(directory_, "/", SegmentSet::NameOf(segment)));
  if (status.ok()) status = files_->SyncDirectory(directory_);
  return status;
}

}  // namespace openefs::datastore
