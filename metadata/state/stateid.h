// What the 16 bytes of a stateid4 mean (RFC 8881 8.2).
#pragma once

#include <cstdint>

#include "proto/metadata.pb.h"
#include "proto/records.pb.h"

namespace openefs::metadata {

inline constexpr size_t kStateidOtherBytes = 12;  // NFS4_OTHER_SIZE
inline constexpr uint32_t kSpecialSeqid = ~uint32_t{0};

enum class StateidClass {
  kOrdinary,   // names a state of ours, if it still exists
  kAnonymous,  // seqid 0, other 0: nobody's
  kBypass,     // all ones: READ past share reservations
  kCurrent,    // seqid 1, other 0: the COMPOUND's current stateid
  kInvalid,    // seqid all ones, other 0: what CLOSE answers; never accepted
  kMalformed,  // not one that we ever made
};

struct ParsedStateid {
  StateidClass kind = StateidClass::kMalformed;
  pb::StateRecord::Kind state_kind = pb::StateRecord::OPEN;  // the rest: kOrdinary only
  uint32_t group = 0;
  uint64_t state = 0;
  uint32_t seqid = 0;  // 0: whichever is the latest (RFC 8881 8.2.2)
};

ParsedStateid ParseStateid(const pb::Stateid& stateid);

// `other` is: version 1 (1 byte), kind (1), group (2), state (8), big-endian. A state id is used
// once within its group, for ever. Checks that the group fits.
pb::Stateid MakeStateid(pb::StateRecord::Kind kind, uint32_t group, uint64_t state, uint32_t seqid);

// The special stateid of kind kInvalid.
pb::Stateid InvalidStateid();

// The seqid after `seqid`: it wraps around past 0, which means "the latest" (RFC 8881 8.2.2).
constexpr uint32_t NextSeqid(uint32_t seqid) { return seqid + 1 == 0 ? 1 : seqid + 1; }

}  // namespace openefs::metadata
