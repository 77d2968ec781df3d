// What the metadata service counts about itself.
#pragma once

#include <cstddef>
#include <cstdint>

#include "absl/container/inlined_vector.h"
#include "proto/metadata.pb.h"

namespace openefs::metadata {

// The kinds of a segment's operations: what is left to count by when the request has been given
// away.
using OperationKinds = absl::InlinedVector<uint8_t, 8>;
OperationKinds KindsOf(const pb::SegmentRequest& request);

// One answered segment: each of its operations is counted under its name, with the segment's time.
void ObserveSegment(const OperationKinds& kinds, int64_t elapsed_ns);

// One entry proposed, with this many segments.
void ObserveEntry(size_t segments);

// Segments answered UNAVAILABLE because that limit was reached ("mutations", "mutation_bytes",
// "reads", "workers"), or joined to a copy of themselves.
void CountRefused(const char* limit);
void CountJoined();

// A comparison of replicas' states that did not come out equal, and the last index where a majority
// did.
void CountDifference(uint32_t node, uint32_t group);
void SetAgreedIndex(uint32_t node, uint32_t group, uint64_t index);

// Depths, as the service's background thread sees them. Labels: node, group.
struct GroupDepths {
  size_t mutations = 0;
  size_t mutation_bytes = 0;
  size_t reads = 0;
  size_t clients = 0;
  size_t lapsed = 0;
  bool leading = false;
};
void SetDepths(uint32_t node, uint32_t group, const GroupDepths& depths);

}  // namespace openefs::metadata
