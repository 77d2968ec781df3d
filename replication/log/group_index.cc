#include "replication/log/group_index.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"

namespace openefs::replication {

absl::Status GroupIndex::Append(const raft::Entry& entry, EntryLocation location) {
  replayed_any_ = true;
  const uint64_t index = entry.index;
  if (index > last_index() + 1) {
    return absl::DataLossError(
        absl::StrCat("entries ", last_index() + 1, " to ", index - 1, " are missing"));
  }
  if (index <= last_index()) CutFrom(index);
  if (entry.kind == raft::EntryKind::kConfiguration) {
    auto decoded = raft::DecodeConfiguration(entry.data == nullptr ? "" : *entry.data);
    if (!decoded.has_value()) {
      return absl::DataLossError(absl::StrCat("the configuration in entry ", index, " is damaged"));
    }
    configurations_[index] = *std::move(decoded);
  }
  if (terms_.empty() || terms_.back().term != entry.term) terms_.push_back({index, entry.term});
  locations_.push_back(location);
  bytes_ += location.bytes;
  return absl::OkStatus();
}

void GroupIndex::CutFrom(uint64_t index) {
  available_first_ = std::min(available_first_, index);
  while (available_first_ + locations_.size() > index) {
    bytes_ -= locations_.back().bytes;
    locations_.pop_back();
  }
  while (!terms_.empty() && terms_.back().index >= index) terms_.pop_back();
  configurations_.erase(configurations_.lower_bound(index), configurations_.end());
}

absl::Status GroupIndex::Truncate(const Truncation& truncation) {
  if (!replayed_any_) {
    // The head of the oldest segment left: what it says was in segments deleted since.
    available_first_ = truncation.last_index + 1;
    replayed_any_ = true;
  }
  if (truncation.last_index != last_index()) {
    return absl::DataLossError(absl::StrCat("the log ends at entry ", last_index(),
                                            " where it should end at ", truncation.last_index));
  }
  first_index_ = truncation.first_index;
  previous_term_ = truncation.previous_term;
  DropFront();
  return absl::OkStatus();
}

void GroupIndex::DropFront() {
  while (available_first_ < first_index_ && !locations_.empty()) {
    bytes_ -= locations_.front().bytes;
    locations_.pop_front();
    ++available_first_;
  }
  if (locations_.empty()) terms_.clear();
  while (terms_.size() > 1 && terms_[1].index <= available_first_) terms_.erase(terms_.begin());
  if (!terms_.empty()) terms_[0].index = std::max(terms_[0].index, available_first_);
  while (!configurations_.empty() && configurations_.begin()->first < first_index_) {
    configuration = std::move(configurations_.begin()->second);
    configurations_.erase(configurations_.begin());
  }
}

void GroupIndex::ResetTo(const Reset& reset) {
  replayed_any_ = true;
  first_index_ = available_first_ = reset.index + 1;
  previous_term_ = reset.term;
  locations_.clear();
  terms_.clear();
  configurations_.clear();
  bytes_ = 0;
}

uint64_t GroupIndex::IndexKeeping(uint64_t bytes) const {
  uint64_t left = bytes_;
  uint64_t index = available_first_;
  for (; left > bytes; ++index) left -= At(index).bytes;
  return index;
}

absl::Status GroupIndex::CheckComplete() const {
  if (first_index_ >= available_first_) return absl::OkStatus();
  return absl::DataLossError(
      absl::StrCat("entries ", first_index_, " to ", available_first_ - 1, " are missing"));
}

}  // namespace openefs::replication
