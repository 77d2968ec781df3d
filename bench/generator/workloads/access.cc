// access: may this user read that file? What a client asks before it uses what it has in its cache.
#include "bench/generator/set_workload.h"
#include "bench/generator/workloads/workloads.h"

namespace openefs::bench {
namespace {

class AccessActor final : public SetActor {
 public:
  static constexpr const char* kKind = "access";
  using SetActor::SetActor;

  Task<StepResult> Step() override {
    constexpr uint32_t kWanted = nfs4::ACCESS4_READ | nfs4::ACCESS4_MODIFY;
    const absl::StatusOr<uint32_t> granted = co_await client().Access(AnyFile().handle, kWanted);
    if (!granted.ok()) co_return StepResult{granted.status()};
    // The files are the user's own.
    co_return StepResult{*granted == kWanted ? absl::OkStatus()
                                             : absl::DataLossError("ACCESS: denied")};
  }
};

}  // namespace

std::unique_ptr<Workload> MakeAccess(const WorkloadOptions& options) {
  return std::make_unique<SetWorkload<AccessActor>>(options);
}

}  // namespace openefs::bench
