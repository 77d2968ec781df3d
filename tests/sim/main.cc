// openefs-sim: runs seeds of the cluster simulator. See docs/testing.md.
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/strings/numbers.h"
#include "absl/strings/str_split.h"
#include "common/log.h"
#include "tests/sim/cluster.h"

namespace openefs::sim {
namespace {

struct Arguments {
  uint64_t seeds = 100;
  uint64_t from = 1;
  uint64_t seconds = 0;  // not 0: stop after so long
  bool keep_going = false;
  bool verbose = false;
  std::vector<std::pair<std::string, int64_t>> set;
};

int Usage() {
  std::fprintf(
      stderr,
      "usage: openefs-sim [--seeds N] [--from S] [--seconds T] [--keep-going] [--verbose]\n"
      "                   [--set NAME=VALUE]...\n"
      "Runs seeds S to S + N - 1, for T seconds at most. Exits 1 at the first that breaks a\n"
      "promise. NAME is one of:");
  for (const std::string_view name : SimOptions::Names()) {
    std::fprintf(stderr, " %.*s", static_cast<int>(name.size()), name.data());
  }
  std::fprintf(stderr, "\n");
  return 2;
}

bool ParseSet(const char* text, Arguments& arguments) {
  const std::vector<std::string> parts = absl::StrSplit(text, absl::MaxSplits('=', 1));
  int64_t value = 0;
  SimOptions probe;
  if (parts.size() != 2 || !absl::SimpleAtoi(parts[1], &value)) return false;
  arguments.set.emplace_back(parts[0], value);
  return probe.Set(parts[0], value);
}

bool Parse(int argc, char** argv, Arguments& arguments) {
  for (int i = 1; i < argc; ++i) {
    const std::string_view name = argv[i];
    if (name == "--keep-going") {
      arguments.keep_going = true;
    } else if (name == "--verbose") {
      arguments.verbose = true;
    } else if (i + 1 == argc) {
      return false;
    } else if (name == "--set") {
      if (!ParseSet(argv[++i], arguments)) return false;
    } else {
      uint64_t* number = name == "--seeds"     ? &arguments.seeds
                         : name == "--from"    ? &arguments.from
                         : name == "--seconds" ? &arguments.seconds
                                               : nullptr;
      if (number == nullptr || !absl::SimpleAtoi(argv[++i], number)) return false;
    }
  }
  return true;
}

int Main(int argc, char** argv) {
  Arguments arguments;
  if (!Parse(argc, argv, arguments)) return Usage();
  SetLogLevel(LogLevel::kError);
  using Clock = std::chrono::steady_clock;
  const auto begin = Clock::now();
  Counts counts;
  uint64_t runs = 0;
  uint64_t failures = 0;
  for (uint64_t seed = arguments.from; seed < arguments.from + arguments.seeds; ++seed) {
    const auto taken = std::chrono::duration_cast<std::chrono::seconds>(Clock::now() - begin);
    if (arguments.seconds != 0 && taken.count() >= static_cast<int64_t>(arguments.seconds)) break;
    SimOptions options = SimOptions::FromSeed(seed);
    for (const auto& [name, value] : arguments.set) options.Set(name, value);
    const RunResult result = RunSeed(options);
    ++runs;
    counts.Add(result.counts);
    if (arguments.verbose) {
      std::printf("seed %lu hash %016lx events %lu %s\n", seed, result.hash, result.events,
                  options.ToString().c_str());
    }
    if (result.violation.empty()) continue;
    ++failures;
    std::printf("FAILED seed %lu: %s\n  options: %s\n", seed, result.violation.c_str(),
                options.ToString().c_str());
    if (!arguments.keep_going) break;
  }
  const double seconds = std::chrono::duration<double>(Clock::now() - begin).count();
  std::printf("%s%lu seeds, %lu failed, %.1f s\n", counts.ToString().c_str(), runs, failures,
              seconds);
  return failures == 0 ? 0 : 1;
}

}  // namespace
}  // namespace openefs::sim

int main(int argc, char** argv) { return openefs::sim::Main(argc, argv); }
