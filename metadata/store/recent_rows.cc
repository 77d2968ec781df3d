#include "metadata/store/recent_rows.h"

#include <utility>

namespace openefs::metadata {
namespace {

// A node of the hash table and the strings' own heads.
constexpr size_t kRowOverhead = 2 * sizeof(std::string) + sizeof(bool);

size_t BytesOf(absl::string_view key, const std::optional<std::string>& value) {
  return kRowOverhead + key.size() + (value.has_value() ? value->size() : 0);
}

class View final : public KvSnapshot {
 public:
  View(std::unique_ptr<KvSnapshot> base, RecentRows* rows) : base_(std::move(base)), rows_(rows) {}

  bool Get(absl::string_view key, std::string* value) const override {
    if (const std::optional<std::string>* row = rows_->Find(key)) {
      if (row->has_value()) *value = **row;
      return row->has_value();
    }
    const bool found = base_->Get(key, value);
    rows_->Remember(key, found ? std::optional(*value) : std::nullopt);
    return found;
  }

  std::unique_ptr<KvIterator> Scan(absl::string_view begin, absl::string_view end) const override {
    return base_->Scan(begin, end);
  }

 private:
  const std::unique_ptr<KvSnapshot> base_;
  RecentRows* const rows_;
};

}  // namespace

std::unique_ptr<KvSnapshot> RecentRows::Over(std::unique_ptr<KvSnapshot> base) {
  return std::make_unique<View>(std::move(base), this);
}

void RecentRows::Note(const KvWrites& writes) {
  for (const auto& [key, value] : writes) Remember(key, value);
}

void RecentRows::Clear() {
  young_.clear();
  old_.clear();
  young_bytes_ = old_bytes_ = 0;
}

const std::optional<std::string>* RecentRows::Find(absl::string_view key) {
  if (const auto young = young_.find(key); young != young_.end()) return &young->second;
  const auto old = old_.find(key);
  if (old == old_.end()) return nullptr;
  Remember(key, std::optional(old->second));
  const auto young = young_.find(key);
  return young != young_.end() ? &young->second : &old_.find(key)->second;
}

void RecentRows::Remember(absl::string_view key, std::optional<std::string> value) {
  Forget(key, old_, old_bytes_);
  if (value.has_value() && value->size() > kMaxValueBytes) return Forget(key, young_, young_bytes_);
  const size_t bytes = BytesOf(key, value);
  auto [row, added] = young_.try_emplace(key);
  if (!added) young_bytes_ -= BytesOf(key, row->second);
  row->second = std::move(value);
  young_bytes_ += bytes;
  if (young_bytes_ <= max_bytes_ / 2) return;
  old_ = std::exchange(young_, {});
  old_bytes_ = std::exchange(young_bytes_, 0);
}

void RecentRows::Drop(absl::string_view key) {
  Forget(key, young_, young_bytes_);
  Forget(key, old_, old_bytes_);
}

void RecentRows::Forget(absl::string_view key, Rows& rows, size_t& bytes) {
  const auto row = rows.find(key);
  if (row == rows.end()) return;
  bytes -= BytesOf(key, row->second);
  rows.erase(row);
}

}  // namespace openefs::metadata
