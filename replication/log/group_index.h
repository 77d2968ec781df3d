// GroupIndex: where the entries of one group stand in the shared log, and the group's other
// durable state. Built by replaying the records in the order they were written.
#pragma once

#include <cstdint>
#include <deque>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "common/ids.h"
#include "replication/log/records.h"
#include "replication/raft/entry.h"
#include "replication/raft/log_view.h"

namespace openefs::replication {

struct EntryLocation {
  uint64_t segment = 0;  // number
  uint32_t offset = 0;   // of the record in the file
  uint32_t bytes = 0;    // of the record
};

class GroupIndex {
 public:
  // An entry takes the place of one at its index and of all after that. DATA_LOSS if entries before
  // it are missing.
  absl::Status Append(uint64_t index, uint64_t term, EntryLocation location);

  // DATA_LOSS if it does not fit what was replayed so far.
  absl::Status Truncate(const Truncation& truncation);

  // After the replay: DATA_LOSS if entries that are still needed were in no segment.
  absl::Status CheckComplete() const;

  uint64_t first_index() const { return first_index_; }
  uint64_t previous_term() const { return previous_term_; }
  uint64_t last_index() const { return available_first_ + locations_.size() - 1; }
  // `index` is in [first_index, last_index].
  const EntryLocation& At(uint64_t index) const { return locations_[index - available_first_]; }
  const std::vector<raft::LogView::TermRun>& terms() const { return terms_; }

  raft::HardState hard_state;
  std::vector<NodeId> voters;  // empty: the group has never been here

 private:
  void CutFrom(uint64_t index);

  uint64_t first_index_ = 1;
  uint64_t previous_term_ = 0;
  uint64_t available_first_ = 1;  // of what the replayed segments hold
  bool replayed_any_ = false;
  std::deque<EntryLocation> locations_;
  std::vector<raft::LogView::TermRun> terms_;
};

}  // namespace openefs::replication
