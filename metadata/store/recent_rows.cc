#include "metadata/store/recent_rows.h"

#include <cstring>
#include <new>
#include <utility>

namespace openefs::metadata {
namespace {

// The allocator's own, a place in the ring, and one in a hash table that is on average between half
// full and full.
constexpr size_t kRowOverhead = 32;

}  // namespace

RecentRows::Value RecentRows::Row::value() {
  if (!exists) return std::nullopt;
  return absl::string_view(data() + key_bytes, value_bytes);
}

size_t RecentRows::BytesOf(const Row& row) {
  return sizeof(Row) + kRowOverhead + row.key_bytes + row.value_bytes;
}

void RecentRows::Clear() {
  rows_ = Index();
  ring_ = Ring();
  hand_ = 0;
  bytes_ = 0;
}

std::optional<RecentRows::Value> RecentRows::Find(absl::string_view key) {
  const auto found = rows_.find(key);
  if (found == rows_.end()) return std::nullopt;
  (*found)->wanted = true;
  return (*found)->value();
}

// A row that was asked for before is one that is wanted.
void RecentRows::Remember(absl::string_view key, Value value) {
  const auto found = rows_.find(key);
  const bool known = found != rows_.end();
  const size_t value_bytes = value.has_value() ? value->size() : 0;
  if (known && (*found)->exists == value.has_value() && (*found)->value_bytes == value_bytes) {
    Row* row = *found;
    if (value_bytes != 0) std::memcpy(row->data() + row->key_bytes, value->data(), value_bytes);
    row->wanted = true;
    return;
  }
  if (known) Erase(*found);
  if (value_bytes <= kMaxValueBytes) Add(key, value, known);
}

void RecentRows::Update(absl::string_view key, Value value) {
  if (rows_.contains(key)) Remember(key, value);
}

void RecentRows::Drop(absl::string_view key) {
  if (const auto found = rows_.find(key); found != rows_.end()) Erase(*found);
}

void RecentRows::Add(absl::string_view key, Value value, bool wanted) {
  const absl::string_view bytes = value.value_or(absl::string_view());
  auto* row = new (::operator new(sizeof(Row) + key.size() + bytes.size()))
      Row{static_cast<uint32_t>(key.size()), static_cast<uint32_t>(bytes.size()), 0,
          value.has_value(), wanted};
  std::memcpy(row->data(), key.data(), key.size());
  if (!bytes.empty()) std::memcpy(row->data() + key.size(), bytes.data(), bytes.size());
  const size_t before = ring_.size();
  while (!ring_.empty() && bytes_ + BytesOf(*row) > max_bytes_) EvictOne();
  const bool evicted = ring_.size() < before;
  row->place = static_cast<uint32_t>(ring_.size());
  ring_.emplace_back(row);
  rows_.insert(row);
  bytes_ += BytesOf(*row);
  if (evicted) SwapPlaces(row->place, hand_ - 1);  // the hand comes to it after all others
}

void RecentRows::SwapPlaces(size_t a, size_t b) {
  std::swap(ring_[a], ring_[b]);
  ring_[a]->place = static_cast<uint32_t>(a);
  ring_[b]->place = static_cast<uint32_t>(b);
}

void RecentRows::Erase(Row* row) {
  rows_.erase(row);
  bytes_ -= BytesOf(*row);
  SwapPlaces(row->place, ring_.size() - 1);
  ring_.pop_back();
}

void RecentRows::EvictOne() {
  while (true) {
    if (hand_ >= ring_.size()) hand_ = 0;
    Row* row = ring_[hand_++].get();
    if (!std::exchange(row->wanted, false)) return Erase(row);
  }
}

}  // namespace openefs::metadata
