// unlink: removes files that were made before the measurement, which ends when the first actor has
// none left.
#include "bench/generator/fresh_workload.h"
#include "bench/generator/workloads/workloads.h"

namespace openefs::bench {
namespace {

class UnlinkActor final : public FreshActor {
 public:
  static constexpr const char* kKind = "unlink";
  using FreshActor::FreshActor;

  Task<absl::Status> SetUp() override {
    const absl::Status status = co_await FreshActor::SetUp();
    if (!status.ok()) co_return status;
    for (uint32_t i = context().index; i < options().files; i += context().count) {
      names_.push_back(NewName());
      absl::StatusOr<OpenFile> file = co_await client().Open(directory(), names_.back(), owner(),
                                                             {.create = true, .guarded = true});
      if (!file.ok()) co_return file.status();
      const absl::Status closed = co_await client().Close(*std::move(file));
      if (!closed.ok()) co_return closed;
    }
    co_return absl::OkStatus();
  }

  Task<StepResult> Step() override {
    if (names_.empty()) co_return StepResult{Exhausted()};
    const std::string name = std::move(names_.back());
    names_.pop_back();
    co_return StepResult{co_await client().Remove(directory(), name)};
  }

 private:
  std::vector<std::string> names_;  // that are there still
};

}  // namespace

std::unique_ptr<Workload> MakeUnlink(const WorkloadOptions& options) {
  return std::make_unique<FreshWorkload<UnlinkActor>>(options);
}

}  // namespace openefs::bench
