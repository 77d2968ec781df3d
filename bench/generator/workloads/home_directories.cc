// home-directories: people and their programs: much looking around, documents read, saved by
// writing anew and renaming, made and deleted.
#include "bench/generator/mix.h"
#include "bench/generator/workloads/workloads.h"

namespace openefs::bench {
namespace {

constexpr uint32_t kKiB = 1 << 10;

constexpr MixPart kParts[] = {
    {"stat", 25, &MixActor::Stat},
    {"access", 10, &MixActor::Permit},
    {"walk", 20, &MixActor::Walk},
    {"list directory", 5, &MixActor::List},
    {"read file", 17, &MixActor::ReadWhole},
    {"save file", 6, &MixActor::Save},
    {"make file", 5, &MixActor::Make},
    {"rewrite file", 3, &MixActor::Rewrite},
    {"read own file", 4, &MixActor::ReadOwn},
    {"delete file", 4, &MixActor::Delete},
    {"make directory", 1, &MixActor::MakeDirectory},
};

constexpr SizeClass kSizes[] = {
    {60, 1 * kKiB, 16 * kKiB}, {35, 16 * kKiB, 256 * kKiB}, {5, 256 * kKiB, 4096 * kKiB}};
constexpr SizeClass kMade[] = {{70, 1 * kKiB, 16 * kKiB}, {30, 16 * kKiB, 256 * kKiB}};

const MixInfo kMix = {kParts, kSizes, kMade, 32};

}  // namespace

std::unique_ptr<Workload> MakeHomeDirectories(const WorkloadOptions& options) {
  return std::make_unique<MixWorkload>(options, kMix);
}

}  // namespace openefs::bench
