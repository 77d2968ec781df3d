// rename: every actor gives a file of its own another name, again and again.
#include "bench/generator/fresh_workload.h"
#include "bench/generator/workloads/workloads.h"

namespace openefs::bench {
namespace {

class RenameActor final : public FreshActor {
 public:
  static constexpr const char* kKind = "rename";
  using FreshActor::FreshActor;

  Task<absl::Status> SetUp() override {
    const absl::Status status = co_await FreshActor::SetUp();
    if (!status.ok()) co_return status;
    name_ = NewName();
    absl::StatusOr<OpenFile> file =
        co_await client().Open(directory(), name_, owner(), {.create = true, .guarded = true});
    if (!file.ok()) co_return file.status();
    co_return co_await client().Close(*std::move(file));
  }

  Task<StepResult> Step() override {
    std::string next = NewName();
    const absl::Status status = co_await client().Rename(directory(), name_, directory(), next);
    if (status.ok()) name_ = std::move(next);
    co_return StepResult{status};
  }

 private:
  std::string name_;
};

}  // namespace

std::unique_ptr<Workload> MakeRename(const WorkloadOptions& options) {
  return std::make_unique<FreshWorkload<RenameActor>>(options);
}

}  // namespace openefs::bench
