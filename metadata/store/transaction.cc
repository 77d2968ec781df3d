#include "metadata/store/transaction.h"

#include <algorithm>

#include "absl/container/inlined_vector.h"
#include "absl/strings/escaping.h"
#include "common/check.h"
#include "common/log.h"

namespace openefs::metadata {
namespace {

using Changes = absl::btree_map<std::string, std::optional<std::string>>;

// Two sorted sequences merged; where both have a key, the change wins.
class MergedIterator final : public KvIterator {
 public:
  MergedIterator(std::unique_ptr<KvIterator> base, Changes::const_iterator change,
                 Changes::const_iterator change_end)
      : base_(std::move(base)), change_(change), change_end_(change_end) {
    Settle();
  }
  bool Valid() const override { return at_change_ || base_->Valid(); }
  absl::string_view Key() const override { return at_change_ ? change_->first : base_->Key(); }
  absl::string_view Value() const override {
    return at_change_ ? absl::string_view(*change_->second) : base_->Value();
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
      if (base_->Valid() && base_->Key() < change_->first) return;
      if (base_->Valid() && base_->Key() == change_->first) base_->Next();  // overridden
      if (change_->second.has_value()) {
        at_change_ = true;
        return;
      }
      ++change_;
    }
  }

  const std::unique_ptr<KvIterator> base_;
  Changes::const_iterator change_;
  const Changes::const_iterator change_end_;
  bool at_change_ = false;
};

}  // namespace

bool Transaction::Get(absl::string_view key, std::string* value) const {
  auto it = changes_.find(key);
  if (it == changes_.end()) return base_->Get(key, value);
  if (!it->second.has_value()) return false;
  *value = *it->second;
  return true;
}

bool Transaction::Contains(absl::string_view key) const {
  std::string ignored;
  return Get(key, &ignored);
}

void Transaction::Put(std::string key, std::string value) { Set(std::move(key), std::move(value)); }

void Transaction::Delete(std::string key) { Set(std::move(key), std::nullopt); }

void Transaction::Set(std::string key, std::optional<std::string> value) {
  auto [it, added] = changes_.try_emplace(key);
  undo_.push_back({std::move(key), !added, std::move(it->second)});
  it->second = std::move(value);
}

std::unique_ptr<KvIterator> Transaction::Scan(absl::string_view begin,
                                              absl::string_view end) const {
  if (end < begin) end = begin;  // nothing, on both sides
  return std::make_unique<MergedIterator>(base_->Scan(begin, end), changes_.lower_bound(begin),
                                          changes_.lower_bound(end));
}

void Transaction::RollbackTo(size_t mark) {
  OPENEFS_CHECK(mark <= undo_.size());
  while (undo_.size() > mark) {
    Undo& undo = undo_.back();
    if (undo.was_changed) {
      changes_[undo.key] = std::move(undo.value);
    } else {
      changes_.erase(undo.key);
    }
    undo_.pop_back();
  }
}

void Transaction::VisitChangesSince(size_t mark, Visitor visit) const {
  OPENEFS_CHECK(mark <= undo_.size());
  absl::InlinedVector<absl::string_view, 32> keys;
  for (size_t i = mark; i < undo_.size(); ++i) keys.push_back(undo_[i].key);
  std::sort(keys.begin(), keys.end());
  keys.erase(std::unique(keys.begin(), keys.end()), keys.end());
  for (absl::string_view key : keys) visit(key, changes_.find(key)->second);
}

KvWrites Transaction::TakeWrites() {
  KvWrites writes;
  writes.reserve(changes_.size());
  for (auto& [key, value] : changes_) writes.emplace_back(key, std::move(value));
  return writes;
}

void CorruptRecord(absl::string_view key) {
  Log(LogLevel::kError, "metadata.corrupt_record", {{"key", absl::BytesToHexString(key)}});
  OPENEFS_CHECK(!"a record of the metadata store parses");
  __builtin_unreachable();
}

}  // namespace openefs::metadata
