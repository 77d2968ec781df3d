#include "datastore/node/index.h"

#include <rocksdb/cache.h>
#include <rocksdb/db.h>
#include <rocksdb/filter_policy.h>
#include <rocksdb/options.h>
#include <rocksdb/table.h>
#include <rocksdb/write_batch.h>

#include "absl/strings/str_cat.h"
#include "common/log.h"
#include "datastore/node/coding.h"

namespace openefs::datastore {
namespace {

constexpr size_t kMemtableBytes = 16u << 20;  // of about 250 bytes per fragment
constexpr size_t kCacheBytes = 32u << 20;     // a data node's share of its host's memory
constexpr int kOpenFiles = 256;

constexpr char kFragmentPrefix = 'F';
constexpr char kLocationPrefix = 'L';
constexpr char kPositionKey[] = "P";
constexpr size_t kFragmentKeyBytes = 1 + 8 + 8 + 4;
constexpr size_t kLocationKeyBytes = 1 + 8 + 8;

absl::Status FromRocks(const rocksdb::Status& status) {
  if (status.ok()) return absl::OkStatus();
  if (status.IsNotFound()) return absl::NotFoundError("no such fragment");
  if (status.IsIncomplete()) return absl::UnavailableError("index block not cached");
  return absl::InternalError(absl::StrCat("fragment index: ", status.ToString()));
}

std::string FragmentKey(const FragmentId& id) {
  std::string key(1, kFragmentPrefix);
  AppendBig(&key, id.blob.high);
  AppendBig(&key, id.blob.low);
  AppendBig(&key, id.index);
  return key;
}

FragmentId FragmentOfKey(std::string_view key) {
  return {{LoadBig<uint64_t>(key, 1), LoadBig<uint64_t>(key, 9)}, LoadBig<uint32_t>(key, 17)};
}

std::string LocationKey(const Location& at) {
  std::string key(1, kLocationPrefix);
  AppendBig(&key, at.segment);
  AppendBig(&key, at.offset);
  return key;
}

std::string EncodeLocation(const Location& at) {
  std::string value;
  AppendLittle(&value, at.segment);
  AppendLittle(&value, at.offset);
  return value;
}

std::string EncodeEntry(const IndexEntry& entry) {
  std::string value = EncodeLocation(entry.at);
  AppendLittle(&value, entry.length);
  AppendLittle(&value, static_cast<uint32_t>(entry.corrupt));
  for (const uint32_t crc : entry.crcs) AppendLittle(&value, crc);
  return value;
}

absl::StatusOr<IndexEntry> DecodeEntry(std::string_view value) {
  constexpr size_t kFixed = 24;
  if (value.size() < kFixed) return absl::InternalError("fragment index: short entry");
  IndexEntry entry;
  entry.at = {LoadLittle<uint64_t>(value, 0), LoadLittle<uint64_t>(value, 8)};
  entry.length = LoadLittle<uint32_t>(value, 16);
  entry.corrupt = LoadLittle<uint32_t>(value, 20) != 0;
  if (value.size() != kFixed + 4 * size_t{BlocksOf(entry.length)}) {
    return absl::InternalError("fragment index: entry of a wrong size");
  }
  for (size_t at = kFixed; at < value.size(); at += 4) {
    entry.crcs.push_back(LoadLittle<uint32_t>(value, at));
  }
  return entry;
}

std::string EncodeStored(RecordType type, const FragmentId& id, uint32_t length, uint64_t killed) {
  std::string value;
  AppendLittle(&value, static_cast<uint32_t>(type));
  AppendLittle(&value, id.blob.high);
  AppendLittle(&value, id.blob.low);
  AppendLittle(&value, id.index);
  AppendLittle(&value, length);
  AppendLittle(&value, killed);
  return value;
}
constexpr size_t kStoredBytes = 36;

absl::StatusOr<StoredRecord> DecodeStored(std::string_view key, std::string_view value) {
  if (key.size() != kLocationKeyBytes || value.size() != kStoredBytes) {
    return absl::InternalError("fragment index: location of a wrong size");
  }
  StoredRecord stored;
  stored.at = {LoadBig<uint64_t>(key, 1), LoadBig<uint64_t>(key, 9)};
  stored.type = static_cast<RecordType>(LoadLittle<uint32_t>(value, 0));
  stored.id.blob = {LoadLittle<uint64_t>(value, 4), LoadLittle<uint64_t>(value, 12)};
  stored.id.index = LoadLittle<uint32_t>(value, 20);
  stored.length = LoadLittle<uint32_t>(value, 24);
  stored.killed_segment = LoadLittle<uint64_t>(value, 28);
  return stored;
}

rocksdb::Options IndexOptions() {
  rocksdb::Options options;
  options.create_if_missing = true;
  options.write_buffer_size = kMemtableBytes;
  options.max_open_files = kOpenFiles;
  options.max_background_jobs = 2;
  options.keep_log_file_num = 2;
  // A flush is the owner's decision: the index must be able to lose what it did not flush.
  options.avoid_flush_during_shutdown = true;
  rocksdb::BlockBasedTableOptions table;
  table.block_cache = rocksdb::NewLRUCache(kCacheBytes);
  table.filter_policy.reset(rocksdb::NewBloomFilterPolicy(10));
  options.table_factory.reset(rocksdb::NewBlockBasedTableFactory(table));
  return options;
}

}  // namespace

struct Index::Database {
  std::unique_ptr<rocksdb::DB> db;

  // Visits keys from `from` on that begin with `prefix`, until `visit` returns false.
  template <typename Visit>
  absl::Status Scan(const std::string& from, const std::string& prefix, Visit visit) const {
    rocksdb::ReadOptions options;
    options.total_order_seek = true;
    std::unique_ptr<rocksdb::Iterator> it(db->NewIterator(options));
    for (it->Seek(from); it->Valid() && it->key().starts_with(prefix); it->Next()) {
      if (!visit(it->key().ToStringView(), it->value().ToStringView())) break;
    }
    return FromRocks(it->status());
  }
};

void IndexBatch::SetFragment(const FragmentId& id, const IndexEntry& entry) {
  changes_.emplace_back(FragmentKey(id), EncodeEntry(entry));
  changes_.emplace_back(LocationKey(entry.at), EncodeStored(RecordType::kPut, id, entry.length, 0));
}

void IndexBatch::EraseFragment(const FragmentId& id, const Location& at) {
  changes_.emplace_back(FragmentKey(id), std::nullopt);
  changes_.emplace_back(LocationKey(at), std::nullopt);
}

void IndexBatch::SetTombstone(const FragmentId& id, const Location& at, uint64_t killed_segment) {
  changes_.emplace_back(LocationKey(at),
                        EncodeStored(RecordType::kTombstone, id, 0, killed_segment));
}

void IndexBatch::EraseTombstone(const Location& at) {
  changes_.emplace_back(LocationKey(at), std::nullopt);
}

void IndexBatch::SetPosition(const Location& position) {
  changes_.emplace_back(kPositionKey, EncodeLocation(position));
}

Index::Index(std::unique_ptr<Database> database) : database_(std::move(database)) {}
Index::~Index() = default;

absl::StatusOr<std::unique_ptr<Index>> Index::Open(const std::string& directory) {
  rocksdb::DB* db = nullptr;
  rocksdb::Status status = rocksdb::DB::Open(IndexOptions(), directory, &db);
  if (status.IsCorruption()) {
    Log(LogLevel::kError, "datastore.index_damaged",
        {{"directory", directory}, {"error", status.ToString()}});
    status = rocksdb::DestroyDB(directory, IndexOptions());
    if (status.ok()) status = rocksdb::DB::Open(IndexOptions(), directory, &db);
  }
  if (!status.ok()) return FromRocks(status);
  auto database = std::make_unique<Database>();
  database->db.reset(db);
  return std::unique_ptr<Index>(new Index(std::move(database)));
}

absl::StatusOr<IndexEntry> Index::Find(const FragmentId& id, Reach reach) const {
  rocksdb::ReadOptions options;
  if (reach == Reach::kCacheOnly) options.read_tier = rocksdb::kBlockCacheTier;
  rocksdb::PinnableSlice value;
  const rocksdb::Status status =
      database_->db->Get(options, database_->db->DefaultColumnFamily(), FragmentKey(id), &value);
  if (!status.ok()) return FromRocks(status);
  return DecodeEntry(value.ToStringView());
}

absl::Status Index::Apply(const IndexBatch& batch) {
  rocksdb::WriteBatch writes;
  for (const auto& [key, value] : batch.changes_) {
    const rocksdb::Status status = value ? writes.Put(key, *value) : writes.Delete(key);
    if (!status.ok()) return FromRocks(status);
  }
  rocksdb::WriteOptions options;
  options.disableWAL = true;  // the segment files are the log
  return FromRocks(database_->db->Write(options, &writes));
}

absl::Status Index::Flush(bool wait) {
  rocksdb::FlushOptions options;
  options.wait = wait;
  options.allow_write_stall = true;
  return FromRocks(database_->db->Flush(options));
}

absl::StatusOr<Location> Index::Position() const {
  std::string value;
  const rocksdb::Status status = database_->db->Get(rocksdb::ReadOptions(), kPositionKey, &value);
  if (status.IsNotFound()) return Location{};
  if (!status.ok()) return FromRocks(status);
  if (value.size() != 16) return absl::InternalError("fragment index: position of a wrong size");
  return Location{LoadLittle<uint64_t>(value, 0), LoadLittle<uint64_t>(value, 8)};
}

absl::StatusOr<std::vector<StoredRecord>> Index::StoredIn(uint64_t segment, uint64_t offset,
                                                          size_t limit) const {
  std::vector<StoredRecord> found;
  absl::Status bad = absl::OkStatus();
  std::string prefix(1, kLocationPrefix);
  AppendBig(&prefix, segment);
  const absl::Status scanned = database_->Scan(
      LocationKey({segment, offset}), prefix, [&](std::string_view key, std::string_view value) {
        if (found.size() == limit) return false;
        absl::StatusOr<StoredRecord> stored = DecodeStored(key, value);
        if (!stored.ok()) bad = stored.status();
        if (stored.ok()) found.push_back(*stored);
        return stored.ok();
      });
  if (!scanned.ok()) return scanned;
  if (!bad.ok()) return bad;
  return found;
}

absl::Status Index::ForEachStored(const std::function<void(const StoredRecord&)>& visit) const {
  absl::Status bad = absl::OkStatus();
  const std::string prefix(1, kLocationPrefix);
  const absl::Status scanned =
      database_->Scan(prefix, prefix, [&](std::string_view key, std::string_view value) {
        absl::StatusOr<StoredRecord> stored = DecodeStored(key, value);
        if (!stored.ok()) bad = stored.status();
        if (stored.ok()) visit(*stored);
        return stored.ok();
      });
  return scanned.ok() ? bad : scanned;
}

absl::StatusOr<std::vector<ListedFragment>> Index::List(std::optional<BlobId> after, size_t limit,
                                                        bool* end) const {
  std::string from(1, kFragmentPrefix);
  if (after) from = FragmentKey({*after, UINT32_MAX});
  std::vector<ListedFragment> found;
  absl::Status bad = absl::OkStatus();
  *end = true;
  const absl::Status scanned = database_->Scan(
      from, std::string(1, kFragmentPrefix), [&](std::string_view key, std::string_view value) {
        if (key.size() != kFragmentKeyBytes) bad = absl::InternalError("fragment index: bad key");
        absl::StatusOr<IndexEntry> entry = DecodeEntry(value);
        if (!entry.ok()) bad = entry.status();
        if (!bad.ok()) return false;
        const FragmentId id = FragmentOfKey(key);
        if (found.size() >= limit && found.back().id.blob != id.blob) {
          *end = false;
          return false;
        }
        found.push_back({id, entry->length, entry->corrupt});
        return true;
      });
  if (!scanned.ok()) return scanned;
  if (!bad.ok()) return bad;
  return found;
}

}  // namespace openefs::datastore
