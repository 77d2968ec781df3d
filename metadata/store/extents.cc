#include "metadata/store/extents.h"

#include <algorithm>
#include <optional>
#include <utility>
#include <vector>

#include "common/check.h"
#include "common/limits.h"
#include "metadata/store/blobs.h"
#include "metadata/store/keys.h"

namespace openefs::metadata {
namespace {

struct Extent {
  uint64_t begin = 0;
  uint64_t end = 0;
  pb::ExtentRecord record;
};

// An extent stands under the offset where it ends; its record has the length.
void PlaceAt(uint64_t end, Extent* extent) {
  OPENEFS_CHECK(extent->record.length() <= end);
  extent->begin = end - extent->record.length();
  extent->end = end;
}

// Steps through the extents of a file from the one that covers `offset`.
class ExtentScan {
 public:
  ExtentScan(const Transaction& txn, FileSystemId fs, InodeId inode, uint64_t offset)
      : it_(txn.Scan(keys::Extent(fs, inode, offset + 1), PrefixEnd(keys::Extents(fs, inode)))) {}

  // One at a time: who has found all it looks for does not pay for a step to the next.
  bool Next(Extent* extent) {
    if (std::exchange(read_, true)) it_->Next();
    if (!it_->Valid()) return false;
    KeyReader key(it_->Key());
    key.SkipPrefix();
    (void)key.U64();
    if (!ParseRecord(it_->Value(), &extent->record)) CorruptRecord(it_->Key());
    PlaceAt(key.U64(), extent);
    return true;
  }

 private:
  const std::unique_ptr<KvIterator> it_;
  bool read_ = false;  // where it stands
};

// Those that begin before `end`, from the one that covers `begin`; at most `limit`.
std::vector<Extent> Collect(const FileData& data, uint64_t begin, uint64_t end, size_t limit) {
  std::vector<Extent> found;
  ExtentScan scan(data.txn, data.fs, data.inode, begin);
  for (Extent extent; found.size() < limit && scan.Next(&extent) && extent.begin < end;) {
    found.push_back(std::move(extent));
    if (found.back().end >= end) break;  // extents do not overlap
  }
  return found;
}

// The extent that covers [begin, end) and ends with it, as that of a page does that is written
// again. Looking for one row costs a fraction of a scan, for which every table reads a block.
std::optional<Extent> FindCovering(const FileData& data, uint64_t begin, uint64_t end) {
  Extent extent;
  if (!data.txn.GetRecord(keys::Extent(data.fs, data.inode, end), &extent.record)) {
    return std::nullopt;
  }
  PlaceAt(end, &extent);
  if (extent.begin > begin) return std::nullopt;
  return extent;
}

void Put(const FileData& data, const Extent& extent) {
  data.txn.PutRecord(keys::Extent(data.fs, data.inode, extent.end), extent.record);
}

void DropReference(Transaction& txn, const pb::ExtentRecord& record, uint64_t now_ms) {
  if (record.has_blob()) DropBlobReference(txn, record.blob(), now_ms);
}

void Free(const FileData& data, const Extent& extent) {
  data.txn.Delete(keys::Extent(data.fs, data.inode, extent.end));
  DropReference(data.txn, extent.record, data.now_ms);
  OPENEFS_CHECK(data.record.data_bytes() >= extent.record.length());
  data.record.set_data_bytes(data.record.data_bytes() - extent.record.length());
}

// The part [begin, end) of an extent, as an extent of its own.
Extent Part(const Extent& whole, uint64_t begin, uint64_t end) {
  Extent part{begin, end, {}};
  part.record.set_generation(whole.record.generation());
  part.record.set_length(end - begin);
  if (whole.record.has_inline_data()) {
    part.record.set_inline_data(
        whole.record.inline_data().substr(begin - whole.begin, end - begin));
  } else {
    *part.record.mutable_blob() = whole.record.blob();
    part.record.mutable_blob()->set_blob_offset(
        static_cast<uint32_t>(whole.record.blob().blob_offset() + (begin - whole.begin)));
  }
  return part;
}

Extent PutPart(const FileData& data, const Extent& whole, uint64_t begin, uint64_t end) {
  Extent part = Part(whole, begin, end);
  Put(data, part);
  if (part.record.has_blob()) AddBlobReference(data.txn, part.record.blob());
  data.record.set_data_bytes(data.record.data_bytes() + part.record.length());
  return part;
}

// What lives right before and right after a range: whole extents that touch it, or what is left of
// those that reached into it.
struct Neighbours {
  std::optional<Extent> before;
  std::optional<Extent> after;
};

// Takes [begin, end) out of one extent that overlaps it; a dead one goes whole.
void Carve(const FileData& data, const Extent& extent, uint64_t begin, uint64_t end,
           Neighbours* left) {
  const bool dead = ExtentIsDead(data.record, extent.begin, extent.record);
  // The parts first: a blob that stays in use must not pass through zero references.
  if (!dead && extent.begin < begin) left->before = PutPart(data, extent, extent.begin, begin);
  const bool keeps_tail = !dead && extent.end > end;
  if (keeps_tail) {  // under the key of the whole, so that only the whole's reference goes
    left->after = PutPart(data, extent, end, extent.end);
    DropReference(data.txn, extent.record, data.now_ms);
    data.record.set_data_bytes(data.record.data_bytes() - extent.record.length());
  } else {
    Free(data, extent);
  }
}

// What is joined: whole pages stay as they were written, for each time one of them is written again
// all that it was joined with would be written with it. Two pieces are joined if one is smaller.
constexpr size_t kPageBytes = 4096;

// Bounded by the length of one write: extents have at least one byte. One scan sees what touches
// the range too, if that is asked for.
Neighbours MakeRoom(const FileData& data, uint64_t begin, uint64_t end, bool with_neighbours) {
  Neighbours neighbours;
  if (data.record.data_bytes() == 0) return neighbours;  // a new file: nothing to look for
  if (!with_neighbours) {
    if (const std::optional<Extent> covering = FindCovering(data, begin, end)) {
      Carve(data, *covering, begin, end, &neighbours);
      return neighbours;
    }
  }
  const uint64_t beside = with_neighbours ? 1 : 0;
  for (Extent& extent : Collect(data, begin - std::min(begin, beside), end + beside, SIZE_MAX)) {
    if (extent.begin < end && extent.end > begin) {
      Carve(data, extent, begin, end, &neighbours);
    } else if (!ExtentIsDead(data.record, extent.begin, extent.record)) {
      (extent.end == begin ? neighbours.before : neighbours.after) = std::move(extent);
    }
  }
  return neighbours;
}

void NextGeneration(const FileData& data) {
  data.record.set_data_generation(data.record.data_generation() + 1);
}

bool Joins(const std::optional<Extent>& neighbour, const Extent& fresh) {
  if (!neighbour.has_value() || !neighbour->record.has_inline_data()) return false;
  const size_t bytes = fresh.record.inline_data().size();
  const size_t others = neighbour->record.inline_data().size();
  return std::min(bytes, others) < kPageBytes && bytes + others <= kInlineBytes;
}

// Joins `fresh` with inline neighbours while the whole stays small.
void JoinNeighbours(const FileData& data, const Neighbours& neighbours, Extent* fresh) {
  std::string* bytes = fresh->record.mutable_inline_data();
  if (Joins(neighbours.before, *fresh)) {
    bytes->insert(0, neighbours.before->record.inline_data());
    fresh->begin = neighbours.before->begin;
    Free(data, *neighbours.before);
  }
  if (Joins(neighbours.after, *fresh)) {
    bytes->append(neighbours.after->record.inline_data());
    fresh->end = neighbours.after->end;
    Free(data, *neighbours.after);
  }
}

void PutFresh(const FileData& data, Extent* fresh) {
  fresh->record.set_length(fresh->end - fresh->begin);
  fresh->record.set_generation(data.record.data_generation());
  Put(data, *fresh);
  data.record.set_data_bytes(data.record.data_bytes() + fresh->record.length());
}

// Puts the file into the purge queue, to be gone through from `offset` on.
void QueuePurge(const FileData& data, uint64_t offset) {
  const std::string key = keys::Purge(data.fs, data.inode);
  pb::PurgeRecord purge;
  if (data.txn.GetRecord(key, &purge)) offset = std::min(offset, purge.next_offset());
  purge.set_next_offset(offset);
  data.txn.PutRecord(key, purge);
}

// Older cuts at or beyond it are covered by the new one.
bool AddCut(const FileData& data, uint64_t offset) {
  auto* cuts = data.record.mutable_cuts();
  int keep = 0;
  while (keep < cuts->size() && cuts->Get(keep).offset() < offset) ++keep;
  if (keep >= kMaxCuts) return false;
  cuts->DeleteSubrange(keep, cuts->size() - keep);
  pb::Cut* cut = cuts->Add();
  cut->set_offset(offset);
  cut->set_generation(data.record.data_generation());
  return true;
}

void AddHole(uint64_t length, pb::ReadPlanResult* plan) {
  if (length == 0) return;
  pb::ReadPlanResult::Piece* piece = plan->add_pieces();
  piece->set_length(static_cast<uint32_t>(length));
  piece->set_hole(true);
}

void AddPiece(const Extent& part, pb::ReadPlanResult* plan) {
  pb::ReadPlanResult::Piece* piece = plan->add_pieces();
  piece->set_length(static_cast<uint32_t>(part.record.length()));
  if (part.record.has_inline_data()) {
    piece->set_inline_data(part.record.inline_data());
    return;
  }
  const pb::BlobExtent& blob = part.record.blob();
  *piece->mutable_blob()->mutable_id() = blob.id();
  piece->mutable_blob()->set_blob_length(blob.blob_length());
  piece->mutable_blob()->set_blob_offset(blob.blob_offset());
}

}  // namespace

bool ExtentIsDead(const pb::InodeRecord& record, uint64_t offset, const pb::ExtentRecord& extent) {
  for (const pb::Cut& cut : record.cuts())
    if (offset >= cut.offset() && extent.generation() < cut.generation()) return true;
  return false;
}

void WriteInlineExtent(FileData data, uint64_t offset, absl::string_view bytes) {
  OPENEFS_CHECK(!bytes.empty() && bytes.size() <= kInlineBytes);
  NextGeneration(data);
  Extent fresh{offset, offset + bytes.size(), {}};
  fresh.record.set_inline_data(std::string(bytes));
  const bool small = bytes.size() < kPageBytes;
  JoinNeighbours(data, MakeRoom(data, fresh.begin, fresh.end, small), &fresh);
  PutFresh(data, &fresh);
}

void WriteBlobExtent(FileData data, uint64_t offset, const pb::NewBlob& blob) {
  OPENEFS_CHECK(blob.length() > 0);
  NextGeneration(data);
  Extent fresh{offset, offset + blob.length(), {}};
  *fresh.record.mutable_blob()->mutable_id() = blob.id();
  fresh.record.mutable_blob()->set_blob_length(blob.length());
  AddBlobReference(data.txn, fresh.record.blob());
  MakeRoom(data, fresh.begin, fresh.end, false);
  PutFresh(data, &fresh);
  QueueRepair(data.txn, blob);
}

bool TruncateExtents(FileData data, uint64_t size) {
  std::vector<Extent> beyond = Collect(data, size, UINT64_MAX, kMaxExtentsPerEntry + 1);
  if (beyond.empty()) return true;
  NextGeneration(data);
  const bool many = beyond.size() > kMaxExtentsPerEntry;
  Neighbours left;
  if (many) {
    // What straddles the new end is cut to size now: a cut covers whole extents.
    if (!AddCut(data, size)) return false;
    if (beyond.front().begin < size) Carve(data, beyond.front(), size, UINT64_MAX, &left);
    QueuePurge(data, size);
    return true;
  }
  for (const Extent& extent : beyond) Carve(data, extent, size, UINT64_MAX, &left);
  return true;
}

void FreeAllExtents(FileData data) {
  if (data.record.data_bytes() == 0) return;
  const std::vector<Extent> all = Collect(data, 0, UINT64_MAX, kMaxExtentsPerEntry + 1);
  if (all.size() > kMaxExtentsPerEntry) return QueuePurge(data, 0);
  for (const Extent& extent : all) Free(data, extent);
  if (data.record.cuts_size() > 0) data.txn.Delete(keys::Purge(data.fs, data.inode));
}

void PlanExtents(const Transaction& txn, FileSystemId fs, InodeId inode,
                 const pb::InodeRecord& record, uint64_t offset, uint64_t count,
                 pb::ReadPlanResult* plan) {
  const uint64_t end = offset + count;
  uint64_t at = offset;
  ExtentScan scan(txn, fs, inode, offset);
  for (Extent extent; at < end && scan.Next(&extent) && extent.begin < end;) {
    if (ExtentIsDead(record, extent.begin, extent.record)) continue;
    const uint64_t begin = std::max(extent.begin, at);
    AddHole(begin - at, plan);
    at = std::min(extent.end, end);
    AddPiece(Part(extent, begin, at), plan);
  }
  AddHole(end - at, plan);
}

bool PurgeExtents(Transaction& txn, FileSystemId fs, InodeId inode, pb::InodeRecord* record,
                  uint64_t now_ms, size_t* budget) {
  const std::string key = keys::Purge(fs, inode);
  pb::PurgeRecord purge;
  if (!txn.GetRecord(key, &purge)) return true;
  pb::InodeRecord gone;
  gone.set_data_bytes(UINT64_MAX);  // of a file that is gone nobody counts the bytes
  FileData data{txn, fs, inode, record != nullptr ? *record : gone, now_ms};
  const std::vector<Extent> next = Collect(data, purge.next_offset(), UINT64_MAX, *budget);
  for (const Extent& extent : next) {
    if (record == nullptr || ExtentIsDead(*record, extent.begin, extent.record)) Free(data, extent);
    purge.set_next_offset(extent.end);
  }
  const bool done = next.size() < *budget;
  *budget -= next.size();
  if (done) {
    txn.Delete(key);
    if (record != nullptr) record->clear_cuts();
  } else {
    txn.PutRecord(key, purge);
  }
  return done;
}

}  // namespace openefs::metadata
