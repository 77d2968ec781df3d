// GroupIndex: where the entries of one group stand in the shared log, and the group's other
// durable state. Built by replaying the records in the order they were written.
#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <vector>

#include "absl/status/status.h"
#include "common/ids.h"
#include "replication/log/records.h"
#include "replication/raft/configuration.h"
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
  // it are missing, or if it is a configuration and does not parse.
  absl::Status Append(const raft::Entry& entry, EntryLocation location);

  // The front's configuration becomes the one in effect there. DATA_LOSS if it does not fit what
  // was replayed so far.
  absl::Status Truncate(const Truncation& truncation);

  // All entries are gone; the log goes on after `reset.index`.
  void ResetTo(const Reset& reset);

  // After the replay: DATA_LOSS if entries that are still needed were in no segment.
  absl::Status CheckComplete() const;

  uint64_t first_index() const { return first_index_; }
  uint64_t previous_term() const { return previous_term_; }
  uint64_t last_index() const { return available_first_ + locations_.size() - 1; }
  // `index` is in [first_index, last_index].
  const EntryLocation& At(uint64_t index) const { return locations_[index - available_first_]; }
  const std::vector<raft::LogView::TermRun>& terms() const { return terms_; }
  // Of the entries of that kind in [first_index, last_index].
  const std::map<uint64_t, raft::Configuration>& configurations() const { return configurations_; }

  // Of the records of the entries from first_index on.
  uint64_t bytes() const { return bytes_; }
  // The smallest index from which on the entries are at most `bytes`; last_index + 1 if none is.
  uint64_t IndexKeeping(uint64_t bytes) const;

  raft::HardState hard_state;
  raft::Configuration configuration;  // as of first_index - 1; no voters: none was ever known

 private:
  void CutFrom(uint64_t index);
  void DropFront();

  uint64_t first_index_ = 1;
  uint64_t previous_term_ = 0;
  uint64_t available_first_ = 1;  // of what the replayed segments hold
  bool replayed_any_ = false;
  std::deque<EntryLocation> locations_;
  std::vector<raft::LogView::TermRun> terms_;
  std::map<uint64_t, raft::Configuration> configurations_;
  uint64_t bytes_ = 0;  // of locations_
};

}  // namespace openefs::replication
