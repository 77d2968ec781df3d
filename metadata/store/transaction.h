// A read-your-writes view: changes kept in memory over a snapshot, until they are handed to
// KvEngine::Write together. Operations see only this.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/functional/function_ref.h"
#include "metadata/store/changes.h"
#include "metadata/store/kv.h"

namespace openefs::metadata {

class Transaction {
 public:
  explicit Transaction(std::unique_ptr<KvSnapshot> base) : base_(std::move(base)) {}

  bool Get(absl::string_view key, std::string* value) const;
  bool Contains(absl::string_view key) const;
  void Put(std::string key, std::string value);
  // A key that no row ever had, not even one that is gone: it has in it a number that is given out
  // once. Such rows cost little if they go soon.
  void PutUnused(std::string key, std::string value);
  void Delete(std::string key);

  // Keys in [begin, end) as they stand now. Changing the transaction ends the iterator's validity.
  std::unique_ptr<KvIterator> Scan(absl::string_view begin, absl::string_view end) const;

  // Protobuf records: a record that does not parse stops the process.
  template <typename Record>
  bool GetRecord(absl::string_view key, Record* record) const;
  template <typename Record>
  void PutRecord(std::string key, const Record& record);

  // Undo to a mark: an operation that fails half-way leaves nothing behind.
  size_t Mark() const { return undo_.size(); }
  void RollbackTo(size_t mark);

  // What changed since a mark and was not rolled back: every such key once, in no order, with its
  // value as it stands (unset: deleted).
  using Visitor =
      absl::FunctionRef<void(absl::string_view key, const std::optional<std::string>& value)>;
  void VisitChangesSince(size_t mark, Visitor visit) const;

  // The changes; the transaction must not be used afterwards.
  Changes TakeChanges() { return changes_.Take(); }
  KvWrites TakeWrites();

 private:
  struct Undo {
    size_t row = 0;  // its place in `changes_`
    bool was_changed = false;
    // Before, if it was changed already.
    std::optional<std::string> value;
    size_t last_change = 0;
  };
  // True: the first change of that row.
  bool Set(std::string key, std::optional<std::string> value);

  const std::unique_ptr<KvSnapshot> base_;
  ChangeTable changes_;
  std::vector<size_t> last_change_;  // of each of them: the place in `undo_`
  std::vector<Undo> undo_;
  mutable std::string scratch_;  // a record on its way from the row to the message
};

[[noreturn]] void CorruptRecord(absl::string_view key);

// For values met in a scan. False: it does not parse.
template <typename Record>
[[nodiscard]] bool ParseRecord(absl::string_view value, Record* record) {
  return record->ParseFromArray(value.data(), static_cast<int>(value.size()));
}

template <typename Record>
bool Transaction::GetRecord(absl::string_view key, Record* record) const {
  if (!Get(key, &scratch_)) return false;
  if (!record->ParseFromString(scratch_)) CorruptRecord(key);
  return true;
}

template <typename Record>
void Transaction::PutRecord(std::string key, const Record& record) {
  Put(std::move(key), record.SerializeAsString());
}

}  // namespace openefs::metadata
