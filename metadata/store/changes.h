// Rows changed in memory over those of an engine: in key order, and found by their keys at once.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "absl/container/flat_hash_map.h"
#include "metadata/store/kv.h"

namespace openefs::metadata {

// Keys in [begin, end) of `base` as `changes` leaves them. Both must outlive the iterator, and no
// change be made meanwhile.
std::unique_ptr<KvIterator> ScanBoth(const KvSnapshot& base, const Changes& changes,
                                     absl::string_view begin, absl::string_view end);

// Changes with an index: most keys that are asked for are not among them, and a walk down a tree of
// long keys costs several times as much as a look into a hash table. `Tag` is the owner's, for each
// row.
template <typename Tag>
class IndexedChanges {
 public:
  struct Row {
    Changes::iterator at;
    Tag tag;
  };

  const Changes& rows() const { return rows_; }
  size_t size() const { return index_.size(); }
  bool empty() const { return index_.empty(); }

  const Row* Find(absl::string_view key) const {
    const auto found = index_.find(key);
    return found == index_.end() ? nullptr : &found->second;
  }

  // The row of `key`; added without a value, and with `tag`, if there was none. Until the next Add.
  std::pair<Row*, bool> Add(std::string key, Tag tag) {
    if (const auto found = index_.find(key); found != index_.end()) return {&found->second, false};
    return Index(rows_.try_emplace(std::move(key)).first, tag);
  }

  // Takes over a row for whose key there is none yet.
  std::pair<Row*, bool> Add(Changes::node_type row, Tag tag) {
    return Index(rows_.insert(std::move(row)).position, tag);
  }

  Row* FindMutable(absl::string_view key) {
    const auto found = index_.find(key);
    return found == index_.end() ? nullptr : &found->second;
  }

  void Erase(Changes::iterator row) {
    index_.erase(absl::string_view(row->first));
    rows_.erase(row);
  }

  // Everything; none is left.
  Changes Take() {
    index_.clear();
    return std::exchange(rows_, {});
  }

 private:
  std::pair<Row*, bool> Index(Changes::iterator at, Tag tag) {
    return {&index_.emplace(absl::string_view(at->first), Row{at, tag}).first->second, true};
  }

  Changes rows_;
  absl::flat_hash_map<absl::string_view, Row> index_;  // keys are those of `rows_`
};

}  // namespace openefs::metadata
