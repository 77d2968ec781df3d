// What a metadata operation is. One class, one file each (metadata/ops/<name>.cc). The driver
// (metadata/ops/segment.h) owns registers, deduplication, roll-back and limits; an operation owns
// its meaning. An apply is deterministic: time, random bits and lapsed leases come from the entry.
#pragma once

#include <cstdint>
#include <string>

#include "absl/container/flat_hash_set.h"
#include "metadata/store/transaction.h"
#include "proto/metadata.pb.h"

namespace openefs::metadata {

// What one entry (or one read) gives to all operations it carries.
struct ApplyEnvironment {
  int64_t wall_time_ns = 0;  // never goes back within a group
  uint64_t raft_index = 0;   // 0 for reads
  uint32_t group = 0;        // the Raft group that applies: part of client, session and state ids
  const absl::flat_hash_set<uint64_t>* lapsed_clients = nullptr;  // may be null
  // Deterministic random bits: a SplitMix64 over the entry's seed, advanced by every use.
  uint64_t random_state = 0;
  uint64_t NextRandom();
};

// What one segment gives to its operations.
struct OperationContext {
  Transaction& txn;
  ApplyEnvironment& environment;
  const pb::Credentials& credentials;
  pb::Registers& registers;  // operations that set current files and stateids write here
  uint64_t client_id = 0;    // of the segment's session; 0 without one
};

// Each operation declares
//   using Request = pb::Lookup;
//   static constexpr bool kMutating = false;
//   static constexpr bool kInSystemGroup = false;
//   static pb::FsError Apply(OperationContext&, const Request&, pb::OperationResult*);
// and is one line of the list in metadata/ops/table.cc. An Apply that returns anything but FS_OK
// has its changes rolled back by the driver (the few that must keep some, like an expired client's,
// say so with kKeepsChangesOnError). The driver sets result->error().

// Runs `operation` and, where it fails, rolls back. Sets result->error().
void ApplyOperation(OperationContext& context, const pb::Operation& operation,
                    pb::OperationResult* result);

bool IsMutating(const pb::Operation& operation);
// Lower-case snake name, for metrics and logs: "write_commit".
absl::string_view OperationName(const pb::Operation& operation);

}  // namespace openefs::metadata
