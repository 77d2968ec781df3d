// Which rows there are: the length of every key and the kind of every value. What a check reads is
// not trusted before it has been looked at with this.
#pragma once

#include <memory>
#include <string>

#include "absl/strings/string_view.h"
#include "metadata/store/keys.h"
#include "metadata/store/kv.h"
#include "metadata/store/transaction.h"

namespace openefs::metadata {

// Empty, or in a few words what is wrong with the row.
std::string FaultOfRow(absl::string_view key, absl::string_view value);

// Rows of one tag, without those that FaultOfRow finds fault with.
class SoundRows {
 public:
  SoundRows(const KvSnapshot& snapshot, FileSystemId fs, KeyTag tag);

  bool Valid() const { return it_->Valid(); }
  void Next() {
    it_->Next();
    Settle();
  }
  // After the file system and the tag.
  KeyReader Key() const {
    KeyReader reader(it_->Key());
    reader.SkipPrefix();
    return reader;
  }
  absl::string_view Value() const { return it_->Value(); }

 private:
  void Settle();
  std::unique_ptr<KvIterator> it_;
};

// The record under `key`. False: not there, or it does not parse (which is reported elsewhere).
template <typename Record>
[[nodiscard]] bool FindRecord(const KvSnapshot& snapshot, const std::string& key, Record* record) {
  std::string value;
  return snapshot.Get(key, &value) && record->ParseFromString(value);
}

// The number under `key`, or 0.
uint64_t FindNumber(const KvSnapshot& snapshot, const std::string& key);

[[nodiscard]] inline bool HasKey(const KvSnapshot& snapshot, const std::string& key) {
  std::string ignored;
  return snapshot.Get(key, &ignored);
}

}  // namespace openefs::metadata
