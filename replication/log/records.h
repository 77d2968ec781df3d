// What the records of the log say, beside the bytes of log_format.h.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "common/ids.h"
#include "replication/raft/entry.h"

namespace openefs::replication {

// Entries below first_index are no longer needed. In the head of a segment also where the log
// ended then: what is between the two may stand in segments that were deleted since.
struct Truncation {
  uint64_t first_index = 1;
  uint64_t previous_term = 0;  // of entry first_index - 1
  uint64_t last_index = 0;     // of the log when this was written
};

// A snapshot took the place of all entries there were, and of those up to `index`; 0: nothing did,
// the log begins anew.
struct Reset {
  uint64_t index = 0;
  uint64_t term = 0;  // of entry `index`
};

std::string EncodeEntryHead(const raft::Entry& entry);  // the entry's data follows it
std::optional<raft::Entry> DecodeEntry(std::string_view body);

std::string EncodeHardState(const raft::HardState& state);
std::optional<raft::HardState> DecodeHardState(std::string_view body);

std::string EncodeTruncation(const Truncation& truncation);
std::optional<Truncation> DecodeTruncation(std::string_view body);

std::string EncodeReset(const Reset& reset);
std::optional<Reset> DecodeReset(std::string_view body);

}  // namespace openefs::replication
