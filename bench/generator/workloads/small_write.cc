// small-write: create, write whole, close, as tar or a compiler makes one small file after the
// other. Durable before it is closed. A sample is read back at the end.
#include "bench/generator/fresh_workload.h"
#include "bench/generator/pattern.h"
#include "bench/generator/workloads/workloads.h"

namespace openefs::bench {
namespace {

class SmallWriteActor final : public FreshActor {
 public:
  static constexpr const char* kKind = "create+write+close";
  using FreshActor::FreshActor;

  Task<StepResult> Step() override {
    const std::string name = NewName();
    absl::StatusOr<OpenFile> file =
        co_await client().Open(directory(), name, owner(), {.create = true, .guarded = true});
    if (!file.ok()) co_return StepResult{file.status()};
    const absl::Status written = co_await WriteAll(*file);
    const absl::Status closed = co_await client().Close(*std::move(file));
    if (!written.ok()) co_return StepResult{written};
    if (closed.ok()) last_ = name;
    co_return StepResult{.status = closed, .bytes = options().io_bytes};
  }

  Task<absl::Status> TearDown() override {
    if (last_.empty()) co_return absl::OkStatus();
    absl::StatusOr<OpenFile> file = co_await client().Open(
        directory(), last_, owner(), {.access = nfs4::OPEN4_SHARE_ACCESS_READ});
    if (!file.ok()) co_return file.status();
    const absl::StatusOr<Buffer> read = co_await client().Read(*file, 0, options().io_bytes);
    if (!read.ok()) co_return read.status();
    if (!IsPattern(context().seed, 0, read->view())) {
      co_return absl::DataLossError("READ: not what was written");
    }
    co_return co_await client().Close(*std::move(file));
  }

 private:
  Task<absl::Status> WriteAll(const OpenFile& file) {
    const uint32_t stable = options().unstable ? nfs4::UNSTABLE4 : nfs4::FILE_SYNC4;
    const absl::StatusOr<WriteResult> written = co_await client().Write(
        file, 0, stable, PatternBytes(context().seed, 0, options().io_bytes));
    if (!written.ok() || written->committed == nfs4::FILE_SYNC4) co_return written.status();
    co_return (co_await client().Commit(file.handle)).status();
  }

  std::string last_;  // the file that was closed last
};

}  // namespace

std::unique_ptr<Workload> MakeSmallWrite(const WorkloadOptions& options) {
  return std::make_unique<FreshWorkload<SmallWriteActor>>(options);
}

}  // namespace openefs::bench
