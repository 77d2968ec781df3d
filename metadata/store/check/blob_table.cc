#include "metadata/store/check/blob_table.h"

#include <algorithm>

#include "metadata/store/check/row_form.h"

namespace openefs::metadata {
namespace {

std::string Name(BlobId id) {
  return absl::StrCat("blob ", absl::Hex(id.high), "-", absl::Hex(id.low));
}

}  // namespace

void BlobTable::Load(const KvSnapshot& snapshot, Reporter* reporter) {
  SoundRows rows(snapshot, keys::kClusterWide, KeyTag::kBlob);
  for (; rows.Valid() && reporter->Row(); rows.Next()) {
    pb::BlobRecord record;
    if (!ParseRecord(rows.Value(), &record)) continue;
    const BlobId id = rows.Key().Blob();
    entries_.push_back({id, record.blob_length(), record.references(), 0});
    ++reporter->report.blobs;
    const bool queued = record.queued_ms() != 0;
    if (queued != (record.references() == 0)) {
      reporter->Problem(Name(id), queued ? " is to be collected though in use"
                                         : " is used by nobody and not to be collected");
    }
    if (queued && !HasKey(snapshot, keys::Collect(record.queued_ms(), id))) {
      reporter->Problem(Name(id), " is not in the collect queue");
    }
  }
  CheckCollectQueue(snapshot, reporter);
  CheckRepairQueue(snapshot, reporter);
}

void BlobTable::CheckCollectQueue(const KvSnapshot& snapshot, Reporter* reporter) {
  SoundRows rows(snapshot, keys::kClusterWide, KeyTag::kCollectQueue);
  for (; rows.Valid() && reporter->Row(); rows.Next()) {
    KeyReader key = rows.Key();
    const uint64_t queued_ms = key.U64();
    const BlobId id = key.Blob();
    pb::BlobRecord record;
    if (!FindRecord(snapshot, keys::Blob(id), &record) || record.queued_ms() != queued_ms) {
      reporter->Problem(Name(id), " is in the collect queue, and its record does not say so");
    }
  }
}

void BlobTable::CheckRepairQueue(const KvSnapshot& snapshot, Reporter* reporter) {
  SoundRows rows(snapshot, keys::kClusterWide, KeyTag::kRepairQueue);
  for (; rows.Valid() && reporter->Row(); rows.Next()) {
    const BlobId id = rows.Key().Blob();
    const Entry* entry = Find(id);
    if (entry == nullptr || entry->said == 0) {
      reporter->Problem(Name(id), " is in the repair queue, and nobody refers to it");
    }
  }
}

BlobTable::Entry* BlobTable::Find(BlobId id) {
  auto it = std::lower_bound(entries_.begin(), entries_.end(), id,
                             [](const Entry& entry, BlobId wanted) { return entry.id < wanted; });
  return it == entries_.end() || it->id != id ? nullptr : &*it;
}

bool BlobTable::Refer(BlobId id, uint32_t blob_length) {
  Entry* entry = Find(id);
  if (entry == nullptr) return false;
  ++entry->counted;
  return entry->length == blob_length;
}

void BlobTable::CompareCounts(Reporter* reporter) const {
  for (const Entry& entry : entries_) {
    if (entry.said == entry.counted) continue;
    reporter->Problem(Name(entry.id), " has ", entry.counted, " references, its record says ",
                      entry.said);
  }
}

}  // namespace openefs::metadata
