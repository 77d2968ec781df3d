// What a load consists of. A workload makes what its actors share; each actor does one step after
// the other, alone on its thread; all of them together are the load. One file per workload in
// workloads/, listed in workload_table.cc.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "bench/generator/client.h"
#include "bench/generator/task.h"

namespace openefs::bench {

// What a workload can be given; each uses what applies to it and has defaults of its own.
struct WorkloadOptions {
  uint32_t io_bytes = 0;    // of one READ or WRITE, or of one small file
  uint64_t file_bytes = 0;  // of a large file (private), or of each actor's part of it (shared)
  uint32_t files = 0;       // that are there before, all actors together
  bool shared = false;      // one directory or file for all instead of one for each
  bool unstable = false;    // WRITE UNSTABLE4 and COMMIT at the end of each file, not FILE_SYNC4
};

struct ActorContext {
  Client* client = nullptr;
  uint32_t index = 0;  // of all actors, from 0
  uint32_t count = 0;  // actors
  FileHandle root;     // the run's own directory
  uint64_t seed = 0;
};

struct StepResult {
  absl::Status status;
  int kind = 0;        // index into the workload's kinds
  uint64_t bytes = 0;  // of file data that went over the wire
};

// What a step says when there is nothing left to do: the measurement ends.
absl::Status Exhausted();

class Actor {
 public:
  virtual ~Actor() = default;

  // Not measured. All actors have set up before the first steps.
  virtual Task<absl::Status> SetUp() = 0;
  virtual Task<StepResult> Step() = 0;
  // Closes what is open. Files need not be removed: the run's directory goes as a whole.
  virtual Task<absl::Status> TearDown() = 0;
};

class Workload {
 public:
  virtual ~Workload() = default;

  // The kinds of steps, as the report names them.
  virtual std::vector<std::string> Kinds() const = 0;

  // Makes what must be there before the actors set up; by one client. `actors`: how many there
  // will be.
  virtual Task<absl::Status> SetUp(Client& client, FileHandle root, uint32_t actors) = 0;

  virtual std::unique_ptr<Actor> MakeActor(const ActorContext& context) = 0;
};

struct WorkloadInfo {
  const char* name;
  const char* help;
  WorkloadOptions defaults;
  std::unique_ptr<Workload> (*make)(const WorkloadOptions& options);
  bool exhaustible = false;  // works on what was made before, to its end: no time for warming up
};

std::span<const WorkloadInfo> Workloads();
const WorkloadInfo* FindWorkload(std::string_view name);

}  // namespace openefs::bench
