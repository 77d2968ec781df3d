// web-serving: many small files read whole, the popular ones most; their attributes asked for again
// and again; a line in the log for some.
#include "bench/generator/mix.h"
#include "bench/generator/workloads/workloads.h"

namespace openefs::bench {
namespace {

constexpr uint32_t kKiB = 1 << 10;

constexpr MixPart kParts[] = {
    {"read file", 60, &MixActor::ReadWhole},
    {"stat", 25, &MixActor::Stat},
    {"walk", 8, &MixActor::Walk},
    {"list directory", 2, &MixActor::List},
    {"append to log", 5, &MixActor::Append},
};

constexpr SizeClass kSizes[] = {
    {70, 1 * kKiB, 16 * kKiB}, {25, 16 * kKiB, 128 * kKiB}, {5, 128 * kKiB, 1024 * kKiB}};
constexpr SizeClass kMade[] = {{1, 4 * kKiB, 4 * kKiB}};

const MixInfo kMix = {kParts, kSizes, kMade, 64};

}  // namespace

std::unique_ptr<Workload> MakeWebServing(const WorkloadOptions& options) {
  return std::make_unique<MixWorkload>(options, kMix);
}

}  // namespace openefs::bench
