// Opening the log: replay of all segments, and the judgement over what is damaged.
#include <unistd.h>

#include <algorithm>
#include <fstream>

#include "absl/strings/str_cat.h"
#include "common/files.h"
#include "common/log.h"
#include "replication/log/log_store.h"
#include "replication/log/set_aside.h"

namespace openefs::replication {
namespace {

absl::StatusOr<std::string> ReadWholeFile(const std::string& path) {
  std::ifstream in(path, std::ios::binary | std::ios::ate);
  if (!in) return absl::InternalError(absl::StrCat("raft log: cannot open ", path));
  std::string bytes(static_cast<size_t>(in.tellg()), '\0');
  in.seekg(0);
  if (!in.read(bytes.data(), static_cast<std::streamsize>(bytes.size()))) {
    return absl::DataLossError(absl::StrCat("raft log: cannot read ", path));
  }
  return bytes;
}

// Whether any good frame later than `sequence` stands at or after `offset`.
bool LaterFrameExists(std::string_view bytes, size_t offset, uint64_t sequence, uint64_t salt) {
  for (; offset + kFrameHeaderBytes <= bytes.size(); offset += kFrameAlignment) {
    const auto header = DecodeFrameHeader(bytes.substr(offset), salt);
    if (header.has_value() && header->sequence > sequence) return true;
  }
  return false;
}

}  // namespace

absl::Status LogStore::Recover() {
  auto numbers = ListSegments();
  if (!numbers.ok()) return numbers.status();
  for (const uint64_t number : *numbers) {
    if (auto status = ReplaySegment(number, number == numbers->back()); !status.ok()) return status;
  }
  MutexLock lock(mu_);
  for (const auto& [group, index] : groups_) {
    if (auto status = index.CheckComplete(); !status.ok()) {
      return Damaged(
          absl::StrCat("raft log ", directory_->path(), ": group ", group, ": ", status.message()));
    }
  }
  return absl::OkStatus();
}

// In order, and without holes.
absl::StatusOr<std::vector<uint64_t>> LogStore::ListSegments() {
  auto numbers = SegmentsIn(directory_->path());
  if (!numbers.ok()) return numbers;
  for (size_t i = 1; i < numbers->size(); ++i) {
    const uint64_t expected = (*numbers)[i - 1] + 1;
    if ((*numbers)[i] != expected) {
      return Damaged(absl::StrCat("raft log ", directory_->path(), ": segment ",
                                  Segment::FileName(expected), " is missing"));
    }
  }
  return numbers;
}

absl::Status LogStore::ReplaySegment(uint64_t number, bool is_last) {
  const std::string path = absl::StrCat(directory_->path(), "/", Segment::FileName(number));
  auto bytes = ReadWholeFile(path);
  if (absl::IsDataLoss(bytes.status())) return Damaged(std::string(bytes.status().message()));
  if (!bytes.ok()) return bytes.status();
  const auto header = DecodeSegmentHeader(*bytes);
  if (!header.has_value()) {
    // A header is durable before the first frame: without one, creation was interrupted.
    if (!is_last || bytes->size() > kSegmentHeaderBytes) {
      return Damaged(absl::StrCat("raft log: damaged header of ", path));
    }
    if (::unlink(path.c_str()) != 0) return absl::InternalError("raft log: cannot delete " + path);
    return SyncDirectory(directory_->path());
  }
  const bool fits =
      header->number == number && (active_ == nullptr || header->first_frame == next_frame_);
  if (!fits) return Damaged(absl::StrCat("raft log: frames are missing before ", path));
  next_frame_ = header->first_frame;
  auto segment = Segment::Open(directory_->path(), *header, &options_.fault);
  if (!segment.ok()) return segment.status();
  active_ = *std::move(segment);
  {
    MutexLock lock(mu_);
    segments_[number] = active_;
  }
  return ReplayFrames(*active_, is_last, *bytes);
}

absl::Status LogStore::ReplayFrames(Segment& segment, bool is_last, const std::string& bytes) {
  const std::string_view all = bytes;
  const uint64_t salt = segment.header().salt;
  size_t offset = kSegmentHeaderBytes;
  // Zeros were written ahead of the frames.
  while (all.find_first_not_of('\0', offset) != std::string_view::npos) {
    const auto header = DecodeFrameHeader(all.substr(offset), salt);
    bool torn = !header.has_value() || header->sequence != next_frame_ ||
                FrameBytes(header->payload_bytes) > all.size() - offset;
    if (!torn) {
      const auto payload = all.substr(offset + kFrameHeaderBytes, header->payload_bytes);
      auto status = ReplayFrame(segment, offset, payload, &torn);
      if (!status.ok()) return status;
    }
    if (torn) {
      const bool acknowledged = LaterFrameExists(all, offset, next_frame_, salt);
      if (!is_last || acknowledged) {
        return Damaged(absl::StrCat("raft log: ", segment.path(), " is damaged at byte ", offset,
                                    ", before data that was acknowledged"));
      }
      Log(LogLevel::kWarning, "raft.log_tail_cut",
          {{"segment", segment.path()}, {"offset", offset}, {"bytes", all.size() - offset}});
      return segment.CutTo(offset);
    }
    offset += FrameBytes(header->payload_bytes);
    ++next_frame_;
  }
  return absl::OkStatus();
}

// Two passes: nothing of a frame counts unless all of it is good.
absl::Status LogStore::ReplayFrame(Segment& segment, uint64_t frame_offset,
                                   std::string_view payload, bool* torn) {
  std::vector<std::pair<uint64_t, Record>> records;
  size_t offset = 0;
  while (offset < payload.size()) {
    const auto record = DecodeRecord(payload.substr(offset), segment.header().salt);
    if (!record.has_value()) {
      *torn = true;
      return absl::OkStatus();
    }
    records.emplace_back(frame_offset + kFrameHeaderBytes + offset, *record);
    offset += record->bytes();
  }
  for (const auto& [at, record] : records) {
    if (auto status = ReplayRecord(segment, at, record); !status.ok()) {
      return Damaged(absl::StrCat("raft log ", segment.path(), ": group ", record.group, ": ",
                                  status.message()));
    }
  }
  return absl::OkStatus();
}

absl::Status LogStore::ReplayRecord(Segment& segment, uint64_t offset, const Record& record) {
  MutexLock lock(mu_);
  GroupIndex& index = groups_[record.group];
  switch (record.kind) {
    case RecordKind::kEntry:
      if (const auto entry = DecodeEntry(record.body)) {
        uint64_t& last = segment.last_index_of_group[record.group];
        last = std::max(last, entry->index);
        return index.Append(*entry, {segment.header().number, static_cast<uint32_t>(offset),
                                     static_cast<uint32_t>(record.bytes())});
      }
      break;
    case RecordKind::kHardState:
      if (const auto state = DecodeHardState(record.body)) {
        index.hard_state = *state;
        return absl::OkStatus();
      }
      break;
    case RecordKind::kTruncation:
      if (const auto truncation = DecodeTruncation(record.body)) return index.Truncate(*truncation);
      break;
    case RecordKind::kConfiguration:
      if (auto configuration = raft::DecodeConfiguration(record.body)) {
        index.configuration = *std::move(configuration);
        return absl::OkStatus();
      }
      break;
    case RecordKind::kReset:
      if (const auto reset = DecodeReset(record.body)) {
        index.ResetTo(*reset);
        for (auto& [number, s] : segments_) s->last_index_of_group.erase(record.group);
        return absl::OkStatus();
      }
      break;
  }
  return absl::DataLossError(absl::StrCat("record of unknown form at ", offset));
}

absl::Status LogStore::Damaged(std::string what) {
  damaged_ = true;
  return absl::DataLossError(what);
}

// What was replayed before the damage was found counts no more.
absl::Status LogStore::BeginAnew(const absl::Status& damage) {
  if (auto status = options_.on_damage(damage); !status.ok()) return status;
  active_.reset();
  next_frame_ = 1;
  {
    MutexLock lock(mu_);
    groups_.clear();
    segments_.clear();
  }
  return SetSegmentsAside(directory_->path());
}

}  // namespace openefs::replication
