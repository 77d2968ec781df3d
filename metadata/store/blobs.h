// Blobs and who refers to them: reference counts, the queue of what nobody refers to any more, and
// the queue of what is not yet durable in all fragments.
#pragma once

#include <cstdint>

#include "common/ids.h"
#include "metadata/store/transaction.h"
#include "proto/records.pb.h"

namespace openefs::metadata {

// A blob that lost its last reference stays readable this long, for READs that were planned before
// (they may still be fetching it) and for followers of their retries.
inline constexpr uint64_t kCollectDelayMs = 60'000;

BlobId FromProto(const pb::BlobId& id);
pb::BlobId ToProto(BlobId id);

// One more extent uses it.
void AddBlobReference(Transaction& txn, const pb::BlobExtent& extent);

// One extent fewer. Without any, the blob goes to the collect queue.
void DropBlobReference(Transaction& txn, const pb::BlobExtent& extent, uint64_t now_ms);

// Whether some extent uses it, or it is queued to be collected.
bool BlobIsKnown(const Transaction& txn, BlobId id);

// Of one that some extent uses; 0: of others.
uint32_t ReferencedBlobLength(const Transaction& txn, BlobId id);

// Whether an extent may use it: not once it is queued to be collected, and never under another
// length.
bool MayReferTo(const Transaction& txn, const pb::NewBlob& blob);

// Fragments in `missing_mask` have to be rebuilt. 0: nothing.
void QueueRepair(Transaction& txn, const pb::NewBlob& blob);

}  // namespace openefs::metadata
