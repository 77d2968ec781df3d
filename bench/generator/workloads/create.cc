// create: new empty files, as mdtest's creation phase: OPEN with GUARDED4, CLOSE.
#include "bench/generator/fresh_workload.h"
#include "bench/generator/workloads/workloads.h"

namespace openefs::bench {
namespace {

class CreateActor final : public FreshActor {
 public:
  static constexpr const char* kKind = "create+close";
  using FreshActor::FreshActor;

  Task<StepResult> Step() override {
    absl::StatusOr<OpenFile> file =
        co_await client().Open(directory(), NewName(), owner(), {.create = true, .guarded = true});
    if (!file.ok()) co_return StepResult{file.status()};
    co_return StepResult{co_await client().Close(*std::move(file))};
  }
};

}  // namespace

std::unique_ptr<Workload> MakeCreate(const WorkloadOptions& options) {
  return std::make_unique<FreshWorkload<CreateActor>>(options);
}

}  // namespace openefs::bench
