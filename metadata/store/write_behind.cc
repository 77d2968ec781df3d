// An engine in front of another one, which nobody asks for what was just written: the log has it,
// so it need not be in the store below before it is flushed, or before a reader wants a snapshot.
#include <atomic>
#include <utility>

#include "common/mutex.h"
#include "metadata/store/changes.h"
#include "metadata/store/kv.h"
#include "metadata/store/recent_rows.h"

namespace openefs::metadata {
namespace {

// Among those of one scan of a memory view: a read of a few kilobytes.
constexpr size_t kMaxRowsCopied = 256;

size_t BytesOf(const std::optional<std::string>& value) {
  return value.has_value() ? value->size() : 0;
}

bool Give(const RecentRows::Value& row, std::string* value) {
  if (row.has_value()) value->assign(row->data(), row->size());
  return row.has_value();
}

// Rows over the engine below. Those that reach it meanwhile are the same as those in front.
class View final : public KvSnapshot {
 public:
  // `rows` are not changed for as long as the view is used; `mu` is held for what orders them.
  View(std::unique_ptr<KvSnapshot> base, const ChangeTable& rows, Mutex* mu, RecentRows* recent)
      : base_(std::move(base)), rows_(rows), mu_(mu), recent_(recent) {}
  bool Get(absl::string_view key, std::string* value) const override {
    const size_t row = rows_.Find(key);
    if (row != ChangeTable::kNone) return Give(rows_.at(row).second, value);
    if (const auto recent = recent_->Find(key)) return Give(*recent, value);
    const bool found = base_->Get(key, value);
    recent_->Remember(key, found ? RecentRows::Value(*value) : std::nullopt);
    return found;
  }
  std::unique_ptr<KvIterator> Scan(absl::string_view begin, absl::string_view end) const override {
    const OrderedChanges* ordered = nullptr;
    {
      MutexLock lock(*mu_);
      ordered = &rows_.Ordered();
    }
    return ScanBoth(*base_, *ordered, begin, end);
  }

 private:
  const std::unique_ptr<KvSnapshot> base_;
  const ChangeTable& rows_;
  Mutex* const mu_;
  RecentRows* const recent_;
};

// The same with rows of its own.
class Copy final : public KvSnapshot {
 public:
  Copy(std::unique_ptr<KvSnapshot> base, Changes rows)
      : base_(std::move(base)), rows_(std::move(rows)), ordered_(rows_.Ordered()) {}
  bool Get(absl::string_view key, std::string* value) const override {
    const size_t row = rows_.Find(key);
    return row != ChangeTable::kNone ? Give(rows_.at(row).second, value) : base_->Get(key, value);
  }
  std::unique_ptr<KvIterator> Scan(absl::string_view begin, absl::string_view end) const override {
    return ScanBoth(*base_, ordered_, begin, end);
  }

 private:
  const std::unique_ptr<KvSnapshot> base_;
  const ChangeTable rows_;
  const OrderedChanges& ordered_;
};

class WriteBehindKv final : public KvEngine {
 public:
  WriteBehindKv(std::unique_ptr<KvEngine> inner, WriteBehindLimits limits)
      : limits_(limits), inner_(std::move(inner)) {}

  absl::Status Write(const KvWrites& writes) override {
    return Consume(Changes(writes.begin(), writes.end()));
  }
  absl::Status Consume(Changes changes) override {
    MutexLock lock(mu_);
    version_.fetch_add(1, std::memory_order_seq_cst);
    if (settled_) Empty();
    for (ChangedRow& change : changes) Add(std::move(change));
    settled_ = rows_.empty();
    version_.fetch_add(1, std::memory_order_release);
    const bool full = rows_.size() > limits_.rows || bytes_ > limits_.bytes;
    return full ? SettleLocked() : absl::OkStatus();
  }

  std::unique_ptr<KvSnapshot> Snapshot() override {
    MutexLock lock(mu_);
    if (SettleLocked().ok()) return inner_->Snapshot();
    // The writer will hear of it. Until then readers must see what was accepted.
    return std::make_unique<Copy>(inner_->Snapshot(), rows_.rows());
  }

  std::unique_ptr<KvSnapshot> MemoryView() override;

  // Only the writer changes the rows, so its own view of them needs no lock to find one.
  std::unique_ptr<KvSnapshot> WriterView() override ABSL_NO_THREAD_SAFETY_ANALYSIS {
    return std::make_unique<View>(inner_->WriterView(), rows_, &mu_, &recent_);
  }

  absl::Status Flush() override {
    if (absl::Status status = Settle(); !status.ok()) return status;
    return inner_->Flush();
  }
  absl::Status Checkpoint(const std::string& directory) override {
    if (absl::Status status = Settle(); !status.ok()) return status;
    return inner_->Checkpoint(directory);
  }
  // After an error the old content counts on, with what waits.
  absl::Status Install(const std::string& directory) override {
    if (absl::Status status = Settle(); !status.ok()) return status;
    Forget();
    return inner_->Install(directory);
  }
  absl::Status Clear() override {
    if (absl::Status status = Settle(); !status.ok()) return status;
    Forget();
    return inner_->Clear();
  }

 private:
  class OverWaiting;

  void Add(ChangedRow change) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_) {
    const auto [place, added] = rows_.Add(std::move(change.first));
    ChangedRow& row = rows_.at(place);
    if (added) row.unused_before = change.unused_before;  // what is here already waits
    bytes_ = bytes_ + BytesOf(change.second) - BytesOf(row.second);
    row.second = std::move(change.second);
  }

  // The next entries will ask for many of them.
  void Empty() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_) {
    for (const ChangedRow& row : rows_.Take()) {
      if (!NeverWas(row)) recent_.Remember(row.first, row.second);
    }
    bytes_ = 0;
  }

  void Forget() {
    MutexLock lock(mu_);
    Empty();
    recent_.Clear();
  }

  absl::Status Settle() {
    MutexLock lock(mu_);
    return SettleLocked();
  }

  // Another thread may call it while the writer looks at the rows: they stay until it writes again.
  absl::Status SettleLocked() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_) {
    if (settled_) return absl::OkStatus();
    absl::Status status = inner_->WriteOrdered(rows_.OrderedNews());
    settled_ = status.ok();
    return status;
  }

  void CheckUnchanged(uint64_t version) const {
    if (version_.load(std::memory_order_acquire) != version) throw NotInMemory();
  }

  // For readers that must not wait for the lock. Throws instead, and if the version is another one.
  // False: no such row waits.
  bool FindWaiting(absl::string_view key, uint64_t version, std::string* value, bool* exists) {
    if (!mu_.TryLock()) throw NotInMemory();
    const bool changed = version_.load(std::memory_order_relaxed) != version;
    const size_t row = changed ? ChangeTable::kNone : rows_.Find(key);
    if (row != ChangeTable::kNone) *exists = Give(rows_.at(row).second, value);
    mu_.Unlock();
    if (changed) throw NotInMemory();
    return row != ChangeTable::kNone;
  }

  // As FindWaiting, those in [begin, end). Throws if there are more than a small read meets.
  Changes CopyWaiting(absl::string_view begin, absl::string_view end, uint64_t version) {
    if (!mu_.TryLock()) throw NotInMemory();
    Changes copied;
    bool fits = version_.load(std::memory_order_relaxed) == version;
    if (fits) {
      const auto range = InRange(rows_.Ordered(), begin, end);
      fits = range.size() <= kMaxRowsCopied;
      for (size_t i = 0; fits && i < range.size(); ++i) copied.emplace_back(*range[i]);
    }
    mu_.Unlock();
    if (!fits) throw NotInMemory();
    return copied;
  }

  // Constant.
  const WriteBehindLimits limits_;
  const std::unique_ptr<KvEngine> inner_;

  // The writer's thread only. As `inner_` has them, unless they are in `rows_`.
  RecentRows recent_;

  Mutex mu_;
  ChangeTable rows_ ABSL_GUARDED_BY(mu_);  // changed by the writer alone
  size_t bytes_ ABSL_GUARDED_BY(mu_) = 0;

  // Changed under `mu_`, read by anybody.
  std::atomic<bool> settled_{true};   // `inner_` has all rows
  std::atomic<uint64_t> version_{0};  // odd while something is written
};

// A memory view of the engine below and of the rows that wait, for as long as nothing is written
// here. What waits may go down meanwhile: then both have it.
class WriteBehindKv::OverWaiting final : public KvSnapshot {
 public:
  OverWaiting(WriteBehindKv* engine, uint64_t version, std::unique_ptr<KvSnapshot> base)
      : engine_(engine), version_(version), base_(std::move(base)) {}
  bool Get(absl::string_view key, std::string* value) const override {
    bool exists = false;
    if (engine_->FindWaiting(key, version_, value, &exists)) return exists;
    exists = base_->Get(key, value);
    engine_->CheckUnchanged(version_);
    return exists;
  }
  std::unique_ptr<KvIterator> Scan(absl::string_view begin, absl::string_view end) const override {
    Changes waiting = engine_->CopyWaiting(begin, end, version_);
    std::unique_ptr<KvIterator> it =
        waiting.empty() ? base_->Scan(begin, end)
                        : std::make_unique<Both>(*base_, std::move(waiting), begin, end);
    engine_->CheckUnchanged(version_);
    return it;
  }

 private:
  class Both final : public KvIterator {
   public:
    Both(const KvSnapshot& base, Changes rows, absl::string_view begin, absl::string_view end)
        : rows_(std::move(rows)), it_(ScanBoth(base, rows_.Ordered(), begin, end)) {}
    bool Valid() const override { return it_->Valid(); }
    absl::string_view Key() const override { return it_->Key(); }
    absl::string_view Value() const override { return it_->Value(); }
    void Next() override { it_->Next(); }

   private:
    const ChangeTable rows_;
    const std::unique_ptr<KvIterator> it_;
  };

  WriteBehindKv* const engine_;
  const uint64_t version_;
  const std::unique_ptr<KvSnapshot> base_;
};

std::unique_ptr<KvSnapshot> WriteBehindKv::MemoryView() {
  const uint64_t version = version_.load(std::memory_order_acquire);
  if (version % 2 != 0) throw NotInMemory();
  return std::make_unique<OverWaiting>(this, version, inner_->MemoryView());
}

}  // namespace

std::unique_ptr<KvEngine> MakeWriteBehindKv(std::unique_ptr<KvEngine> inner,
                                            WriteBehindLimits limits) {
  return std::make_unique<WriteBehindKv>(std::move(inner), limits);
}

}  // namespace openefs::metadata
