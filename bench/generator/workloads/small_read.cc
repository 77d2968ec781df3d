// small-read: open, read whole, close, as `cat` of one small file after the other.
#include "bench/generator/pattern.h"
#include "bench/generator/set_workload.h"
#include "bench/generator/workloads/workloads.h"

namespace openefs::bench {
namespace {

class SmallReadActor final : public SetActor {
 public:
  static constexpr const char* kKind = "open+read+close";
  using SetActor::SetActor;

  Task<StepResult> Step() override {
    const SetFile& chosen = AnyFile();
    absl::StatusOr<OpenFile> file =
        co_await client().Open(files().directory(chosen.directory), chosen.name, owner(),
                               {.access = nfs4::OPEN4_SHARE_ACCESS_READ});
    if (!file.ok()) co_return StepResult{file.status()};
    const absl::StatusOr<Buffer> read =
        co_await client().Read(*file, 0, static_cast<uint32_t>(chosen.bytes));
    const absl::Status closed = co_await client().Close(*std::move(file));
    if (!read.ok()) co_return StepResult{read.status()};
    if (!IsPattern(chosen.seed, 0, read->view())) {
      co_return StepResult{absl::DataLossError("READ: wrong bytes")};
    }
    co_return StepResult{.status = closed, .bytes = read->size()};
  }
};

}  // namespace

std::unique_ptr<Workload> MakeSmallRead(const WorkloadOptions& options) {
  return std::make_unique<SetWorkload<SmallReadActor>>(options);
}

}  // namespace openefs::bench
