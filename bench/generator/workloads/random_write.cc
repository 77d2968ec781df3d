// random-write: pieces anywhere in a file that is full already, each at a multiple of its size, as
// a database writes its pages. Every piece is written with what it should hold anyway, so writers
// of one shared file need no order and a reader always knows what is right.
#include "bench/generator/io_workload.h"
#include "bench/generator/workloads/workloads.h"

namespace openefs::bench {
namespace {

class RandomWriteActor final : public IoActor {
 public:
  static constexpr const char* kKind = "write";
  using IoActor::IoActor;

  Task<absl::Status> SetUp() override {
    const absl::Status status = co_await IoActor::SetUp();
    if (!status.ok()) co_return status;
    co_return co_await FillPart();
  }

  Task<StepResult> Step() override {
    if (++since_commit_ > part_chunks()) {
      since_commit_ = 1;
      const absl::Status committed = co_await CommitIfUnstable();
      if (!committed.ok()) co_return StepResult{committed};
    }
    last_ = RandomBelow(chunks()) * io_bytes();
    co_return co_await WriteAt(last_);
  }

  // What was written last is read back.
  Task<absl::Status> TearDown() override {
    const StepResult read = co_await ReadAt(last_);
    if (!read.status.ok()) co_return read.status;
    co_return co_await IoActor::TearDown();
  }

 private:
  uint64_t since_commit_ = 0;  // writes
  uint64_t last_ = 0;          // offset
};

}  // namespace

std::unique_ptr<Workload> MakeRandomWrite(const WorkloadOptions& options) {
  return std::make_unique<IoWorkload<RandomWriteActor>>(options);
}

}  // namespace openefs::bench
