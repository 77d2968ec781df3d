// readdir: whole listings of a directory, in pages as large as Linux asks for.
#include "bench/generator/set_workload.h"
#include "bench/generator/workloads/workloads.h"

namespace openefs::bench {
namespace {

constexpr uint32_t kPageBytes = 32 << 10;

class ReaddirActor final : public SetActor {
 public:
  static constexpr const char* kKind = "listing";
  using SetActor::SetActor;

  Task<StepResult> Step() override {
    DirectoryPage page;
    uint64_t entries = 0;
    do {
      absl::StatusOr<DirectoryPage> next = co_await client().ReadDir(
          files().directory(directory()), page.cookie, page.verifier, kPageBytes);
      if (!next.ok()) co_return StepResult{next.status()};
      page = *std::move(next);
      entries += page.entries.size();
    } while (!page.end);
    const bool whole = entries == files().FilesIn(directory());
    co_return StepResult{whole ? absl::OkStatus()
                               : absl::DataLossError("READDIR: not what the directory holds")};
  }
};

}  // namespace

std::unique_ptr<Workload> MakeReaddir(const WorkloadOptions& options) {
  return std::make_unique<SetWorkload<ReaddirActor>>(options);
}

}  // namespace openefs::bench
