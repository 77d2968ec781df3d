// The makers of all workloads; workload_table.cc lists them with their names and defaults.
#pragma once

#include <memory>

#include "bench/generator/workload.h"

namespace openefs::bench {

std::unique_ptr<Workload> MakeAccess(const WorkloadOptions& options);
std::unique_ptr<Workload> MakeAnalyticsScan(const WorkloadOptions& options);
std::unique_ptr<Workload> MakeContainerStart(const WorkloadOptions& options);
std::unique_ptr<Workload> MakeCreate(const WorkloadOptions& options);
std::unique_ptr<Workload> MakeGetattr(const WorkloadOptions& options);
std::unique_ptr<Workload> MakeHomeDirectories(const WorkloadOptions& options);
std::unique_ptr<Workload> MakeLock(const WorkloadOptions& options);
std::unique_ptr<Workload> MakeLookup(const WorkloadOptions& options);
std::unique_ptr<Workload> MakeRandomRead(const WorkloadOptions& options);
std::unique_ptr<Workload> MakeRandomWrite(const WorkloadOptions& options);
std::unique_ptr<Workload> MakeReaddir(const WorkloadOptions& options);
std::unique_ptr<Workload> MakeRename(const WorkloadOptions& options);
std::unique_ptr<Workload> MakeSequentialRead(const WorkloadOptions& options);
std::unique_ptr<Workload> MakeSequentialWrite(const WorkloadOptions& options);
std::unique_ptr<Workload> MakeSmallRead(const WorkloadOptions& options);
std::unique_ptr<Workload> MakeSmallWrite(const WorkloadOptions& options);
std::unique_ptr<Workload> MakeSoftwareBuild(const WorkloadOptions& options);
std::unique_ptr<Workload> MakeUnlink(const WorkloadOptions& options);
std::unique_ptr<Workload> MakeWebServing(const WorkloadOptions& options);

}  // namespace openefs::bench
