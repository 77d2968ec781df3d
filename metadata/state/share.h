// Share reservations (RFC 8881 9.7) and what yields to a live client.
#pragma once

#include <cstdint>

#include "metadata/ops/operation.h"

namespace openefs::metadata {

inline constexpr uint32_t kShareRead = 1;
inline constexpr uint32_t kShareWrite = 2;
inline constexpr uint32_t kShareBoth = 3;

// Whether an open denies `access` (kShare bits) to those who have none. Lapsed clients deny
// nothing.
bool FindDenial(const OperationContext& context, const pb::FileRef& file, uint32_t access);

// Whether another owner's open stands in the way of one with these shares. What a lapsed client
// holds yields: the client is expired here and now, and the search goes on.
bool ShareConflict(OperationContext& context, const pb::FileRef& file, uint32_t share_access,
                   uint32_t share_deny, const std::string& own_owner);

// Expires the client if its lease ran out and it is not the one that asks. True: it is gone.
bool YieldIfLapsed(OperationContext& context, uint64_t client_id);

// Whether the entry says that the client's lease ran out.
bool IsLapsed(const OperationContext& context, uint64_t client_id);

}  // namespace openefs::metadata
