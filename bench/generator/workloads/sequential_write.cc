// sequential-write: one file after the other, from its beginning to its end; the part of the shared
// file again and again.
#include "bench/generator/io_workload.h"
#include "bench/generator/workloads/workloads.h"

namespace openefs::bench {
namespace {

class SequentialWriteActor final : public IoActor {
 public:
  static constexpr const char* kKind = "write";
  using IoActor::IoActor;

  Task<StepResult> Step() override {
    if (chunk_ == part_chunks()) {
      const absl::Status turned = co_await Turn();
      if (!turned.ok()) co_return StepResult{turned};
    }
    StepResult result = co_await WriteAt(part_begin() + chunk_ * io_bytes());
    if (result.status.ok()) ++chunk_;
    co_return result;
  }

  // What was written last is read back.
  Task<absl::Status> TearDown() override {
    if (chunk_ > 0) {
      const StepResult read = co_await ReadAt(part_begin() + (chunk_ - 1) * io_bytes());
      if (!read.status.ok()) co_return read.status;
    }
    co_return co_await IoActor::TearDown();
  }

 private:
  // The end of a file: it is made durable; that is part of writing it.
  Task<absl::Status> Turn() {
    const absl::Status committed = co_await CommitIfUnstable();
    chunk_ = 0;
    if (!committed.ok() || options().shared) co_return committed;
    co_return co_await NextFile();
  }

  uint64_t chunk_ = 0;  // the next one of this actor's part
};

}  // namespace

std::unique_ptr<Workload> MakeSequentialWrite(const WorkloadOptions& options) {
  return std::make_unique<IoWorkload<SequentialWriteActor>>(options);
}

}  // namespace openefs::bench
