// The driver of one segment: registers in, operations in order until the first error, registers
// out; and, for a segment with a slot, exactly-once execution of its mutations.
#pragma once

#include "metadata/ops/operation.h"

namespace openefs::metadata {

bool SegmentMutates(const pb::SegmentRequest& request);

// Inside a Raft entry. With a slot (RFC 8881 2.10.6.1; keys under the session):
//   no such session                       every operation fails with FS_BADSESSION
//   sequence id below the stored one      FS_SEQ_MISORDERED
//   equal, operation already done         its stored result is returned, nothing runs
//   otherwise                             it runs; a mutation's result (errors too) is stored
//   beside
//                                         its effects, and replaces records of older sequence ids
// The short answers of reads in front of and behind a mutation are kept with its own, so that a
// retry is answered as the request was, although what they led to may be gone since. So is the
// failure of a read that keeps a mutation from running.
void ApplySegment(Transaction& txn, ApplyEnvironment& environment,
                  const pb::SegmentRequest& request, pb::SegmentResponse* response);

// Outside Raft, on a snapshot: no mutation in it, no slot record touched.
void ReadSegment(Transaction& txn, ApplyEnvironment& environment, const pb::SegmentRequest& request,
                 pb::SegmentResponse* response);

}  // namespace openefs::metadata
