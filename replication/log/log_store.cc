#include "replication/log/log_store.h"

#include <algorithm>
#include <utility>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "common/check.h"
#include "common/random.h"

namespace openefs::replication {

absl::StatusOr<std::unique_ptr<LogStore>> LogStore::Open(LogStoreOptions options) {
  std::unique_ptr<LogStore> store(new LogStore(std::move(options)));
  auto directory = StoreDirectory::Open(
      store->options_.directory, {{"role", "raft-log"},
                                  {"node", std::to_string(store->options_.node_id)},
                                  {"cluster", absl::BytesToHexString(store->options_.cluster_id)}});
  if (!directory.ok()) return directory.status();
  store->directory_ = *std::move(directory);
  auto recovered = store->Recover();
  if (store->damaged_ && store->options_.on_damage) recovered = store->BeginAnew(recovered);
  if (!recovered.ok()) return recovered;
  if (auto status = store->BeginSegment(); !status.ok()) return status;
  return store;
}

absl::StatusOr<LogStore::GroupLog> LogStore::Load(GroupId group, uint64_t recent_from) const {
  GroupLog log;
  {
    MutexLock lock(mu_);
    const auto found = groups_.find(group);
    if (found == groups_.end()) return log;
    const GroupIndex& index = found->second;
    log.configuration = index.configuration;
    log.configurations = index.configurations();
    log.hard_state = index.hard_state;
    log.contents.first_index = index.first_index();
    log.contents.previous_term = index.previous_term();
    log.contents.last_index = index.last_index();
    log.contents.terms = index.terms();
  }
  uint64_t next = std::max(recent_from, log.contents.first_index);
  while (next <= log.contents.last_index) {
    constexpr size_t kAtOnce = 1024;  // bounds the time the index is locked, not the result
    auto entries = Read(group, next, kAtOnce, SIZE_MAX);
    if (!entries.ok()) return entries.status();
    next += entries->size();
    std::move(entries->begin(), entries->end(), std::back_inserter(log.contents.recent));
  }
  return log;
}

absl::Status LogStore::Write(absl::Span<const GroupWrite> writes) {
  if (!failed_.ok()) return failed_;
  if (active_->size() >= options_.segment_bytes) failed_ = BeginSegment();
  if (failed_.ok()) failed_ = WriteFrame(writes);
  const bool truncated = std::any_of(writes.begin(), writes.end(), [](const GroupWrite& w) {
    return w.truncate_to != 0 || w.reset.has_value();
  });
  if (failed_.ok() && truncated) failed_ = DeleteUnneededSegments();
  return failed_;
}

absl::Status LogStore::WriteFrame(absl::Span<const GroupWrite> writes) {
  FrameWriter frame(active_->header().salt);
  {
    MutexLock lock(mu_);
    for (const GroupWrite& write : writes) AddWrite(write, active_->size(), frame);
  }
  return active_->AppendDurably(std::move(frame).Finish(next_frame_++));
}

void LogStore::AddWrite(const GroupWrite& write, uint64_t frame_offset, FrameWriter& frame) {
  GroupIndex& index = groups_[write.group];
  if (write.first_configuration.has_value()) {
    index.configuration = *write.first_configuration;
    frame.AddRecord(write.group, RecordKind::kConfiguration,
                    raft::EncodeConfiguration(index.configuration));
  }
  if (write.reset.has_value()) AddReset(write, index, frame);
  if (write.hard_state.has_value()) {
    index.hard_state = *write.hard_state;
    frame.AddRecord(write.group, RecordKind::kHardState, EncodeHardState(*write.hard_state));
  }
  AddEntries(write, frame_offset, index, frame);
  if (write.truncate_to != 0) AddTruncation(write, index, frame);
}

void LogStore::AddEntries(const GroupWrite& write, uint64_t frame_offset, GroupIndex& index,
                          FrameWriter& frame) {
  for (const raft::Entry& entry : write.entries) {
    const size_t offset =
        frame.AddRecord(write.group, RecordKind::kEntry, EncodeEntryHead(entry),
                        entry.data == nullptr ? std::string_view() : std::string_view(*entry.data));
    const EntryLocation location{active_->header().number,
                                 static_cast<uint32_t>(frame_offset + offset),
                                 static_cast<uint32_t>(frame.bytes() - offset)};
    OPENEFS_CHECK(index.Append(entry, location).ok());
    active_->last_index_of_group[write.group] =
        std::max(active_->last_index_of_group[write.group], entry.index);
  }
}

void LogStore::AddReset(const GroupWrite& write, GroupIndex& index, FrameWriter& frame) {
  const raft::SnapshotMeta& meta = *write.reset;
  index.ResetTo({meta.index, meta.term});
  index.configuration = meta.configuration;
  frame.AddRecord(write.group, RecordKind::kReset, EncodeReset({meta.index, meta.term}));
  frame.AddRecord(write.group, RecordKind::kConfiguration,
                  raft::EncodeConfiguration(meta.configuration));
  // What it had beyond the snapshot is gone too.
  for (auto& [number, segment] : segments_) segment->last_index_of_group.erase(write.group);
}

// The configuration after the truncation: replaying a truncation may move the front over entries
// about it.
void LogStore::AddFront(GroupId group, const GroupIndex& index, FrameWriter& frame) {
  const Truncation truncation{index.first_index(), index.previous_term(), index.last_index()};
  frame.AddRecord(group, RecordKind::kTruncation, EncodeTruncation(truncation));
  if (index.configuration.voters.empty()) return;
  frame.AddRecord(group, RecordKind::kConfiguration,
                  raft::EncodeConfiguration(index.configuration));
}

void LogStore::AddTruncation(const GroupWrite& write, GroupIndex& index, FrameWriter& frame) {
  const Truncation truncation{write.truncate_to, write.previous_term, index.last_index()};
  OPENEFS_CHECK(truncation.first_index <= truncation.last_index + 1);
  OPENEFS_CHECK(index.Truncate(truncation).ok());
  AddFront(write.group, index, frame);
}

// Its first frame repeats the state of every group, so that older segments can go.
absl::Status LogStore::BeginSegment() {
  SegmentHeader header;
  header.number = active_ == nullptr ? 1 : active_->header().number + 1;
  header.salt = SystemRandom::Get()->Next64();
  header.first_frame = next_frame_;
  auto segment =
      Segment::Create(directory_->path(), header, options_.zero_ahead_bytes, &options_.fault);
  if (!segment.ok()) return segment.status();
  if (active_ != nullptr) active_->Close();
  active_ = *std::move(segment);
  FrameWriter frame(header.salt);
  {
    MutexLock lock(mu_);
    segments_[header.number] = active_;
    AddGroupHeads(frame);
  }
  return active_->AppendDurably(std::move(frame).Finish(next_frame_++));
}

void LogStore::AddGroupHeads(FrameWriter& frame) {
  for (const auto& [group, index] : groups_) {
    frame.AddRecord(group, RecordKind::kHardState, EncodeHardState(index.hard_state));
    AddFront(group, index, frame);
  }
}

bool LogStore::Needed(const Segment& segment) const {
  for (const auto& [group, last] : segment.last_index_of_group) {
    if (last >= groups_.at(group).first_index()) return true;
  }
  return false;
}

absl::Status LogStore::DeleteUnneededSegments() {
  while (true) {
    std::shared_ptr<Segment> oldest;
    {
      MutexLock lock(mu_);
      oldest = segments_.begin()->second;
      if (oldest == active_ || Needed(*oldest)) return absl::OkStatus();
      segments_.erase(segments_.begin());
    }
    if (auto status = oldest->Delete(); !status.ok()) return status;
  }
}

absl::StatusOr<std::vector<raft::Entry>> LogStore::Read(GroupId group, uint64_t low,
                                                        size_t max_entries,
                                                        size_t max_bytes) const {
  std::vector<std::pair<std::shared_ptr<Segment>, EntryLocation>> places;
  {
    MutexLock lock(mu_);
    const auto found = groups_.find(group);
    if (found == groups_.end() || low < found->second.first_index()) {
      return absl::NotFoundError(absl::StrCat("raft log: entry ", low, " is truncated"));
    }
    const GroupIndex& index = found->second;
    size_t bytes = 0;
    for (uint64_t i = low; i <= index.last_index() && places.size() < max_entries; ++i) {
      bytes += index.At(i).bytes;
      if (!places.empty() && bytes > max_bytes) break;
      places.emplace_back(segments_.at(index.At(i).segment), index.At(i));
    }
  }
  std::vector<raft::Entry> entries;
  for (const auto& [segment, location] : places) {
    auto bytes = segment->Read(location.offset, location.bytes);
    if (!bytes.ok()) return bytes.status();
    const auto record = DecodeRecord(*bytes, segment->header().salt);
    auto entry = record.has_value() ? DecodeEntry(record->body) : std::nullopt;
    if (!entry.has_value() || entry->index != low + entries.size()) {
      return absl::DataLossError(
          absl::StrCat("raft log: damaged record at ", location.offset, " of ", segment->path()));
    }
    entries.push_back(*std::move(entry));
  }
  return entries;
}

uint64_t LogStore::GroupBytes(GroupId group) const {
  MutexLock lock(mu_);
  const auto found = groups_.find(group);
  return found == groups_.end() ? 0 : found->second.bytes();
}

uint64_t LogStore::IndexKeeping(GroupId group, uint64_t bytes) const {
  MutexLock lock(mu_);
  const auto found = groups_.find(group);
  return found == groups_.end() ? 1 : found->second.IndexKeeping(bytes);
}

uint64_t LogStore::LastIndexInOldest(GroupId group) const {
  MutexLock lock(mu_);
  const auto& oldest = segments_.begin()->second;
  const auto last = oldest->last_index_of_group.find(group);
  if (segments_.size() == 1 || last == oldest->last_index_of_group.end()) return 0;
  return last->second >= groups_.at(group).first_index() ? last->second : 0;
}

uint64_t LogStore::TotalBytes() const {
  MutexLock lock(mu_);
  uint64_t total = 0;
  for (const auto& [number, segment] : segments_) total += segment->size();
  return total;
}

std::vector<GroupId> LogStore::PinningGroups() const {
  MutexLock lock(mu_);
  std::vector<GroupId> pinning;
  for (const auto& [group, last] : segments_.begin()->second->last_index_of_group) {
    if (last >= groups_.at(group).first_index()) pinning.push_back(group);
  }
  return pinning;
}

size_t LogStore::SegmentCount() const {
  MutexLock lock(mu_);
  return segments_.size();
}

}  // namespace openefs::replication
