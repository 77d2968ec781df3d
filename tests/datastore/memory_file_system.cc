#include "tests/datastore/memory_file_system.h"

#include <algorithm>
#include <cstring>
#include <utility>

namespace openefs::datastore {
namespace {

constexpr size_t kSectorBytes = 512;  // what a disk writes whole or not at all

absl::Status NoPower() { return absl::InternalError("no power"); }

}  // namespace

class MemoryFileSystem::MemoryFile final : public File {
 public:
  MemoryFile(MemoryFileSystem* files, std::shared_ptr<Content> content)
      : files_(files), content_(std::move(content)) {}

  absl::Status WriteAt(uint64_t offset, std::vector<iovec> pieces) override {
    std::string bytes;
    for (const iovec& piece : pieces) {
      bytes.append(static_cast<const char*>(piece.iov_base), piece.iov_len);
    }
    return files_->WriteAt(content_.get(), offset, std::move(bytes));
  }

  absl::StatusOr<size_t> ReadAt(uint64_t offset, char* out, size_t size) override {
    MutexLock lock(files_->mu_);
    const std::string& bytes = content_->cached;
    const size_t from = std::min<size_t>(offset, bytes.size());
    const size_t n = std::min(size, bytes.size() - from);
    std::memcpy(out, bytes.data() + from, n);
    return n;
  }

  absl::StatusOr<size_t> ReadCached(uint64_t, char*, size_t) override {
    return absl::UnavailableError("not cached");
  }

  std::optional<uint64_t> CachedBytes(uint64_t, uint64_t) override {
    MutexLock lock(files_->mu_);
    return files_->uncached_ ? std::optional<uint64_t>(0) : std::nullopt;
  }

  absl::StatusOr<size_t> ReadDirect(uint64_t offset, char* out, size_t size) override {
    const uintptr_t all = offset | size | reinterpret_cast<uintptr_t>(out);
    if (all % kDirectAlign != 0) return absl::InternalError("not aligned");
    {
      MutexLock lock(files_->mu_);
      if (!files_->direct_) return absl::UnimplementedError("");
      ++files_->direct_reads_;
    }
    return ReadAt(offset, out, size);
  }

  absl::Status Sync() override { return files_->Sync(content_.get()); }
  absl::Status Truncate(uint64_t size) override { return files_->Truncate(content_.get(), size); }

  // Not durable, and no call of its own: it only ever helps.
  void Preallocate(uint64_t size) override {
    MutexLock lock(files_->mu_);
    if (files_->UsedBytes() + size > files_->capacity_ || files_->power_lost_) return;
    if (content_->cached.size() < size) content_->cached.resize(size, '\0');
  }

  absl::StatusOr<uint64_t> Size() override {
    MutexLock lock(files_->mu_);
    return content_->cached.size();
  }

  void DropCache() override {
    MutexLock lock(files_->mu_);
    if (content_->unsynced.empty()) content_->cached = content_->disk;
  }

 private:
  MemoryFileSystem* const files_;
  const std::shared_ptr<Content> content_;
};

bool MemoryFileSystem::Spend(bool* last) {
  *last = false;
  if (power_lost_) return false;
  if (calls_left_ < 0) return true;
  if (calls_left_ > 0) --calls_left_;
  if (calls_left_ == 0) {
    power_lost_ = true;
    *last = true;
  }
  return true;
}

uint64_t MemoryFileSystem::UsedBytes() const {
  uint64_t used = 0;
  for (const auto& [path, content] : files_) used += content->cached.size();
  return used;
}

void MemoryFileSystem::Apply(const Write& write, std::string* bytes) {
  const size_t end = write.offset + write.bytes.size();
  if (bytes->size() < end) bytes->resize(end, '\0');
  std::memcpy(bytes->data() + write.offset, write.bytes.data(), write.bytes.size());
}

absl::Status MemoryFileSystem::WriteAt(Content* content, uint64_t offset, std::string bytes) {
  MutexLock lock(mu_);
  bool last = false;
  if (!Spend(&last)) return NoPower();
  const uint64_t used = UsedBytes();
  const uint64_t size = content->cached.size();
  const uint64_t grows = offset + bytes.size() - std::min(size, offset + bytes.size());
  const bool full = used + grows > capacity_;
  if (full) bytes.resize(bytes.size() - std::min<uint64_t>(bytes.size(), used + grows - capacity_));
  if (last) bytes.resize(bytes.size() / 2);
  content->unsynced.push_back({offset, std::move(bytes)});
  Apply(content->unsynced.back(), &content->cached);
  if (last) return NoPower();
  return full ? absl::ResourceExhaustedError("no space") : absl::OkStatus();
}

absl::Status MemoryFileSystem::Sync(Content* content) {
  MutexLock lock(mu_);
  bool last = false;
  if (!Spend(&last)) return NoPower();
  if (std::exchange(fail_sync_, false)) {
    content->unsynced.clear();  // no longer dirty, and not on the disk
    return absl::InternalError("I/O error");
  }
  // Power that goes within a sync may find it done, but nobody hears of it.
  for (const Write& write : content->unsynced) Apply(write, &content->disk);
  content->unsynced.clear();
  return last ? NoPower() : absl::OkStatus();
}

absl::Status MemoryFileSystem::Truncate(Content* content, uint64_t size) {
  MutexLock lock(mu_);
  bool last = false;
  if (!Spend(&last)) return NoPower();
  content->cached.resize(size, '\0');
  for (Write& write : content->unsynced) {
    const uint64_t end = std::max(size, write.offset);
    write.bytes.resize(std::min<uint64_t>(write.bytes.size(), end - write.offset));
  }
  // What the disk has beyond may come back after a loss of power; only that is worse for recovery.
  return last ? NoPower() : absl::OkStatus();
}

absl::StatusOr<std::unique_ptr<File>> MemoryFileSystem::Open(const std::string& path) {
  MutexLock lock(mu_);
  const auto found = files_.find(path);
  if (found == files_.end() || found->second->removed) {
    bool last = false;
    if (!Spend(&last) || last) return NoPower();
    files_[path] = std::make_shared<Content>();
  }
  return std::make_unique<MemoryFile>(this, files_[path]);
}

absl::Status MemoryFileSystem::Remove(const std::string& path) {
  MutexLock lock(mu_);
  bool last = false;
  if (!Spend(&last)) return NoPower();
  if (const auto it = files_.find(path); it != files_.end()) it->second->removed = true;
  return last ? NoPower() : absl::OkStatus();
}

absl::Status MemoryFileSystem::SyncDirectory(const std::string&) {
  MutexLock lock(mu_);
  bool last = false;
  if (!Spend(&last)) return NoPower();
  std::erase_if(files_, [](const auto& file) { return file.second->removed; });
  for (const auto& [path, content] : files_) content->name_durable = true;
  return last ? NoPower() : absl::OkStatus();
}

absl::StatusOr<std::vector<std::string>> MemoryFileSystem::List(const std::string& path) {
  MutexLock lock(mu_);
  std::vector<std::string> names;
  for (const auto& [name, content] : files_) {
    const std::string prefix = path + "/";
    if (!content->removed && name.starts_with(prefix)) names.push_back(name.substr(prefix.size()));
  }
  return names;
}

absl::StatusOr<uint64_t> MemoryFileSystem::FreeBytes(const std::string&) {
  MutexLock lock(mu_);
  return free_bytes_;
}

void MemoryFileSystem::LosePowerAfter(int calls) {
  MutexLock lock(mu_);
  calls_left_ = calls;
}

bool MemoryFileSystem::power_lost() const {
  MutexLock lock(mu_);
  return power_lost_;
}

// What the disk has of a file after the loss of power.
void MemoryFileSystem::Settle(Content* content, Unsynced unsynced, SeededRandom* random) {
  for (const Write& write : content->unsynced) {
    if (unsynced == Unsynced::kKept) Apply(write, &content->disk);
    if (unsynced != Unsynced::kTorn) continue;
    for (size_t at = 0; at < write.bytes.size(); at += kSectorBytes) {
      if (random->Next64() % 2 == 0) continue;
      Apply({write.offset + at, write.bytes.substr(at, kSectorBytes)}, &content->disk);
    }
  }
  content->unsynced.clear();
  if (unsynced == Unsynced::kKept && content->disk.size() < content->cached.size()) {
    content->disk.resize(content->cached.size(), '\0');
  }
  content->cached = content->disk;
  content->removed = false;
  content->name_durable = true;
}

void MemoryFileSystem::Restart(Unsynced unsynced, uint64_t seed) {
  MutexLock lock(mu_);
  SeededRandom random(seed);
  power_lost_ = false;
  calls_left_ = -1;
  fail_sync_ = false;
  std::erase_if(files_, [&](const auto& file) {
    const Content& content = *file.second;
    const bool uncertain = !content.name_durable || content.removed;
    if (!uncertain) return false;
    if (unsynced == Unsynced::kTorn) return random.Next64() % 2 == 0;
    // Lost: as the last sync of the directory left it. Kept: as it was seen.
    return unsynced == Unsynced::kLost ? !content.name_durable : content.removed;
  });
  for (const auto& [path, content] : files_) Settle(content.get(), unsynced, &random);
}

void MemoryFileSystem::FailNextSync() {
  MutexLock lock(mu_);
  fail_sync_ = true;
}

void MemoryFileSystem::TruncateEverywhere(uint64_t size) {
  MutexLock lock(mu_);
  for (const auto& [path, content] : files_) {
    for (std::string* bytes : {&content->cached, &content->disk}) {
      bytes->resize(std::min<size_t>(bytes->size(), size));
    }
  }
}

void MemoryFileSystem::SetFreeBytes(uint64_t bytes) {
  MutexLock lock(mu_);
  free_bytes_ = bytes;
}

void MemoryFileSystem::SetUncached(bool direct) {
  MutexLock lock(mu_);
  uncached_ = true;
  direct_ = direct;
}

int MemoryFileSystem::direct_reads() const {
  MutexLock lock(mu_);
  return direct_reads_;
}

void MemoryFileSystem::SetCapacity(uint64_t bytes) {
  MutexLock lock(mu_);
  capacity_ = bytes;
}

}  // namespace openefs::datastore
