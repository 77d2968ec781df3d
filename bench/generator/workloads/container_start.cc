// container-start: many containers of one image begin at once: paths walked, programs and libraries
// read, pages of larger ones fetched as they are touched.
#include "bench/generator/mix.h"
#include "bench/generator/workloads/workloads.h"

namespace openefs::bench {
namespace {

constexpr uint32_t kKiB = 1 << 10;

constexpr MixPart kParts[] = {
    {"walk", 35, &MixActor::Walk},
    {"stat", 15, &MixActor::Stat},
    {"access", 5, &MixActor::Permit},
    {"read file", 30, &MixActor::ReadWhole},
    {"read 64 KiB", 10, &MixActor::ReadPiece},
    {"list directory", 5, &MixActor::List},
};

constexpr SizeClass kSizes[] = {
    {60, 1 * kKiB, 16 * kKiB}, {30, 16 * kKiB, 256 * kKiB}, {10, 256 * kKiB, 4096 * kKiB}};
constexpr SizeClass kMade[] = {{1, 4 * kKiB, 4 * kKiB}};

const MixInfo kMix = {kParts, kSizes, kMade, 32};

}  // namespace

std::unique_ptr<Workload> MakeContainerStart(const WorkloadOptions& options) {
  return std::make_unique<MixWorkload>(options, kMix);
}

}  // namespace openefs::bench
