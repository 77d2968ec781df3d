// Rows changed in memory over those of an engine: found by their keys at once, and in key order for
// those who scan them.
#pragma once

#include <cstddef>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/strings/string_view.h"
#include "absl/types/span.h"
#include "metadata/store/kv.h"

namespace openefs::metadata {

// Those in [begin, end).
absl::Span<const Change* const> InRange(const OrderedChanges& changes, absl::string_view begin,
                                        absl::string_view end);

// Keys in [begin, end) of `base` as `changes` leaves them. Both must outlive the iterator, and no
// change be made meanwhile.
std::unique_ptr<KvIterator> ScanBoth(const KvSnapshot& base, const OrderedChanges& changes,
                                     absl::string_view begin, absl::string_view end);

// A row that came and went: whoever did not meet it need not hear of it.
inline bool NeverWas(const ChangedRow& row) { return row.unused_before && !row.second.has_value(); }

// A hash table of rows. Most are never scanned, and keeping all of them in order with each that is
// added costs several times as much as the look into the table; so the order is made when somebody
// asks for it, from what came since. Rows are named by their places, from 0 on.
class ChangeTable {
 public:
  static constexpr size_t kNone = SIZE_MAX;

  ChangeTable() = default;
  explicit ChangeTable(Changes changes);
  ChangeTable(const ChangeTable&) = delete;
  ChangeTable& operator=(const ChangeTable&) = delete;

  size_t size() const { return rows_.size(); }
  bool empty() const { return rows_.empty(); }
  const Changes& rows() const { return rows_; }
  ChangedRow& at(size_t place) { return rows_[place]; }
  const ChangedRow& at(size_t place) const { return rows_[place]; }

  // kNone: there is no such row.
  size_t Find(absl::string_view key) const {
    const auto found = index_.find(key);
    return found == index_.end() ? kNone : found->second;
  }

  // The row's place; it was added, without a value, if there was none.
  std::pair<size_t, bool> Add(std::string key);

  // The one added last goes.
  void RemoveLast();

  // Until the next Add or RemoveLast. It may put rows in order that are not: like a change, for who
  // shares the table with other threads.
  const OrderedChanges& Ordered() const;

  // Those of Ordered that an engine has to hear of which met none of them.
  OrderedChanges OrderedNews() const;

  // Everything; none is left.
  Changes Take();

 private:
  Changes rows_;
  absl::flat_hash_map<absl::string_view, size_t> index_;  // keys are those of `rows_`
  mutable OrderedChanges ordered_;                        // of the rows at the first so many places
};

}  // namespace openefs::metadata
