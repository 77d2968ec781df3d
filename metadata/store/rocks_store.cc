#include "metadata/store/rocks_store.h"

#include <rocksdb/cache.h>
#include <rocksdb/db.h>
#include <rocksdb/env.h>
#include <rocksdb/filter_policy.h>
#include <rocksdb/listener.h>
#include <rocksdb/slice_transform.h>
#include <rocksdb/table.h>
#include <rocksdb/utilities/checkpoint.h>
#include <rocksdb/write_batch.h>

#include <filesystem>
#include <system_error>
#include <utility>

#include "absl/strings/str_cat.h"
#include "common/check.h"
#include "common/log.h"

namespace openefs::metadata {
namespace {

// Blocks of all groups of the process together, until SetRocksCacheBytes says something else.
constexpr size_t kBlockCacheBytes = size_t{64} << 20;
// The cache in so many parts with a lock each (a power of two). RocksDB's own choice is 64 of 1
// MiB, which throw out what is larger.
constexpr int kBlockCachePartBits = 4;
// Filters and indexes come in blocks of this size. In one piece those of a table of a million rows
// are over a MiB, and every look-up that does not find them in the cache would read and check that.
constexpr size_t kFilterBlockBytes = size_t{16} << 10;
// Each group: memory before a table is written, and how many such buffers may wait for the disk.
constexpr size_t kWriteBufferBytes = size_t{16} << 20;
constexpr int kWriteBuffers = 3;
constexpr int kBloomBitsPerKey = 10;  // one false positive in a hundred
// The same for a memtable: its share of the memory, some 16 bits for a row.
constexpr double kMemtableBloomShare = 0.01;
constexpr size_t kKindBytes = 9;     // of a key: file system and tag
constexpr int kMaxOpenTables = 512;  // file descriptors of one group
constexpr int kLogFiles = 2;
// Of RocksDB's batches: a sequence number and a count; for each row a tag and two lengths.
constexpr size_t kBatchHeadBytes = 12;
constexpr size_t kRowHeadBytes = 11;
// Tables are merged when there are so many fresh ones: a flush writes one every 16 MiB of log, and
// each merge rewrites what they overlap with.
constexpr int kFreshTables = 8;
constexpr size_t kLogFileBytes = size_t{4} << 20;
// Inline data lies beside the tables, in blob files: merging tables does not write it anew each
// time (a seventh of what a random write of 4 KiB cost).
constexpr uint64_t kMinBlobBytes = uint64_t{2} << 10;
// Of what is in the oldest blob files: when it is no longer referred to, the rest is written again.
constexpr double kBlobGarbageShare = 0.5;
constexpr size_t kVerifyReadAheadBytes = size_t{1} << 20;

rocksdb::Slice ToSlice(absl::string_view bytes) { return {bytes.data(), bytes.size()}; }
absl::string_view ToView(const rocksdb::Slice& slice) { return {slice.data(), slice.size()}; }

// Reads that fail would make replicas differ, so they stop the process.
void CheckRead(const rocksdb::Status& status) {
  if (status.ok()) return;
  Log(LogLevel::kError, "metadata.store_read_failed", {{"error", status.ToString()}});
  OPENEFS_CHECK(!"the metadata store can be read");
}

// A flush or compaction that fails leaves writes that were accepted and will not last.
class StopOnBackgroundError final : public rocksdb::EventListener {
 public:
  void OnBackgroundError(rocksdb::BackgroundErrorReason, rocksdb::Status* status) override {
    Log(LogLevel::kError, "metadata.store_write_failed", {{"error", status->ToString()}});
    OPENEFS_CHECK(!"the metadata store can be written");
  }
};

// About what a batch of them takes: growing step by step would copy it again and again.
size_t BatchBytes(const OrderedChanges& changes) {
  size_t bytes = kBatchHeadBytes;
  for (const Change* change : changes) {
    const auto& [key, value] = *change;
    bytes += kRowHeadBytes + key.size() + (value.has_value() ? value->size() : 0);
  }
  return bytes;
}

class SilentLogger final : public rocksdb::Logger {
 public:
  using rocksdb::Logger::Logv;
  void Logv(const char*, va_list) override {}
};

bool Missed(const rocksdb::Status& status) { return status.IsIncomplete(); }

class RocksIterator final : public KvIterator {
 public:
  RocksIterator(rocksdb::DB* db, const rocksdb::Snapshot* snapshot, absl::string_view begin,
                absl::string_view end, std::shared_ptr<RocksStore> store,
                rocksdb::ReadTier tier = rocksdb::kReadAllTier)
      : store_(std::move(store)), end_(end.data(), end.size()), end_slice_(end_) {
    rocksdb::ReadOptions options;
    options.snapshot = snapshot;
    options.read_tier = tier;
    options.iterate_upper_bound = &end_slice_;
    options.total_order_seek = true;
    it_.reset(db->NewIterator(options));
    it_->Seek(ToSlice(begin));
  }
  bool Valid() const override {
    if (it_->Valid()) return true;
    if (Missed(it_->status())) throw NotInMemory();
    CheckRead(it_->status());
    return false;
  }
  absl::string_view Key() const override { return ToView(it_->key()); }
  absl::string_view Value() const override { return ToView(it_->value()); }
  void Next() override { it_->Next(); }

 private:
  const std::shared_ptr<RocksStore> store_;  // goes after the iterator
  const std::string end_;
  const rocksdb::Slice end_slice_;
  std::unique_ptr<rocksdb::Iterator> it_;
};

class RocksSnapshot final : public KvSnapshot {
 public:
  RocksSnapshot(rocksdb::DB* db, std::shared_ptr<RocksStore> store)
      : store_(std::move(store)), db_(db), snapshot_(db->GetSnapshot()) {}
  ~RocksSnapshot() override { db_->ReleaseSnapshot(snapshot_); }

  bool Get(absl::string_view key, std::string* value) const override {
    rocksdb::ReadOptions options;
    options.snapshot = snapshot_;
    rocksdb::Status status = db_->Get(options, ToSlice(key), value);
    if (status.IsNotFound()) return false;
    CheckRead(status);
    return true;
  }
  std::unique_ptr<KvIterator> Scan(absl::string_view begin, absl::string_view end) const override {
    return std::make_unique<RocksIterator>(db_, snapshot_, begin, end, store_);
  }

 private:
  const std::shared_ptr<RocksStore> store_;
  rocksdb::DB* const db_;
  const rocksdb::Snapshot* const snapshot_;
};

// A real snapshot costs the database's lock, twice. One thing after the other, read while nothing
// was written, is as good.
class RocksMemoryView final : public KvSnapshot {
 public:
  RocksMemoryView(rocksdb::DB* db, std::shared_ptr<RocksStore> store)
      : store_(std::move(store)), db_(db), sequence_(db->GetLatestSequenceNumber()) {
    options_.read_tier = rocksdb::kBlockCacheTier;
  }

  bool Get(absl::string_view key, std::string* value) const override {
    const rocksdb::Status status = db_->Get(options_, ToSlice(key), value);
    if (Missed(status)) throw NotInMemory();
    CheckUnchanged();
    if (status.IsNotFound()) return false;
    CheckRead(status);
    return true;
  }
  std::unique_ptr<KvIterator> Scan(absl::string_view begin, absl::string_view end) const override {
    auto it =
        std::make_unique<RocksIterator>(db_, nullptr, begin, end, store_, rocksdb::kBlockCacheTier);
    CheckUnchanged();  // from here on it shows what it showed first
    return it;
  }

 private:
  void CheckUnchanged() const {
    if (db_->GetLatestSequenceNumber() != sequence_) throw NotInMemory();
  }

  const std::shared_ptr<RocksStore> store_;
  rocksdb::DB* const db_;
  const rocksdb::SequenceNumber sequence_;
  rocksdb::ReadOptions options_;
};

}  // namespace

// An iterator that is used again for one scan after the other.
class RocksCursor {
 public:
  explicit RocksCursor(rocksdb::DB* db) : sequence_(db->GetLatestSequenceNumber()) {
    rocksdb::ReadOptions options;
    options.iterate_upper_bound = &end_slice_;  // looked at anew by each Seek
    options.total_order_seek = true;
    it_.reset(db->NewIterator(options));
  }

  void Seek(absl::string_view begin, absl::string_view end) {
    end_.assign(end.data(), end.size());
    end_slice_ = end_;
    it_->Seek(ToSlice(begin));
  }
  // Within a block of a table the end of an earlier scan may be what RocksDB goes by.
  bool Valid() const {
    if (it_->Valid()) return it_->key().compare(end_slice_) < 0;
    CheckRead(it_->status());
    return false;
  }
  absl::string_view Key() const { return ToView(it_->key()); }
  absl::string_view Value() const { return ToView(it_->value()); }
  void Next() { it_->Next(); }

  // Whether nothing was written since it was made.
  bool Current(rocksdb::DB* db) const { return db->GetLatestSequenceNumber() == sequence_; }

 private:
  const rocksdb::SequenceNumber sequence_;
  std::string end_;
  rocksdb::Slice end_slice_;
  std::unique_ptr<rocksdb::Iterator> it_;
};

// The writer alone changes the content, so what is there now needs no snapshot.
class RocksWriterView final : public KvSnapshot {
 public:
  explicit RocksWriterView(std::shared_ptr<RocksStore> store) : store_(std::move(store)) {
    std::unique_ptr<RocksCursor> cursor = store_->TakeCursor();
    const bool current = cursor != nullptr && cursor->Current(store_->db_.get());
    if (current) store_->GiveBack(std::move(cursor));
  }

  bool Get(absl::string_view key, std::string* value) const override {
    const rocksdb::Status status = store_->db_->Get({}, ToSlice(key), value);
    if (status.IsNotFound()) return false;
    CheckRead(status);
    return true;
  }
  std::unique_ptr<KvIterator> Scan(absl::string_view begin, absl::string_view end) const override {
    std::unique_ptr<RocksCursor> cursor = store_->TakeCursor();
    if (cursor == nullptr) cursor = std::make_unique<RocksCursor>(store_->db_.get());
    cursor->Seek(begin, end);
    return std::make_unique<Lent>(store_, std::move(cursor));
  }

 private:
  class Lent final : public KvIterator {
   public:
    Lent(std::shared_ptr<RocksStore> store, std::unique_ptr<RocksCursor> cursor)
        : store_(std::move(store)), cursor_(std::move(cursor)) {}
    ~Lent() override { store_->GiveBack(std::move(cursor_)); }
    bool Valid() const override { return cursor_->Valid(); }
    absl::string_view Key() const override { return cursor_->Key(); }
    absl::string_view Value() const override { return cursor_->Value(); }
    void Next() override { cursor_->Next(); }

   private:
    const std::shared_ptr<RocksStore> store_;
    std::unique_ptr<RocksCursor> cursor_;
  };

  const std::shared_ptr<RocksStore> store_;
};

namespace {

absl::Status ToStatus(const rocksdb::Status& status, absl::string_view doing) {
  if (status.ok()) return absl::OkStatus();
  return absl::InternalError(absl::StrCat("metadata store: ", doing, ": ", status.ToString()));
}

std::shared_ptr<rocksdb::Cache> SharedBlockCache() {
  static const std::shared_ptr<rocksdb::Cache> cache =
      rocksdb::NewLRUCache(kBlockCacheBytes, kBlockCachePartBits);
  return cache;
}

rocksdb::Options MakeOptions() {
  rocksdb::BlockBasedTableOptions table;
  table.block_cache = SharedBlockCache();
  table.cache_index_and_filter_blocks = true;  // so that the cache bounds them too
  table.pin_l0_filter_and_index_blocks_in_cache = true;
  table.filter_policy.reset(rocksdb::NewBloomFilterPolicy(kBloomBitsPerKey));
  table.index_type = rocksdb::BlockBasedTableOptions::kTwoLevelIndexSearch;
  table.partition_filters = true;
  table.metadata_block_size = kFilterBlockBytes;
  table.format_version = 5;

  rocksdb::Options options;
  options.create_if_missing = true;
  options.table_factory.reset(rocksdb::NewBlockBasedTableFactory(table));
  // What is fresh is rewritten soon; compressing it each time costs more than its room is worth.
  options.compression_per_level = {rocksdb::kNoCompression, rocksdb::kNoCompression,
                                   rocksdb::kSnappyCompression};
  options.level0_file_num_compaction_trigger = kFreshTables;
  options.write_buffer_size = kWriteBufferBytes;
  options.max_write_buffer_number = kWriteBuffers;
  // A name that is to be made is looked for first, and seldom there.
  options.memtable_whole_key_filtering = true;
  options.memtable_prefix_bloom_size_ratio = kMemtableBloomShare;
  // Without a log of its own, a batch lasts whole or not at all because it lies in one memtable.
  options.atomic_flush = true;
  // A batch is in key order, and rows of one kind lie together: most belong beside the one before.
  options.memtable_insert_with_hint_prefix_extractor.reset(
      rocksdb::NewFixedPrefixTransform(kKindBytes));
  options.enable_blob_files = true;
  options.min_blob_size = kMinBlobBytes;
  options.blob_cache = SharedBlockCache();
  options.enable_blob_garbage_collection = true;
  options.blob_garbage_collection_force_threshold = kBlobGarbageShare;
  options.max_open_files = kMaxOpenTables;
  options.keep_log_file_num = kLogFiles;
  options.max_log_file_size = kLogFileBytes;
  options.listeners.push_back(std::make_shared<StopOnBackgroundError>());
  return options;
}

// RocksDB's own check reads all tables, but not the blobs they refer to: each has a checksum that
// is looked at when it is read.
rocksdb::Status VerifyStore(rocksdb::DB* db) {
  if (rocksdb::Status status = db->VerifyChecksum(); !status.ok()) return status;
  uint64_t blob_files = 0;
  db->GetIntProperty(rocksdb::DB::Properties::kNumBlobFiles, &blob_files);
  if (blob_files == 0) return rocksdb::Status::OK();
  rocksdb::ReadOptions options;
  options.fill_cache = false;
  options.readahead_size = kVerifyReadAheadBytes;
  const std::unique_ptr<rocksdb::Iterator> it(db->NewIterator(options));
  it->SeekToFirst();
  while (it->Valid()) it->Next();
  return it->status();
}

}  // namespace

void SetRocksCacheBytes(uint64_t bytes) { SharedBlockCache()->SetCapacity(bytes); }

absl::StatusOr<std::shared_ptr<RocksStore>> RocksStore::Open(const std::string& directory) {
  rocksdb::DB* raw = nullptr;
  rocksdb::Status status = rocksdb::DB::Open(MakeOptions(), directory, &raw);
  std::unique_ptr<rocksdb::DB> db(raw);
  if (!status.ok()) return ToStatus(status, absl::StrCat("open ", directory));
  return std::shared_ptr<RocksStore>(new RocksStore(directory, std::move(db)));
}

absl::StatusOr<std::shared_ptr<RocksStore>> RocksStore::OpenForReading(
    const std::string& directory) {
  rocksdb::Options options = MakeOptions();
  options.create_if_missing = false;
  options.listeners.clear();
  options.info_log = std::make_shared<SilentLogger>();  // the usual one is a file in the directory
  rocksdb::DB* raw = nullptr;
  rocksdb::Status status = rocksdb::DB::OpenForReadOnly(options, directory, &raw);
  std::unique_ptr<rocksdb::DB> db(raw);
  if (status.ok()) status = VerifyStore(db.get());
  if (status.IsCorruption() || status.IsInvalidArgument()) {
    return absl::DataLossError(absl::StrCat(directory, ": ", status.ToString()));
  }
  if (!status.ok()) return ToStatus(status, absl::StrCat("read ", directory));
  return std::shared_ptr<RocksStore>(new RocksStore(directory, std::move(db)));
}

RocksStore::RocksStore(std::string directory, std::unique_ptr<rocksdb::DB> db)
    : directory_(std::move(directory)), db_(std::move(db)) {}

RocksStore::~RocksStore() {
  cursor_.reset();
  db_.reset();
  std::error_code ignored;  // see Abandon
  if (abandoned_) std::filesystem::remove_all(directory_, ignored);
}

absl::Status RocksStore::Write(const OrderedChanges& changes) {
  rocksdb::WriteBatch batch(BatchBytes(changes));
  for (const Change* change : changes) {
    const auto& [key, value] = *change;
    rocksdb::Status added = value.has_value() ? batch.Put(key, *value) : batch.Delete(key);
    if (!added.ok()) return ToStatus(added, "batch");
  }
  rocksdb::WriteOptions options;
  options.disableWAL = true;  // the Raft log is replayed from the last flush
  return ToStatus(db_->Write(options, &batch), "write");
}

absl::Status RocksStore::Flush() {
  rocksdb::FlushOptions options;
  options.wait = true;
  return ToStatus(db_->Flush(options), "flush");
}

std::unique_ptr<KvSnapshot> RocksStore::Snapshot() {
  return std::make_unique<RocksSnapshot>(db_.get(), shared_from_this());
}

std::unique_ptr<KvSnapshot> RocksStore::MemoryView() {
  return std::make_unique<RocksMemoryView>(db_.get(), shared_from_this());
}

std::unique_ptr<KvSnapshot> RocksStore::WriterView() {
  return std::make_unique<RocksWriterView>(shared_from_this());
}

std::unique_ptr<RocksCursor> RocksStore::TakeCursor() { return std::exchange(cursor_, nullptr); }

void RocksStore::GiveBack(std::unique_ptr<RocksCursor> cursor) { cursor_ = std::move(cursor); }

// Tables are linked, the rest is small. Flushes first: there is no log to copy.
absl::Status RocksStore::Checkpoint(const std::string& directory) {
  if (auto status = Flush(); !status.ok()) return status;
  rocksdb::Checkpoint* raw = nullptr;
  rocksdb::Status status = rocksdb::Checkpoint::Create(db_.get(), &raw);
  const std::unique_ptr<rocksdb::Checkpoint> checkpoint(raw);
  if (status.ok()) status = checkpoint->CreateCheckpoint(directory);
  return ToStatus(status, absl::StrCat("checkpoint in ", directory));
}

absl::Status RocksStore::Verify() {
  const rocksdb::Status status = VerifyStore(db_.get());
  if (status.IsCorruption()) {
    return absl::DataLossError(
        absl::StrCat("metadata store: ", directory_, ": ", status.ToString()));
  }
  return ToStatus(status, absl::StrCat("verify ", directory_));
}

}  // namespace openefs::metadata
