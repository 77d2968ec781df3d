// The engine in memory: every key keeps the versions that a live snapshot can still see. A
// checkpoint is one file of all keys and values; installing one is beginning another store.
#include <sys/stat.h>

#include <cerrno>
#include <cstring>
#include <limits>
#include <map>
#include <set>

#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "common/files.h"
#include "common/mutex.h"
#include "metadata/store/kv.h"

namespace openefs::metadata {
namespace {

class MemoryStore : public std::enable_shared_from_this<MemoryStore> {
 public:
  void Write(const KvWrites& writes);
  std::unique_ptr<KvSnapshot> Snapshot();

  // As of `sequence`. False: not there.
  bool Get(absl::string_view key, uint64_t sequence, std::string* value) const;
  // The first key at or after `from` (after it, if `beyond`) and below `end`.
  bool Seek(absl::string_view from, bool beyond, absl::string_view end, uint64_t sequence,
            std::string* key, std::string* value) const;
  void Release(uint64_t sequence);

  std::string Encode() const;
  // Nothing of it is in use yet. False if `bytes` is not what Encode made.
  bool Decode(absl::string_view bytes);

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
  MemoryIterator(std::shared_ptr<const MemoryStore> kv, uint64_t sequence, absl::string_view begin,
                 absl::string_view end)
      : kv_(std::move(kv)), sequence_(sequence), end_(end.data(), end.size()) {
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
  const std::shared_ptr<const MemoryStore> kv_;
  const uint64_t sequence_;
  const std::string end_;
  bool valid_ = false;
  std::string key_;
  std::string value_;
};

class MemorySnapshot final : public KvSnapshot {
 public:
  MemorySnapshot(std::shared_ptr<MemoryStore> kv, uint64_t sequence)
      : kv_(std::move(kv)), sequence_(sequence) {}
  ~MemorySnapshot() override { kv_->Release(sequence_); }
  bool Get(absl::string_view key, std::string* value) const override {
    return kv_->Get(key, sequence_, value);
  }
  std::unique_ptr<KvIterator> Scan(absl::string_view begin, absl::string_view end) const override {
    return std::make_unique<MemoryIterator>(kv_, sequence_, begin, end);
  }

 private:
  const std::shared_ptr<MemoryStore> kv_;
  const uint64_t sequence_;
};

void MemoryStore::Write(const KvWrites& writes) {
  MutexLock lock(mu_);
  PruneDeleted();
  ++sequence_;
  for (const auto& [key, value] : writes) {
    keys_[key].push_back({sequence_, value});
    if (!value.has_value()) deleted_.push_back(key);
    Prune(key);
  }
}

std::unique_ptr<KvSnapshot> MemoryStore::Snapshot() {
  MutexLock lock(mu_);
  snapshots_.insert(sequence_);
  return std::make_unique<MemorySnapshot>(shared_from_this(), sequence_);
}

void MemoryStore::Release(uint64_t sequence) {
  MutexLock lock(mu_);
  snapshots_.erase(snapshots_.find(sequence));
}

const std::optional<std::string>* MemoryStore::Visible(const Versions& versions,
                                                       uint64_t sequence) {
  for (auto it = versions.rbegin(); it != versions.rend(); ++it) {
    if (it->sequence <= sequence) return it->value.has_value() ? &it->value : nullptr;
  }
  return nullptr;
}

bool MemoryStore::Get(absl::string_view key, uint64_t sequence, std::string* value) const {
  MutexLock lock(mu_);
  auto it = keys_.find(std::string(key));
  if (it == keys_.end()) return false;
  const auto* visible = Visible(it->second, sequence);
  if (visible == nullptr) return false;
  *value = **visible;
  return true;
}

bool MemoryStore::Seek(absl::string_view from, bool beyond, absl::string_view end,
                       uint64_t sequence, std::string* key, std::string* value) const {
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

void MemoryStore::Prune(const std::string& key) {
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

void MemoryStore::PruneDeleted() {
  std::vector<std::string> again;
  for (std::string& key : deleted_) {
    Prune(key);
    if (keys_.contains(key)) again.push_back(std::move(key));
  }
  if (snapshots_.empty()) again.clear();
  deleted_ = std::move(again);
}

void PutString(std::string& out, absl::string_view bytes) {
  const uint32_t size = static_cast<uint32_t>(bytes.size());
  out.append(reinterpret_cast<const char*>(&size), sizeof size);
  out.append(bytes.data(), bytes.size());
}

bool TakeString(absl::string_view& in, std::string* out) {
  uint32_t size;
  if (in.size() < sizeof size) return false;
  std::memcpy(&size, in.data(), sizeof size);
  in.remove_prefix(sizeof size);
  if (in.size() < size) return false;
  out->assign(in.data(), size);
  in.remove_prefix(size);
  return true;
}

constexpr absl::string_view kCheckpointMagic = "openefs memory store 1\n";

std::string MemoryStore::Encode() const {
  std::string bytes(kCheckpointMagic);
  MutexLock lock(mu_);
  for (const auto& [key, versions] : keys_) {
    if (!versions.back().value.has_value()) continue;
    PutString(bytes, key);
    PutString(bytes, *versions.back().value);
  }
  return bytes;
}

bool MemoryStore::Decode(absl::string_view bytes) {
  if (!absl::ConsumePrefix(&bytes, kCheckpointMagic)) return false;
  MutexLock lock(mu_);
  sequence_ = 1;
  while (!bytes.empty()) {
    std::string key;
    std::string value;
    if (!TakeString(bytes, &key) || !TakeString(bytes, &value)) return false;
    if (!keys_.empty() && keys_.rbegin()->first >= key) return false;
    keys_[std::move(key)].push_back({sequence_, std::move(value)});
  }
  return true;
}

class MemoryKv final : public KvEngine {
 public:
  absl::Status Write(const KvWrites& writes) override {
    Store()->Write(writes);
    return absl::OkStatus();
  }
  std::unique_ptr<KvSnapshot> Snapshot() override { return Store()->Snapshot(); }
  absl::Status Flush() override { return absl::OkStatus(); }
  absl::Status Checkpoint(const std::string& directory) override;
  absl::Status Install(const std::string& directory) override;
  absl::Status Clear() override {
    MutexLock lock(mu_);
    store_ = std::make_shared<MemoryStore>();
    return absl::OkStatus();
  }

 private:
  std::shared_ptr<MemoryStore> Store() const {
    MutexLock lock(mu_);
    return store_;
  }

  mutable Mutex mu_;
  std::shared_ptr<MemoryStore> store_ ABSL_GUARDED_BY(mu_) = std::make_shared<MemoryStore>();
};

std::string CheckpointFile(const std::string& directory) { return directory + "/memory.kv"; }

absl::Status MemoryKv::Checkpoint(const std::string& directory) {
  if (::mkdir(directory.c_str(), 0750) != 0) {
    return absl::InternalError(
        absl::StrCat("metadata store: create ", directory, ": ", std::strerror(errno)));
  }
  return WriteFileDurably(CheckpointFile(directory), Store()->Encode());
}

absl::Status MemoryKv::Install(const std::string& directory) {
  const auto bytes = ReadSmallFile(CheckpointFile(directory), std::numeric_limits<size_t>::max());
  if (!bytes.ok()) return absl::DataLossError(bytes.status().message());
  auto store = std::make_shared<MemoryStore>();
  if (!store->Decode(*bytes)) {
    return absl::DataLossError(
        absl::StrCat("metadata store: ", directory, " is not a checkpoint of a memory store"));
  }
  MutexLock lock(mu_);
  store_ = std::move(store);
  return absl::OkStatus();
}

}  // namespace

std::unique_ptr<KvEngine> MakeMemoryKv() { return std::make_unique<MemoryKv>(); }

}  // namespace openefs::metadata
