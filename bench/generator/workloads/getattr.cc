// getattr: the attributes of files whose handles are known, as `stat` of what a client has in its
// cache but must ask about.
#include "bench/generator/set_workload.h"
#include "bench/generator/workloads/workloads.h"

namespace openefs::bench {
namespace {

class GetattrActor final : public SetActor {
 public:
  static constexpr const char* kKind = "getattr";
  using SetActor::SetActor;

  Task<StepResult> Step() override {
    const SetFile& file = AnyFile();
    const absl::StatusOr<Attributes> found = co_await client().GetAttr(file.handle);
    if (!found.ok()) co_return StepResult{found.status()};
    const bool right = found->fileid == file.fileid && found->size == file.bytes;
    co_return StepResult{right ? absl::OkStatus() : absl::DataLossError("GETATTR: another file")};
  }
};

}  // namespace

std::unique_ptr<Workload> MakeGetattr(const WorkloadOptions& options) {
  return std::make_unique<SetWorkload<GetattrActor>>(options);
}

}  // namespace openefs::bench
