// The rolling hash by which replicas notice that they differ: over every entry's index and what it
// changed. It depends on entries alone, not on how they were batched or what an engine does below.
#pragma once

#include <cstdint>

#include "metadata/store/transaction.h"

namespace openefs::metadata {

// The hash after entry `index`, which made the changes of `txn` since `mark`. A difference never
// goes away again by itself. CRC-64: it guards against faults, not against forgery.
[[nodiscard]] uint64_t ExtendStateHash(uint64_t hash, uint64_t index, const Transaction& txn,
                                       size_t mark);

}  // namespace openefs::metadata
