#include "datastore/node/segment_set.h"

#include <charconv>

#include "absl/strings/str_format.h"
#include "common/check.h"

namespace openefs::datastore {
namespace {
constexpr char kSuffix[] = ".seg";
constexpr size_t kDigits = 16;
}  // namespace

std::string SegmentSet::NameOf(uint64_t id) { return absl::StrFormat("%016x%s", id, kSuffix); }

std::optional<uint64_t> SegmentSet::IdOfName(const std::string& name) {
  uint64_t id = 0;
  const char* end = name.data() + std::min(name.size(), kDigits);
  if (std::from_chars(name.data(), end, id, 16).ptr != end) return std::nullopt;
  if (NameOf(id) != name) return std::nullopt;
  return id;
}

std::shared_ptr<Segment> SegmentSet::Find(uint64_t id) const {
  MutexLock lock(mu_);
  const auto it = states_.find(id);
  return it == states_.end() ? nullptr : it->second.segment;
}

void SegmentSet::Add(std::shared_ptr<Segment> segment, uint64_t size) {
  MutexLock lock(mu_);
  State& state = states_[segment->id];
  OPENEFS_CHECK(state.segment == nullptr);
  state.segment = std::move(segment);
  state.size = size;
}

uint64_t SegmentSet::Remove(uint64_t id) {
  MutexLock lock(mu_);
  const uint64_t size = states_.at(id).size;
  states_.erase(id);
  return size;
}

std::vector<uint64_t> SegmentSet::Ids() const {
  MutexLock lock(mu_);
  std::vector<uint64_t> ids;
  for (const auto& [id, state] : states_) ids.push_back(id);
  return ids;
}

void SegmentSet::SetSize(uint64_t id, uint64_t size) {
  MutexLock lock(mu_);
  states_.at(id).size = size;
}

void SegmentSet::AddLive(const StoredRecord& record) {
  MutexLock lock(mu_);
  State& state = states_.at(record.at.segment);
  if (record.type == RecordType::kTombstone) {
    ++state.tombstones[record.killed_segment];
    return;
  }
  ++state.fragments;
  state.live_bytes += record.Bytes();
}

void SegmentSet::RemoveLive(const StoredRecord& record) {
  MutexLock lock(mu_);
  State& state = states_.at(record.at.segment);
  if (record.type == RecordType::kTombstone) {
    OPENEFS_CHECK(state.tombstones[record.killed_segment] > 0);
    if (--state.tombstones[record.killed_segment] == 0) {
      state.tombstones.erase(record.killed_segment);
    }
    return;
  }
  OPENEFS_CHECK(state.fragments > 0 && state.live_bytes >= record.Bytes());
  --state.fragments;
  state.live_bytes -= record.Bytes();
}

SegmentTotals SegmentSet::Totals() const {
  MutexLock lock(mu_);
  SegmentTotals totals;
  for (const auto& [id, state] : states_) {
    totals.fragments += state.fragments;
    totals.live_bytes += state.live_bytes;
    totals.dead_bytes += state.size - std::min(state.size, state.live_bytes);
  }
  return totals;
}

uint64_t SegmentSet::NeededBytes(uint64_t id, const State& state) const {
  uint64_t needed = state.live_bytes;
  for (const auto& [killed, count] : state.tombstones) {
    if (killed != id && states_.contains(killed)) needed += count * kTombstoneBytes;
  }
  return needed;
}

std::optional<uint64_t> SegmentSet::MostlyDead(uint64_t active,
                                               const std::set<uint64_t>& except) const {
  MutexLock lock(mu_);
  std::optional<uint64_t> best;
  uint64_t best_dead = 0;
  for (const auto& [id, state] : states_) {
    if (id >= active) break;
    if (except.contains(id)) continue;
    const uint64_t needed = NeededBytes(id, state);
    const uint64_t dead = state.size - std::min(state.size, needed);
    const bool mostly = needed == 0 || dead > needed;
    if (mostly && (!best || dead > best_dead)) {
      best = id;
      best_dead = dead;
    }
  }
  return best;
}

}  // namespace openefs::datastore
