// analytics-scan: large files read from begin to end, a MiB at a time; now and then a result.
#include "bench/generator/mix.h"
#include "bench/generator/workloads/workloads.h"

namespace openefs::bench {
namespace {

constexpr uint32_t kKiB = 1 << 10;

constexpr MixPart kParts[] = {
    {"scan, next MiB", 94, &MixActor::Scan},
    {"stat", 4, &MixActor::Stat},
    {"list directory", 1, &MixActor::List},
    {"write result", 1, &MixActor::Make},
};

constexpr SizeClass kSizes[] = {{1, 8192 * kKiB, 16384 * kKiB}};
constexpr SizeClass kMade[] = {{1, 64 * kKiB, 1024 * kKiB}};

const MixInfo kMix = {kParts, kSizes, kMade, 16};

}  // namespace

std::unique_ptr<Workload> MakeAnalyticsScan(const WorkloadOptions& options) {
  return std::make_unique<MixWorkload>(options, kMix);
}

}  // namespace openefs::bench
