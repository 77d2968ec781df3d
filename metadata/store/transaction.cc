#include "metadata/store/transaction.h"

#include "absl/strings/escaping.h"
#include "common/check.h"
#include "common/log.h"

namespace openefs::metadata {
bool Transaction::Get(absl::string_view key, std::string* value) const {
  const auto* row = changes_.Find(key);
  if (row == nullptr) return base_->Get(key, value);
  const std::optional<std::string>& change = row->at->second;
  if (change.has_value()) *value = *change;
  return change.has_value();
}

bool Transaction::Contains(absl::string_view key) const { return Get(key, &scratch_); }

void Transaction::Put(std::string key, std::string value) { Set(std::move(key), std::move(value)); }

void Transaction::Delete(std::string key) { Set(std::move(key), std::nullopt); }

void Transaction::Set(std::string key, std::optional<std::string> value) {
  const size_t place = undo_.size();
  auto [row, added] = changes_.Add(std::move(key), place);
  undo_.push_back({row->at, !added, std::move(row->at->second), row->tag});
  row->at->second = std::move(value);
  row->tag = place;
}

std::unique_ptr<KvIterator> Transaction::Scan(absl::string_view begin,
                                              absl::string_view end) const {
  return ScanBoth(*base_, changes_.rows(), begin, end);
}

void Transaction::RollbackTo(size_t mark) {
  OPENEFS_CHECK(mark <= undo_.size());
  for (; undo_.size() > mark; undo_.pop_back()) {
    Undo& undo = undo_.back();
    if (!undo.was_changed) {
      changes_.Erase(undo.row);
      continue;
    }
    changes_.FindMutable(undo.row->first)->tag = undo.last_change;
    undo.row->second = std::move(undo.value);
  }
}

void Transaction::VisitChangesSince(size_t mark, Visitor visit) const {
  OPENEFS_CHECK(mark <= undo_.size());
  for (size_t i = mark; i < undo_.size(); ++i) {
    const auto& [key, value] = *undo_[i].row;
    if (changes_.Find(key)->tag == i) visit(key, value);  // or it was changed again since
  }
}

KvWrites Transaction::TakeWrites() {
  const Changes changes = TakeChanges();
  return KvWrites(changes.begin(), changes.end());
}

void CorruptRecord(absl::string_view key) {
  Log(LogLevel::kError, "metadata.corrupt_record", {{"key", absl::BytesToHexString(key)}});
  OPENEFS_CHECK(!"a record of the metadata store parses");
  __builtin_unreachable();
}

}  // namespace openefs::metadata
