// A run's result as a table for people and as JSON for programs.
#pragma once

#include <string>
#include <vector>

#include "bench/generator/runner.h"

namespace openefs::bench {

// Several lines, ended by one.
std::string ReportTable(const RunResult& result);

// An object per run, in an array. The names are described in docs/bench.md.
std::string ReportJson(const std::vector<RunResult>& results);

// One line of progress, without an end.
std::string ReportProgress(const std::string& workload, const Progress& progress);

}  // namespace openefs::bench
