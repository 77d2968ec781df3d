// sequential-read: the whole file from its beginning to its end, again and again; of a shared one
// every actor begins with another part.
#include "bench/generator/io_workload.h"
#include "bench/generator/workloads/workloads.h"

namespace openefs::bench {
namespace {

class SequentialReadActor final : public IoActor {
 public:
  static constexpr const char* kKind = "read";
  using IoActor::IoActor;

  Task<absl::Status> SetUp() override {
    chunk_ = part_begin() / io_bytes();
    const absl::Status status = co_await IoActor::SetUp();
    if (!status.ok()) co_return status;
    co_return co_await FillPart();
  }

  Task<StepResult> Step() override {
    const uint64_t chunk = chunk_;
    chunk_ = (chunk_ + 1) % chunks();
    return ReadAt(chunk * io_bytes());
  }

 private:
  uint64_t chunk_ = 0;
};

}  // namespace

std::unique_ptr<Workload> MakeSequentialRead(const WorkloadOptions& options) {
  return std::make_unique<IoWorkload<SequentialReadActor>>(options);
}

}  // namespace openefs::bench
