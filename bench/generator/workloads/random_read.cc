// random-read: pieces anywhere in the file, each at a multiple of its size.
#include "bench/generator/io_workload.h"
#include "bench/generator/workloads/workloads.h"

namespace openefs::bench {
namespace {

class RandomReadActor final : public IoActor {
 public:
  static constexpr const char* kKind = "read";
  using IoActor::IoActor;

  Task<absl::Status> SetUp() override {
    const absl::Status status = co_await IoActor::SetUp();
    if (!status.ok()) co_return status;
    co_return co_await FillPart();
  }

  Task<StepResult> Step() override { return ReadAt(RandomBelow(chunks()) * io_bytes()); }
};

}  // namespace

std::unique_ptr<Workload> MakeRandomRead(const WorkloadOptions& options) {
  return std::make_unique<IoWorkload<RandomReadActor>>(options);
}

}  // namespace openefs::bench
