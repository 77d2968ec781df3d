#include "metadata/store/shared_rows.h"

#include <utility>

#include "absl/hash/hash.h"

namespace openefs::metadata {

class SharedRows::View final : public KvSnapshot {
 public:
  View(SharedRows* rows, uint64_t version, std::unique_ptr<KvSnapshot> base)
      : rows_(rows), version_(version), base_(std::move(base)) {}

  bool Get(absl::string_view key, std::string* value) const override {
    bool exists = false;
    if (!rows_->Find(key, value, &exists)) {
      exists = base_->Get(key, value);
      rows_->Remember(key, exists ? value : nullptr, version_);
    }
    rows_->CheckUnchanged(version_);
    return exists;
  }

  std::unique_ptr<KvIterator> Scan(absl::string_view begin, absl::string_view end) const override {
    std::unique_ptr<KvIterator> it = base_->Scan(begin, end);
    rows_->CheckUnchanged(version_);
    return it;
  }

 private:
  SharedRows* const rows_;
  const uint64_t version_;
  const std::unique_ptr<KvSnapshot> base_;
};

SharedRows::SharedRows(size_t max_bytes) {
  for (auto& shard : shards_) shard = std::make_unique<Shard>(max_bytes / kShards);
}

std::unique_ptr<KvSnapshot> SharedRows::Over(KvEngine& engine) {
  const uint64_t version = version_.load(std::memory_order_acquire);
  if (version % 2 != 0) throw NotInMemory();
  return std::make_unique<View>(this, version, engine.MemoryView());
}

// The version first: what was read before is not remembered from here on.
void SharedRows::BeginWrite(const Changes& changes) {
  const uint64_t before = version_.load(std::memory_order_relaxed);
  if (before % 2 == 0) version_.store(before + 1, std::memory_order_seq_cst);
  if (!used_.load(std::memory_order_seq_cst)) return;
  for (const Change& change : changes) {
    Shard& shard = ShardOf(change.first);
    MutexLock lock(shard.mu);
    shard.rows.Update(change.first, change.second);
  }
}

void SharedRows::EndReplacement() {
  Clear();
  version_.fetch_add(1, std::memory_order_acq_rel);
}

void SharedRows::Clear() {
  for (const auto& shard : shards_) {
    MutexLock lock(shard->mu);
    shard->rows.Clear();
  }
}

SharedRows::Shard& SharedRows::ShardOf(absl::string_view key) {
  // The hash tables within go by the lower bits.
  return *shards_[(absl::HashOf(key) >> 48) % kShards];
}

void SharedRows::CheckUnchanged(uint64_t version) const {
  if (version_.load(std::memory_order_acquire) != version) throw NotInMemory();
}

bool SharedRows::Find(absl::string_view key, std::string* value, bool* exists) {
  Shard& shard = ShardOf(key);
  MutexLock lock(shard.mu);
  const std::optional<RecentRows::Value> row = shard.rows.Find(key);
  if (!row.has_value()) return false;
  *exists = row->has_value();
  if (*exists) value->assign((*row)->data(), (*row)->size());
  return true;
}

// A writer that begins after the check updates the row afterwards, because it has to wait for the
// lock.
void SharedRows::Remember(absl::string_view key, const std::string* value, uint64_t version) {
  // In this order, as BeginWrite in the other: one of the two sees what the other did.
  if (!used_.load(std::memory_order_seq_cst)) used_.store(true, std::memory_order_seq_cst);
  Shard& shard = ShardOf(key);
  MutexLock lock(shard.mu);
  if (version_.load(std::memory_order_seq_cst) != version) return;
  shard.rows.Remember(key, value != nullptr ? RecentRows::Value(*value) : std::nullopt);
}

}  // namespace openefs::metadata
