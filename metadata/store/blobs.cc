#include "metadata/store/blobs.h"

#include "common/check.h"
#include "metadata/store/keys.h"

namespace openefs::metadata {

BlobId FromProto(const pb::BlobId& id) { return {id.high(), id.low()}; }

pb::BlobId ToProto(BlobId id) {
  pb::BlobId proto;
  proto.set_high(id.high);
  proto.set_low(id.low);
  return proto;
}

void AddBlobReference(Transaction& txn, const pb::BlobExtent& extent) {
  const std::string key = keys::Blob(FromProto(extent.id()));
  pb::BlobRecord record;
  txn.GetRecord(key, &record);
  OPENEFS_CHECK(record.queued_ms() == 0);  // a doomed blob never comes back
  record.set_references(record.references() + 1);
  record.set_blob_length(extent.blob_length());
  txn.PutRecord(key, record);
}

void DropBlobReference(Transaction& txn, const pb::BlobExtent& extent, uint64_t now_ms) {
  const BlobId id = FromProto(extent.id());
  pb::BlobRecord record;
  OPENEFS_CHECK(txn.GetRecord(keys::Blob(id), &record));
  OPENEFS_CHECK(record.references() > 0);
  record.set_references(record.references() - 1);
  if (record.references() == 0) {
    record.set_queued_ms(now_ms == 0 ? 1 : now_ms);  // 0 means not queued
    txn.Put(keys::Collect(record.queued_ms(), id), "");
    txn.Delete(keys::Repair(id));
  }
  txn.PutRecord(keys::Blob(id), record);
}

bool BlobIsKnown(const Transaction& txn, BlobId id) { return txn.Contains(keys::Blob(id)); }

uint32_t ReferencedBlobLength(const Transaction& txn, BlobId id) {
  pb::BlobRecord record;
  if (!txn.GetRecord(keys::Blob(id), &record) || record.references() == 0) return 0;
  return record.blob_length();
}

bool MayReferTo(const Transaction& txn, const pb::NewBlob& blob) {
  pb::BlobRecord record;
  if (!txn.GetRecord(keys::Blob(FromProto(blob.id())), &record)) return true;
  return record.references() > 0 && record.blob_length() == blob.length();
}

void QueueRepair(Transaction& txn, const pb::NewBlob& blob) {
  if (blob.missing_mask() == 0) return;
  pb::RepairRecord record;
  record.set_missing_mask(blob.missing_mask());
  record.set_blob_length(blob.length());
  txn.PutRecord(keys::Repair(FromProto(blob.id())), record);
}

}  // namespace openefs::metadata
