// The engine in memory: every key keeps the versions that a live snapshot can still see.
#include <map>
#include <set>

#include "common/mutex.h"
#include "metadata/store/kv.h"

namespace openefs::metadata {
namespace {

class MemoryKv final : public KvEngine {
 public:
  absl::Status Write(const KvWrites& writes) override;
  std::unique_ptr<KvSnapshot> Snapshot() override;
  absl::Status Flush() override { return absl::OkStatus(); }

  // As of `sequence`. False: not there.
  bool Get(absl::string_view key, uint64_t sequence, std::string* value) const;
  // The first key at or after `from` (after it, if `beyond`) and below `end`.
  bool Seek(absl::string_view from, bool beyond, absl::string_view end, uint64_t sequence,
            std::string* key, std::string* value) const;
  void Release(uint64_t sequence);

 private:
  struct Version {
    uint64_t sequence;
    std::optional<std::string> value;
  };
  using Versions = std::vector<Version>;  // oldest first

  static const std::optional<std::string>* Visible(const Versions& versions, uint64_t sequence);
  // Forgets the versions of `key` that no snapshot can see any more.
  void Prune(const std::string& key) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  void PruneDeleted() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);

  mutable Mutex mu_;
  std::map<std::string, Versions, std::less<>> keys_ ABSL_GUARDED_BY(mu_);
  std::multiset<uint64_t> snapshots_ ABSL_GUARDED_BY(mu_);
  std::vector<std::string> deleted_ ABSL_GUARDED_BY(mu_);  // keys whose last version is a deletion
  uint64_t sequence_ ABSL_GUARDED_BY(mu_) = 0;
};

class MemoryIterator final : public KvIterator {
 public:
  MemoryIterator(const MemoryKv* kv, uint64_t sequence, absl::string_view begin,
                 absl::string_view end)
      : kv_(kv), sequence_(sequence), end_(end.data(), end.size()) {
    valid_ = kv_->Seek(begin, false, end_, sequence_, &key_, &value_);
  }
  bool Valid() const override { return valid_; }
  absl::string_view Key() const override { return key_; }
  absl::string_view Value() const override { return value_; }
  void Next() override {
    std::string from = key_;
    valid_ = kv_->Seek(from, true, end_, sequence_, &key_, &value_);
  }

 private:
  const MemoryKv* const kv_;
  const uint64_t sequence_;
  const std::string end_;
  bool valid_ = false;
  std::string key_;
  std::string value_;
};

class MemorySnapshot final : public KvSnapshot {
 public:
  MemorySnapshot(MemoryKv* kv, uint64_t sequence) : kv_(kv), sequence_(sequence) {}
  ~MemorySnapshot() override { kv_->Release(sequence_); }
  bool Get(absl::string_view key, std::string* value) const override {
    return kv_->Get(key, sequence_, value);
  }
  std::unique_ptr<KvIterator> Scan(absl::string_view begin, absl::string_view end) const override {
    return std::make_unique<MemoryIterator>(kv_, sequence_, begin, end);
  }

 private:
  MemoryKv* const kv_;
  const uint64_t sequence_;
};

absl::Status MemoryKv::Write(const KvWrites& writes) {
  MutexLock lock(mu_);
  PruneDeleted();
  ++sequence_;
  for (const auto& [key, value] : writes) {
    keys_[key].push_back({sequence_, value});
    if (!value.has_value()) deleted_.push_back(key);
    Prune(key);
  }
  return absl::OkStatus();
}

std::unique_ptr<KvSnapshot> MemoryKv::Snapshot() {
  MutexLock lock(mu_);
  snapshots_.insert(sequence_);
  return std::make_unique<MemorySnapshot>(this, sequence_);
}

void MemoryKv::Release(uint64_t sequence) {
  MutexLock lock(mu_);
  snapshots_.erase(snapshots_.find(sequence));
}

const std::optional<std::string>* MemoryKv::Visible(const Versions& versions, uint64_t sequence) {
  for (auto it = versions.rbegin(); it != versions.rend(); ++it) {
    if (it->sequence <= sequence) return it->value.has_value() ? &it->value : nullptr;
  }
  return nullptr;
}

bool MemoryKv::Get(absl::string_view key, uint64_t sequence, std::string* value) const {
  MutexLock lock(mu_);
  auto it = keys_.find(std::string(key));
  if (it == keys_.end()) return false;
  const auto* visible = Visible(it->second, sequence);
  if (visible == nullptr) return false;
  *value = **visible;
  return true;
}

bool MemoryKv::Seek(absl::string_view from, bool beyond, absl::string_view end, uint64_t sequence,
                    std::string* key, std::string* value) const {
  MutexLock lock(mu_);
  const std::string begin(from);
  auto it = beyond ? keys_.upper_bound(begin) : keys_.lower_bound(begin);
  for (; it != keys_.end() && absl::string_view(it->first) < end; ++it) {
    const auto* visible = Visible(it->second, sequence);
    if (visible == nullptr) continue;
    *key = it->first;
    *value = **visible;
    return true;
  }
  return false;
}

void MemoryKv::Prune(const std::string& key) {
  auto it = keys_.find(key);
  if (it == keys_.end()) return;
  Versions& versions = it->second;
  const uint64_t oldest = snapshots_.empty() ? sequence_ : *snapshots_.begin();
  size_t keep = 0;
  while (keep + 1 < versions.size() && versions[keep + 1].sequence <= oldest) ++keep;
  versions.erase(versions.begin(), versions.begin() + static_cast<ptrdiff_t>(keep));
  const Version& first = versions.front();
  if (versions.size() == 1 && !first.value.has_value() && first.sequence <= oldest) keys_.erase(it);
}

void MemoryKv::PruneDeleted() {
  std::vector<std::string> again;
  for (std::string& key : deleted_) {
    Prune(key);
    if (keys_.contains(key)) again.push_back(std::move(key));
  }
  if (snapshots_.empty()) again.clear();
  deleted_ = std::move(again);
}

}  // namespace

std::unique_ptr<KvEngine> MakeMemoryKv() { return std::make_unique<MemoryKv>(); }

}  // namespace openefs::metadata
