#include "metadata/store/changes.h"

#include <utility>

namespace openefs::metadata {
namespace {

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

std::unique_ptr<KvIterator> ScanBoth(const KvSnapshot& base, const Changes& changes,
                                     absl::string_view begin, absl::string_view end) {
  if (end < begin) end = begin;  // nothing, on both sides
  return std::make_unique<MergedIterator>(base.Scan(begin, end), changes.lower_bound(begin),
                                          changes.lower_bound(end));
}

}  // namespace openefs::metadata
