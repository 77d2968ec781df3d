#include "datastore/node/recovery.h"

#include <algorithm>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "common/log.h"
#include "datastore/node/record.h"

namespace openefs::datastore {
namespace {

// Applies one record to the index. Doing so again, or to an index that is ahead, changes nothing.
absl::Status Replay(Index* index, const Record& record, const Location& at) {
  IndexBatch batch;
  absl::StatusOr<IndexEntry> old = index->Find(record.id, Index::Reach::kDisk);
  if (!old.ok() && !absl::IsNotFound(old.status())) return old.status();
  if (old.ok()) batch.EraseFragment(record.id, old->at);
  if (record.type == RecordType::kPut) {
    batch.SetFragment(record.id, {at, record.length, false, record.crcs});
  } else {
    batch.SetTombstone(record.id, at, record.killed_segment);
  }
  return index->Apply(batch);
}

struct Scan {
  uint64_t end = 0;   // after the last whole record
  uint64_t lost = 0;  // damaged places before it
};

// Replays the records of `bytes`, which begin at `from` in their segment. What does not hold a
// whole record is skipped; what follows the last whole one is the torn tail.
absl::StatusOr<Scan> ReplayBytes(Index* index, const Location& from, std::string_view bytes,
                                 uint32_t seed) {
  Scan scan{from.offset, 0};
  uint64_t damaged = 0;  // since the last whole record
  bool in_garbage = false;
  for (uint64_t at = 0; at < bytes.size();) {
    const ParsedRecord parsed = ParseRecord(bytes.substr(at), seed);
    if (parsed.verdict == ParsedRecord::kNone) {
      damaged += in_garbage ? 0 : 1;
      in_garbage = true;
      at += kRecordAlign;
      continue;
    }
    in_garbage = false;
    if (parsed.verdict == ParsedRecord::kTorn) {
      ++damaged;
      at += parsed.record.Bytes();
      continue;
    }
    const absl::Status replayed = Replay(index, parsed.record, {from.segment, from.offset + at});
    if (!replayed.ok()) return replayed;
    scan.lost += std::exchange(damaged, 0);
    at += parsed.record.Bytes();
    scan.end = from.offset + at;
  }
  return scan;
}

class Recovery {
 public:
  Recovery(FileSystem* files, const std::string& directory, const std::string& store_id,
           Index* index, SegmentSet* segments)
      : files_(files),
        directory_(directory),
        store_id_(store_id),
        index_(index),
        segments_(segments) {}

  absl::StatusOr<Recovered> Run() {
    absl::Status status = OpenFiles();
    if (status.ok()) status = ReplayTail();
    if (status.ok()) status = OpenActive();
    if (status.ok()) status = index_->Flush(/*wait=*/true);
    if (status.ok()) status = CountLive();
    if (!status.ok()) return status;
    return std::move(result_);
  }

 private:
  absl::StatusOr<std::shared_ptr<Segment>> OpenSegment(uint64_t id) {
    auto file = files_->Open(absl::StrCat(directory_, "/", SegmentSet::NameOf(id)));
    if (!file.ok()) return file.status();
    auto segment = std::make_shared<Segment>();
    segment->id = id;
    segment->file = *std::move(file);
    return segment;
  }

  absl::Status OpenFiles() {
    absl::StatusOr<std::vector<std::string>> names = files_->List(directory_);
    if (!names.ok()) return names.status();
    for (const std::string& name : *names) {
      const std::optional<uint64_t> id = SegmentSet::IdOfName(name);
      if (!id) continue;
      absl::StatusOr<std::shared_ptr<Segment>> segment = OpenSegment(*id);
      if (!segment.ok()) return segment.status();
      absl::StatusOr<uint64_t> size = (*segment)->file->Size();
      if (!size.ok()) return size.status();
      segments_->Add(*segment, *size);
    }
    return absl::OkStatus();
  }

  absl::Status ReplayTail() {
    absl::StatusOr<Location> position = index_->Position();
    if (!position.ok()) return position.status();
    position_ = *position;
    const std::vector<uint64_t> ids = segments_->Ids();
    for (const uint64_t id : ids) {
      if (id < position_.segment) continue;
      const absl::Status status = ReplaySegment(id, id == ids.back());
      if (!status.ok()) return status;
    }
    return absl::OkStatus();
  }

  absl::Status ReplaySegment(uint64_t id, bool last) {
    const std::shared_ptr<Segment> segment = segments_->Find(id);
    File* file = segment->file.get();
    // What is about to be believed must be on the disk, and must be what the disk has: after a
    // failed fsync the cache may hold what the disk does not.
    absl::Status status = file->Sync();
    if (!status.ok()) return status;
    file->DropCache();
    absl::StatusOr<uint64_t> size = file->Size();
    if (!size.ok()) return size.status();
    const uint64_t from = id == position_.segment ? position_.offset : 0;
    std::string bytes(*size - std::min(*size, from), '\0');
    absl::StatusOr<size_t> read = file->ReadAt(from, bytes.data(), bytes.size());
    if (!read.ok()) return read.status();
    bytes.resize(*read);
    absl::StatusOr<Scan> scan = ReplayBytes(index_, {id, from}, bytes, RecordSeed(store_id_, id));
    if (!scan.ok()) return scan.status();
    result_.lost_records += scan->lost;
    if (scan->lost > 0) {
      Log(LogLevel::kError, "datastore.records_damaged",
          {{"directory", directory_}, {"segment", id}, {"places", scan->lost}});
    }
    return last ? CutTail(segment, from, bytes, scan->end) : absl::OkStatus();
  }

  // `bytes` is what follows `from`, `end` the end of its last whole record.
  absl::Status CutTail(const std::shared_ptr<Segment>& segment, uint64_t from,
                       const std::string& bytes, uint64_t end) {
    const uint64_t size = from + bytes.size();
    const absl::StatusOr<uint64_t> on_disk = segment->file->Size();
    if (!on_disk.ok()) return on_disk.status();
    // Shorter than the index knows: OpenActive moves on.
    if (*on_disk < end) return absl::OkStatus();
    result_.active = segment;
    result_.tail = end;
    result_.allocated = size;
    segments_->SetSize(segment->id, end);
    // Nothing but space taken in advance.
    if (bytes.find_first_not_of('\0', end - from) == std::string::npos) return absl::OkStatus();
    result_.allocated = end;
    Log(LogLevel::kWarning, "datastore.torn_tail_cut",
        {{"directory", directory_}, {"segment", segment->id}, {"bytes", size - end}});
    absl::Status status = segment->file->Truncate(end);
    if (status.ok()) status = segment->file->Sync();
    return status;
  }

  // The log goes on in its last segment, or in a new one where that is missing.
  absl::Status OpenActive() {
    if (result_.active == nullptr) {
      const std::vector<uint64_t> ids = segments_->Ids();
      const uint64_t last = std::max(position_.segment, ids.empty() ? 0 : ids.back());
      absl::StatusOr<std::shared_ptr<Segment>> segment = OpenSegment(last + 1);
      if (!segment.ok()) return segment.status();
      segments_->Add(*segment, 0);
      result_.active = *segment;
      result_.tail = 0;
    }
    const absl::Status synced = files_->SyncDirectory(directory_);
    if (!synced.ok()) return synced;
    IndexBatch batch;
    batch.SetPosition({result_.active->id, result_.tail});
    return index_->Apply(batch);
  }

  absl::Status CountLive() {
    std::vector<StoredRecord> stray;
    const absl::Status scanned = index_->ForEachStored([&](const StoredRecord& record) {
      if (segments_->Find(record.at.segment) == nullptr) {
        stray.push_back(record);
      } else {
        segments_->AddLive(record);
      }
    });
    return scanned.ok() ? ForgetStray(stray) : scanned;
  }

  // Records whose segment file is gone.
  absl::Status ForgetStray(const std::vector<StoredRecord>& stray) {
    IndexBatch batch;
    for (const StoredRecord& record : stray) {
      absl::StatusOr<IndexEntry> entry = index_->Find(record.id, Index::Reach::kDisk);
      if (entry.ok() && entry->at == record.at) {
        batch.EraseFragment(record.id, record.at);
        ++result_.lost_records;
      } else {
        batch.EraseTombstone(record.at);
      }
    }
    if (!stray.empty()) {
      Log(LogLevel::kError, "datastore.segment_missing",
          {{"directory", directory_}, {"records", stray.size()}});
    }
    return index_->Apply(batch);
  }

  FileSystem* const files_;
  const std::string& directory_;
  const std::string& store_id_;
  Index* const index_;
  SegmentSet* const segments_;
  Location position_;
  Recovered result_;
};

}  // namespace

absl::StatusOr<Recovered> RecoverLog(FileSystem* files, const std::string& directory,
                                     const std::string& store_id, Index* index,
                                     SegmentSet* segments) {
  return Recovery(files, directory, store_id, index, segments).Run();
}

}  // namespace openefs::datastore
