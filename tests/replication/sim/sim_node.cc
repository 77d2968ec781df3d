#include "sim_node.h"

#include <algorithm>
#include <utility>

#include "common/check.h"

namespace openefs::replication::sim {

void DiskImage::Write(const std::optional<raft::HardState>& hard,
                      const std::vector<raft::Entry>& added) {
  if (hard.has_value()) hard_state = *hard;
  for (const raft::Entry& entry : added) {
    OPENEFS_CHECK(entry.index >= first_index && entry.index <= last_index() + 1);
    entries.resize(entry.index - first_index);
    entries.push_back(entry);
  }
}

void DiskImage::TruncateBelow(uint64_t index) {
  while (first_index < index) {
    OPENEFS_CHECK(!entries.empty());
    previous_term = entries.front().term;
    if (entries.front().kind == raft::EntryKind::kConfiguration) {
      configuration = *raft::DecodeConfiguration(*entries.front().data);
    }
    entries.pop_front();
    ++first_index;
  }
}

raft::Configuration DiskImage::LastConfiguration() const {
  for (auto entry = entries.rbegin(); entry != entries.rend(); ++entry) {
    if (entry->kind == raft::EntryKind::kConfiguration) {
      return *raft::DecodeConfiguration(*entry->data);
    }
  }
  return configuration;
}

void DiskImage::Reset(const raft::SnapshotMeta& meta) {
  first_index = meta.index + 1;
  previous_term = meta.term;
  configuration = meta.configuration;
  entries.clear();
}

void SimNode::Start(uint64_t seed) {
  if (install_.has_value()) InstallOnDisk();
  raft::DurableState durable;
  durable.hard_state = disk_.hard_state;
  durable.log.first_index = disk_.first_index;
  durable.log.previous_term = disk_.previous_term;
  durable.log.last_index = disk_.last_index();
  durable.applied_index = flushed_;
  durable.configuration = disk_.configuration;
  for (const raft::Entry& entry : disk_.entries) {
    durable.log.terms.push_back({entry.index, entry.term});
    if (entry.index > flushed_) durable.log.recent.push_back(entry);
    if (entry.kind == raft::EntryKind::kConfiguration) {
      durable.configurations[entry.index] = *raft::DecodeConfiguration(*entry.data);
    }
  }
  options_.seed = seed;
  handed_out_ = flushed_;
  core_ = std::make_unique<raft::Raft>(options_, std::move(durable));
  configuration_index_ = core_->configuration_index();
}

void SimNode::Crash(size_t surviving, bool install_survives) {
  for (size_t i = 0; i < surviving && i < writes_.size(); ++i) {
    disk_.Write(writes_[i].hard_state, writes_[i].entries);
  }
  core_.reset();
  writes_.clear();
  to_apply_.clear();
  reads_.clear();
  snapshot_requests.clear();
  received_.reset();
  if (!install_survives) install_.reset();
  applied_.resize(flushed_);
  handed_out_ = flushed_;
}

void SimNode::Drain(std::vector<pb::RaftMessage>& out) {
  while (core_->HasReady()) {
    raft::Ready ready = core_->TakeReady();
    for (pb::RaftMessage& m : ready.messages) out.push_back(std::move(m));
    if (ready.write_id != 0 || !ready.messages_after_write.empty()) {
      writes_.push_back({ready.write_id, ready.hard_state, std::move(ready.entries),
                         std::move(ready.messages_after_write)});
    }
    for (raft::Entry& entry : ready.committed) {
      handed_out_ = entry.index;
      to_apply_.push_back(entry);
      handed_out_entries.push_back(std::move(entry));
    }
    for (const auto& read : ready.reads) reads_.push_back(read);
    for (const auto& request : ready.snapshots_to_send) snapshot_requests.push_back(request);
    if (ready.install.has_value()) {
      OPENEFS_CHECK(received_.has_value() && received_->meta == *ready.install);
      install_ = std::exchange(received_, std::nullopt);
    }
    if (ready.configuration.has_value()) NoteConfiguration(*ready.configuration);
    released_barriers.insert(released_barriers.end(), ready.barriers_released.begin(),
                             ready.barriers_released.end());
    dropped_barriers.insert(dropped_barriers.end(), ready.barriers_dropped.begin(),
                            ready.barriers_dropped.end());
  }
}

void SimNode::NoteConfiguration(const raft::Ready::ConfigurationNews& news) {
  if (news.index < configuration_index_) ++rollbacks;
  configuration_index_ = news.index;
  configuration_news = news;
}

void SimNode::Sync(size_t count, std::vector<pb::RaftMessage>& out) {
  uint64_t last_id = 0;
  for (; count > 0 && !writes_.empty(); --count) {
    Write& write = writes_.front();
    disk_.Write(write.hard_state, write.entries);
    for (pb::RaftMessage& m : write.messages_after) out.push_back(std::move(m));
    if (write.id != 0) last_id = write.id;
    writes_.pop_front();
  }
  if (last_id != 0) core_->OnPersisted(last_id);
}

void SimNode::Apply(size_t count) {
  for (; count > 0 && !to_apply_.empty(); --count) {
    OPENEFS_CHECK(to_apply_.front().index == applied_.size() + 1);
    applied_.push_back(std::move(to_apply_.front()));
    to_apply_.pop_front();
  }
  core_->OnApplied(applied_.size());
}

void SimNode::Compact(bool beyond_need) {
  const uint64_t to = beyond_need ? flushed_ : std::min(core_->truncate_below(), flushed_);
  if (to <= core_->log().first_index() || !writes_.empty() || install_.has_value()) return;
  core_->Compact(to);
  disk_.TruncateBelow(to);
}

std::optional<Snapshot> SimNode::MakeSnapshot() const {
  auto meta = core_->SnapshotAt(applied_.size());
  if (!meta.has_value()) return std::nullopt;
  return Snapshot{*std::move(meta), applied_};
}

bool SimNode::Receive(const Snapshot& snapshot) {
  if (!core_->InstallSnapshot(snapshot.meta)) return false;
  received_ = snapshot;
  return true;
}

// First the state machine, then the log; what was handed to either before is in or gone.
void SimNode::InstallOnDisk() {
  went_back |= install_->meta.index < handed_out_;
  applied_ = install_->state;
  flushed_ = applied_.size();
  disk_.Reset(install_->meta);
  to_apply_.clear();
  installed = std::exchange(install_, std::nullopt);
}

void SimNode::FinishInstall(std::vector<pb::RaftMessage>& out) {
  Sync(unsynced(), out);
  InstallOnDisk();
  handed_out_ = flushed_;
  core_->OnSnapshotInstalled(flushed_);
}

void SimNode::FinishRead() {
  const raft::Ready::LogRead read = reads_.front();
  reads_.pop_front();
  ++disk_reads;
  std::vector<raft::Entry> entries;
  for (uint64_t i = read.low; entries.size() < 4; ++i) {
    const raft::Entry* entry = disk_.Find(i);
    if (entry == nullptr) break;
    entries.push_back(*entry);
  }
  core_->OnEntriesRead(read, std::move(entries));
}

}  // namespace openefs::replication::sim
