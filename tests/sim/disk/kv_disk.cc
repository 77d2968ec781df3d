#include "tests/sim/disk/kv_disk.h"

#include <utility>

namespace openefs::sim {
namespace {

uint64_t HashOfPair(const std::string& key, const std::string& value) {
  return HashBytes(value, HashBytes(key));
}

}  // namespace

class KvDisk::Engine final : public metadata::KvEngine {
 public:
  Engine(KvDisk* disk, std::unique_ptr<metadata::KvEngine> memory)
      : disk_(disk), memory_(std::move(memory)) {}

  absl::Status Write(const metadata::KvWrites& writes) override {
    if (disk_->full) return absl::ResourceExhaustedError("simulated: no space left");
    disk_->ApplyLive(writes);
    disk_->unflushed_.push_back(writes);
    return memory_->Write(writes);
  }
  std::unique_ptr<metadata::KvSnapshot> Snapshot() override { return memory_->Snapshot(); }
  absl::Status Flush() override {
    disk_->Flush();
    return absl::OkStatus();
  }
  absl::Status Checkpoint(const std::string& directory) override {
    disk_->Flush();
    return memory_->Checkpoint(directory);
  }
  absl::Status Install(const std::string& directory) override {
    if (absl::Status status = memory_->Install(directory); !status.ok()) return status;
    disk_->Replace(*memory_->Snapshot());
    return absl::OkStatus();
  }

 private:
  KvDisk* const disk_;
  const std::unique_ptr<metadata::KvEngine> memory_;
};

std::unique_ptr<metadata::KvEngine> KvDisk::Open() {
  std::unique_ptr<metadata::KvEngine> memory = metadata::MakeMemoryKv();
  metadata::KvWrites all(live_.begin(), live_.end());
  if (!memory->Write(all).ok()) std::abort();  // memory does not fail
  return std::make_unique<Engine>(this, std::move(memory));
}

void KvDisk::Crash(size_t surviving) {
  for (size_t i = 0; i < surviving && i < unflushed_.size(); ++i) Apply(unflushed_[i], durable_);
  unflushed_.clear();
  live_ = durable_;
  HashAnew();
}

void KvDisk::Replace(const metadata::KvSnapshot& snapshot) {
  live_.clear();
  for (auto it = snapshot.Scan("", "\xff"); it->Valid(); it->Next()) {
    live_.emplace_hint(live_.end(), it->Key(), it->Value());
  }
  durable_ = live_;
  unflushed_.clear();
  HashAnew();
}

void KvDisk::HashAnew() {
  hash_ = 0;
  for (const auto& [key, value] : live_) hash_ += HashOfPair(key, value);
}

void KvDisk::Apply(const metadata::KvWrites& writes, KvImage& image) {
  for (const auto& [key, value] : writes) {
    if (value.has_value()) {
      image[key] = *value;
    } else {
      image.erase(key);
    }
  }
}

void KvDisk::ApplyLive(const metadata::KvWrites& writes) {
  for (const auto& [key, value] : writes) {
    const auto found = live_.find(key);
    if (found != live_.end()) hash_ -= HashOfPair(key, found->second);
    if (value.has_value()) hash_ += HashOfPair(key, *value);
  }
  Apply(writes, live_);
}

void KvDisk::Flush() {
  for (const metadata::KvWrites& writes : unflushed_) Apply(writes, durable_);
  unflushed_.clear();
}

}  // namespace openefs::sim
