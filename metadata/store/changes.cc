#include "metadata/store/changes.h"

#include <algorithm>
#include <utility>

namespace openefs::metadata {
namespace {

// So few new rows are put into their places one by one; more are sorted and merged with the others.
constexpr size_t kFewRows = 8;

bool KeyBelow(const Change* a, const Change* b) { return a->first < b->first; }

OrderedChanges::const_iterator FirstAtOrAfter(const OrderedChanges& changes,
                                              absl::string_view key) {
  return std::lower_bound(
      changes.begin(), changes.end(), key,
      [](const Change* change, absl::string_view bound) { return change->first < bound; });
}

// Two sorted sequences merged; where both have a key, the change wins.
class MergedIterator final : public KvIterator {
 public:
  MergedIterator(std::unique_ptr<KvIterator> base, absl::Span<const Change* const> changes)
      : base_(std::move(base)), change_(changes.begin()), change_end_(changes.end()) {
    Settle();
  }
  bool Valid() const override { return at_change_ || base_->Valid(); }
  absl::string_view Key() const override { return at_change_ ? (*change_)->first : base_->Key(); }
  absl::string_view Value() const override {
    return at_change_ ? absl::string_view(*(*change_)->second) : base_->Value();
  }
  void Next() override {
    if (at_change_) {
      ++change_;
    } else {
      base_->Next();
    }
    Settle();
  }

 private:
  // Moves both sides to the next key that exists and decides whose it is.
  void Settle() {
    at_change_ = false;
    while (change_ != change_end_) {
      const auto& [key, value] = **change_;
      if (base_->Valid() && base_->Key() < key) return;
      if (base_->Valid() && base_->Key() == key) base_->Next();  // overridden
      if (value.has_value()) {
        at_change_ = true;
        return;
      }
      ++change_;
    }
  }

  const std::unique_ptr<KvIterator> base_;
  absl::Span<const Change* const>::const_iterator change_;
  const absl::Span<const Change* const>::const_iterator change_end_;
  bool at_change_ = false;
};

}  // namespace

absl::Span<const Change* const> InRange(const OrderedChanges& changes, absl::string_view begin,
                                        absl::string_view end) {
  const auto first = FirstAtOrAfter(changes, begin);
  auto last = first;
  while (last != changes.end() && (*last)->first < end) ++last;
  return absl::MakeConstSpan(changes).subspan(static_cast<size_t>(first - changes.begin()),
                                              static_cast<size_t>(last - first));
}

std::unique_ptr<KvIterator> ScanBoth(const KvSnapshot& base, const OrderedChanges& changes,
                                     absl::string_view begin, absl::string_view end) {
  if (end < begin) end = begin;  // nothing, on both sides
  const absl::Span<const Change* const> range = InRange(changes, begin, end);
  std::unique_ptr<KvIterator> it = base.Scan(begin, end);
  if (range.empty()) return it;
  return std::make_unique<MergedIterator>(std::move(it), range);
}

ChangeTable::ChangeTable(Changes changes) : rows_(std::move(changes)) {
  for (size_t place = 0; place < rows_.size(); ++place) index_.emplace(rows_[place].first, place);
}

std::pair<size_t, bool> ChangeTable::Add(std::string key) {
  const size_t place = rows_.size();
  if (const size_t found = Find(key); found != kNone) return {found, false};
  index_.emplace(rows_.emplace_back(std::move(key), std::nullopt).first, place);
  return {place, true};
}

void ChangeTable::RemoveLast() {
  const Change& last = rows_.back();
  if (ordered_.size() == rows_.size()) ordered_.erase(FirstAtOrAfter(ordered_, last.first));
  index_.erase(last.first);
  rows_.pop_back();
}

const OrderedChanges& ChangeTable::Ordered() const {
  const size_t known = ordered_.size();
  if (known == rows_.size()) return ordered_;
  const bool few = rows_.size() - known <= kFewRows;
  for (size_t place = known; place < rows_.size(); ++place) {
    const Change* row = &rows_[place];
    ordered_.insert(few ? FirstAtOrAfter(ordered_, row->first) : ordered_.end(), row);
  }
  if (few) return ordered_;
  const auto fresh = ordered_.begin() + static_cast<std::ptrdiff_t>(known);
  std::sort(fresh, ordered_.end(), KeyBelow);
  std::inplace_merge(ordered_.begin(), fresh, ordered_.end(), KeyBelow);
  return ordered_;
}

OrderedChanges ChangeTable::OrderedNews() const {
  OrderedChanges news;
  news.reserve(rows_.size());
  for (const Change* row : Ordered()) {
    if (!NeverWas(static_cast<const ChangedRow&>(*row))) news.push_back(row);
  }
  return news;
}

Changes ChangeTable::Take() {
  index_.clear();
  ordered_.clear();
  return std::exchange(rows_, {});
}

}  // namespace openefs::metadata
