#include "replication/raft/log_view.h"

#include <algorithm>
#include <utility>

#include "common/check.h"

namespace openefs::replication::raft {

LogView::LogView(Contents contents)
    : first_index_(contents.first_index),
      last_index_(contents.last_index),
      runs_{{contents.first_index - 1, contents.previous_term}},
      cache_first_(contents.last_index + 1 - contents.recent.size()),
      cache_(contents.recent.begin(), contents.recent.end()),
      next_unwritten_(contents.last_index + 1),
      stable_index_(contents.last_index) {
  OPENEFS_CHECK(first_index_ >= 1 && last_index_ + 1 >= first_index_);
  OPENEFS_CHECK(cache_first_ >= first_index_);
  for (const TermRun& run : contents.terms) {
    if (run.term != runs_.back().term) runs_.push_back(run);
  }
  for (const Entry& entry : cache_) {
    OPENEFS_CHECK(Matches(entry.index, entry.term));
    cached_bytes_ += entry.bytes();
  }
}

std::optional<uint64_t> LogView::Term(uint64_t index) const {
  if (index + 1 < first_index_ || index > last_index_) return std::nullopt;
  const auto after = std::upper_bound(runs_.begin(), runs_.end(), index,
                                      [](uint64_t i, const TermRun& run) { return i < run.index; });
  OPENEFS_CHECK(after != runs_.begin());
  return std::prev(after)->term;
}

uint64_t LogView::LastWithTermAtMost(uint64_t at, uint64_t term) const {
  uint64_t index = std::min(at, last_index_);
  for (auto run = runs_.rbegin(); run != runs_.rend(); ++run) {
    if (run->index > index) continue;
    if (run->term <= term) return index;
    if (run->index == runs_.front().index) break;
    index = run->index - 1;
  }
  return first_index_ - 1;
}

void LogView::Append(Entry entry) {
  OPENEFS_CHECK(entry.index == last_index_ + 1);
  OPENEFS_CHECK(entry.term >= last_term());
  if (entry.term != runs_.back().term) runs_.push_back({entry.index, entry.term});
  last_index_ = entry.index;
  cached_bytes_ += entry.bytes();
  cache_.push_back(std::move(entry));
}

void LogView::TruncateFrom(uint64_t index) {
  OPENEFS_CHECK(index >= first_index_);
  while (!cache_.empty() && cache_.back().index >= index) {
    cached_bytes_ -= cache_.back().bytes();
    cache_.pop_back();
  }
  while (runs_.size() > 1 && runs_.back().index >= index) runs_.pop_back();
  last_index_ = std::min(last_index_, index - 1);
  cache_first_ = std::min(cache_first_, index);
  next_unwritten_ = std::min(next_unwritten_, index);
  stable_index_ = std::min(stable_index_, index - 1);
  for (Write& write : writes_) write.last_index = std::min(write.last_index, index - 1);
}

void LogView::CompactTo(uint64_t first_index) {
  if (first_index <= first_index_) return;
  OPENEFS_CHECK(first_index <= stable_index_ + 1);
  const uint64_t previous_term = *Term(first_index - 1);
  const auto live = std::find_if(runs_.begin(), runs_.end(),
                                 [&](const TermRun& run) { return run.index >= first_index; });
  runs_.erase(runs_.begin(), live);
  runs_.insert(runs_.begin(), {first_index - 1, previous_term});
  first_index_ = first_index;
  while (!cache_.empty() && cache_.front().index < first_index) {
    cached_bytes_ -= cache_.front().bytes();
    cache_.pop_front();
  }
  cache_first_ = std::max(cache_first_, first_index);
}

void LogView::Reset(uint64_t index, uint64_t term) {
  first_index_ = cache_first_ = next_unwritten_ = index + 1;
  last_index_ = stable_index_ = index;
  runs_ = {{index, term}};
  cache_.clear();
  cached_bytes_ = 0;
  writes_.clear();
}

std::vector<Entry> LogView::Slice(uint64_t low, size_t max_entries, size_t max_bytes) const {
  std::vector<Entry> slice;
  if (!InMemory(low)) return slice;
  size_t bytes = 0;
  for (uint64_t index = low; index <= last_index_ && slice.size() < max_entries; ++index) {
    const Entry& entry = cache_[index - cache_first_];
    bytes += entry.bytes();
    if (!slice.empty() && bytes > max_bytes) break;
    slice.push_back(entry);
  }
  return slice;
}

void LogView::Evict(uint64_t up_to, size_t keep_bytes) {
  OPENEFS_CHECK(up_to <= stable_index_);
  while (cached_bytes_ > keep_bytes && !cache_.empty() && cache_.front().index <= up_to) {
    cached_bytes_ -= cache_.front().bytes();
    cache_.pop_front();
    ++cache_first_;
  }
}

std::vector<Entry> LogView::TakeUnwritten(uint64_t write_id) {
  std::vector<Entry> entries = Slice(next_unwritten_, last_index_ + 1 - next_unwritten_, SIZE_MAX);
  next_unwritten_ = last_index_ + 1;
  writes_.push_back({write_id, last_index_});
  return entries;
}

void LogView::Persisted(uint64_t write_id) {
  while (!writes_.empty() && writes_.front().id <= write_id) {
    stable_index_ = std::max(stable_index_, writes_.front().last_index);
    writes_.pop_front();
  }
}

}  // namespace openefs::replication::raft
