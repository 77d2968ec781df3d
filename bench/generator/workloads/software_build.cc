// software-build: compilers look for headers where most are not, read sources, write objects of 4
// to 64 KiB that the linker reads again.
#include "bench/generator/mix.h"
#include "bench/generator/workloads/workloads.h"

namespace openefs::bench {
namespace {

constexpr uint32_t kKiB = 1 << 10;

constexpr MixPart kParts[] = {
    {"walk, missing", 15, &MixActor::WalkMissing},
    {"walk", 20, &MixActor::Walk},
    {"stat", 20, &MixActor::Stat},
    {"access", 5, &MixActor::Permit},
    {"read source", 20, &MixActor::ReadWhole},
    {"write object", 12, &MixActor::Make},
    {"read object", 4, &MixActor::ReadOwn},
    {"replace object", 2, &MixActor::Save},
    {"delete object", 2, &MixActor::Delete},
};

constexpr SizeClass kSizes[] = {{80, 1 * kKiB, 16 * kKiB}, {20, 16 * kKiB, 64 * kKiB}};
constexpr SizeClass kMade[] = {{1, 4 * kKiB, 64 * kKiB}};

const MixInfo kMix = {kParts, kSizes, kMade, 32};

}  // namespace

std::unique_ptr<Workload> MakeSoftwareBuild(const WorkloadOptions& options) {
  return std::make_unique<MixWorkload>(options, kMix);
}

}  // namespace openefs::bench
