#include "replication/log/group_index.h"

#include <algorithm>

#include "absl/strings/str_cat.h"

namespace openefs::replication {

absl::Status GroupIndex::Append(uint64_t index, uint64_t term, EntryLocation location) {
  replayed_any_ = true;
  if (index > last_index() + 1) {
    return absl::DataLossError(
        absl::StrCat("entries ", last_index() + 1, " to ", index - 1, " are missing"));
  }
  if (index <= last_index()) CutFrom(index);
  if (terms_.empty() || terms_.back().term != term) terms_.push_back({index, term});
  locations_.push_back(location);
  return absl::OkStatus();
}

void GroupIndex::CutFrom(uint64_t index) {
  available_first_ = std::min(available_first_, index);
  if (index > available_first_) {
    locations_.resize(index - available_first_);
  } else {
    locations_.clear();
  }
  while (!terms_.empty() && terms_.back().index >= index) terms_.pop_back();
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
  while (available_first_ < first_index_ && !locations_.empty()) {
    locations_.pop_front();
    ++available_first_;
  }
  if (locations_.empty()) terms_.clear();
  while (terms_.size() > 1 && terms_[1].index <= available_first_) terms_.erase(terms_.begin());
  if (!terms_.empty()) terms_[0].index = std::max(terms_[0].index, available_first_);
  return absl::OkStatus();
}

absl::Status GroupIndex::CheckComplete() const {
  if (first_index_ >= available_first_) return absl::OkStatus();
  return absl::DataLossError(
      absl::StrCat("entries ", first_index_, " to ", available_first_ - 1, " are missing"));
}

}  // namespace openefs::replication
