#include "metadata/store/transaction.h"

#include <iterator>

#include "absl/strings/escaping.h"
#include "common/check.h"
#include "common/log.h"

namespace openefs::metadata {

bool Transaction::Get(absl::string_view key, std::string* value) const {
  const size_t row = changes_.Find(key);
  if (row == ChangeTable::kNone) return base_->Get(key, value);
  const std::optional<std::string>& change = changes_.at(row).second;
  if (change.has_value()) *value = *change;
  return change.has_value();
}

bool Transaction::Contains(absl::string_view key) const { return Get(key, &scratch_); }

void Transaction::Put(std::string key, std::string value) { Set(std::move(key), std::move(value)); }

void Transaction::PutUnused(std::string key, std::string value) {
  const bool first = Set(std::move(key), std::move(value));
  OPENEFS_CHECK(first);
  changes_.at(changes_.size() - 1).unused_before = true;
}

void Transaction::Delete(std::string key) { Set(std::move(key), std::nullopt); }

bool Transaction::Set(std::string key, std::optional<std::string> value) {
  const size_t place = undo_.size();
  const auto [row, added] = changes_.Add(std::move(key));
  if (added) last_change_.push_back(place);
  std::optional<std::string>& current = changes_.at(row).second;
  undo_.push_back({row, !added, std::move(current), last_change_[row]});
  current = std::move(value);
  last_change_[row] = place;
  return added;
}

std::unique_ptr<KvIterator> Transaction::Scan(absl::string_view begin,
                                              absl::string_view end) const {
  return ScanBoth(*base_, changes_.Ordered(), begin, end);
}

void Transaction::RollbackTo(size_t mark) {
  OPENEFS_CHECK(mark <= undo_.size());
  for (; undo_.size() > mark; undo_.pop_back()) {
    Undo& undo = undo_.back();
    if (undo.was_changed) {
      last_change_[undo.row] = undo.last_change;
      changes_.at(undo.row).second = std::move(undo.value);
      continue;
    }
    OPENEFS_CHECK(undo.row + 1 == changes_.size());  // what came after it is undone
    changes_.RemoveLast();
    last_change_.pop_back();
  }
}

void Transaction::VisitChangesSince(size_t mark, Visitor visit) const {
  OPENEFS_CHECK(mark <= undo_.size());
  for (size_t i = mark; i < undo_.size(); ++i) {
    const size_t row = undo_[i].row;
    if (last_change_[row] != i) continue;  // it was changed again since
    const Change& change = changes_.at(row);
    visit(change.first, change.second);
  }
}

KvWrites Transaction::TakeWrites() {
  Changes changes = TakeChanges();
  return KvWrites(std::make_move_iterator(changes.begin()), std::make_move_iterator(changes.end()));
}

void CorruptRecord(absl::string_view key) {
  Log(LogLevel::kError, "metadata.corrupt_record", {{"key", absl::BytesToHexString(key)}});
  OPENEFS_CHECK(!"a record of the metadata store parses");
  __builtin_unreachable();
}

}  // namespace openefs::metadata
