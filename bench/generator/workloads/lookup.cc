// lookup: names in a directory, as a client without them in its cache walks paths.
#include "bench/generator/set_workload.h"
#include "bench/generator/workloads/workloads.h"

namespace openefs::bench {
namespace {

class LookupActor final : public SetActor {
 public:
  static constexpr const char* kKind = "lookup";
  using SetActor::SetActor;

  Task<StepResult> Step() override {
    const SetFile& file = AnyFile();
    const absl::StatusOr<Found> found =
        co_await client().Lookup(files().directory(file.directory), file.name);
    if (!found.ok()) co_return StepResult{found.status()};
    const bool right = found->attributes.fileid == file.fileid;
    co_return StepResult{right ? absl::OkStatus() : absl::DataLossError("LOOKUP: another file")};
  }
};

}  // namespace

std::unique_ptr<Workload> MakeLookup(const WorkloadOptions& options) {
  return std::make_unique<SetWorkload<LookupActor>>(options);
}

}  // namespace openefs::bench
