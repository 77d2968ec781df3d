// lock: every actor takes and gives back a byte-range lock, each in a file of its own, or all in
// one file with a range for each.
#include "absl/strings/str_cat.h"
#include "bench/generator/actor_base.h"
#include "bench/generator/workloads/workloads.h"

namespace openefs::bench {
namespace {

constexpr uint64_t kRangeBytes = 4096;

class LockActor final : public ActorBase {
 public:
  LockActor(const ActorContext& context, const WorkloadOptions& options)
      : ActorBase(context), options_(options) {}

  Task<absl::Status> SetUp() override { return Reopen(); }

  Task<StepResult> Step() override {
    absl::Status status;
    if (file_.incarnation != client().session().incarnation()) status = co_await Reopen();
    if (!status.ok()) co_return StepResult{status};
    absl::StatusOr<Stateid> taken = co_await Take();
    if (!taken.ok()) {
      file_.incarnation = 0;  // whatever is wrong with the state: from the beginning
      co_return StepResult{taken.status()};
    }
    absl::StatusOr<Stateid> given =
        co_await client().Unlock(file_, *std::move(taken), offset(), kRangeBytes);
    if (given.ok()) lock_ = *given;
    co_return StepResult{given.status()};
  }

  Task<absl::Status> TearDown() override { return client().Close(file_); }

 private:
  uint64_t offset() const { return options_.shared ? context().index * kRangeBytes : 0; }

  Task<absl::Status> Reopen() {
    const std::string name =
        options_.shared ? std::string("shared") : absl::StrCat("f", context().index);
    absl::StatusOr<OpenFile> file =
        co_await client().Open(context().root, name, owner(), {.create = true});
    if (!file.ok()) co_return file.status();
    file_ = *std::move(file);
    lock_.clear();
    co_return absl::OkStatus();
  }

  Task<absl::StatusOr<Stateid>> Take() {
    if (lock_.empty()) return client().Lock(file_, owner(), offset(), kRangeBytes);
    return client().LockAgain(file_, lock_, offset(), kRangeBytes);
  }

  const WorkloadOptions options_;
  OpenFile file_;
  Stateid lock_;  // of the lock owner; empty before its first lock
};

class LockWorkload final : public Workload {
 public:
  explicit LockWorkload(const WorkloadOptions& options) : options_(options) {}

  std::vector<std::string> Kinds() const override { return {"lock+unlock"}; }
  Task<absl::Status> SetUp(Client&, FileHandle, uint32_t) override { co_return absl::OkStatus(); }
  std::unique_ptr<Actor> MakeActor(const ActorContext& context) override {
    return std::make_unique<LockActor>(context, options_);
  }

 private:
  const WorkloadOptions options_;
};

}  // namespace

std::unique_ptr<Workload> MakeLock(const WorkloadOptions& options) {
  return std::make_unique<LockWorkload>(options);
}

}  // namespace openefs::bench
