#include "metadata/store/recent_rows.h"

#include <utility>

namespace openefs::metadata {
namespace {

// A node of the hash table and the strings' own heads.
constexpr size_t kRowOverhead = 2 * sizeof(std::string) + sizeof(bool);

size_t BytesOf(absl::string_view key, const std::optional<std::string>& value) {
  return kRowOverhead + key.size() + (value.has_value() ? value->size() : 0);
}

}  // namespace

void RecentRows::Clear() {
  young_.clear();
  old_.clear();
  young_bytes_ = old_bytes_ = 0;
}

const std::optional<std::string>* RecentRows::Find(absl::string_view key) {
  if (const auto young = young_.find(key); young != young_.end()) return &young->second;
  const auto old = old_.find(key);
  if (old == old_.end()) return nullptr;
  Remember(std::string(key), std::optional(old->second));
  const auto young = young_.find(key);
  return young != young_.end() ? &young->second : &old_.find(key)->second;
}

void RecentRows::Remember(std::string key, std::optional<std::string> value) {
  Forget(key, old_, old_bytes_);
  if (value.has_value() && value->size() > kMaxValueBytes) return Forget(key, young_, young_bytes_);
  const size_t bytes = BytesOf(key, value);
  auto [row, added] = young_.try_emplace(std::move(key));
  if (!added) young_bytes_ -= BytesOf(row->first, row->second);
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
