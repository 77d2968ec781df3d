// Mixes of what people do with a file service: a table of parts and their weights over one set of
// files that all share and a directory of each actor's own. A mix is such a table and the sizes of
// its files, see workloads/.
#pragma once

#include <cstdint>
#include <deque>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "bench/generator/actor_base.h"
#include "bench/generator/file_set.h"

namespace openefs::bench {

class MixActor;

struct MixPart {
  const char* name;
  uint32_t weight;
  Task<StepResult> (MixActor::*run)();
};

// Files of [least, most] bytes, `weight` of them; sizes within are spread evenly over magnitudes.
struct SizeClass {
  uint32_t weight;
  uint32_t least;
  uint32_t most;
};

struct MixInfo {
  std::span<const MixPart> parts;
  std::span<const SizeClass> sizes;  // of the shared files
  std::span<const SizeClass> made;   // of the files that actors make
  uint32_t files_per_directory;
};

// A size drawn from the classes by one random number.
uint64_t DrawSize(std::span<const SizeClass> classes, uint64_t random);

// Every part is a step: what one program does at once, checked as far as it can be.
class MixActor final : public ActorBase {
 public:
  MixActor(const ActorContext& context, const WorkloadOptions& options, const MixInfo& info,
           FileSet* files);

  Task<absl::Status> SetUp() override;
  Task<StepResult> Step() override;
  Task<absl::Status> TearDown() override;

  // On the shared files, the popular ones more often.
  Task<StepResult> Stat();         // GETATTR
  Task<StepResult> Permit();       // ACCESS
  Task<StepResult> Walk();         // LOOKUP of directory and name
  Task<StepResult> WalkMissing();  // LOOKUP of a name that is not there
  Task<StepResult> List();         // READDIR of a whole directory
  Task<StepResult> ReadWhole();    // OPEN, READs, CLOSE
  Task<StepResult> ReadPiece();    // OPEN, one READ somewhere, CLOSE
  Task<StepResult> Scan();         // the next MiB of a file that is read from begin to end
  // On files of its own. Where a file is needed and there is none, one is made.
  Task<StepResult> Make();     // OPEN, WRITEs, CLOSE of a new file; the oldest goes at a limit
  Task<StepResult> Save();     // the same under another name, then RENAME over the old file
  Task<StepResult> Rewrite();  // OPEN with size 0, WRITEs, CLOSE
  Task<StepResult> ReadOwn();  // OPEN, READs, CLOSE of what was written before
  Task<StepResult> Delete();   // REMOVE
  Task<StepResult> Append();   // a WRITE at the end of a log that stays open
  Task<StepResult> MakeDirectory();  // CREATE of a directory and its REMOVE

 private:
  struct OwnFile {
    std::string name;
    uint64_t seed = 0;
    uint64_t bytes = 0;
  };

  const SetFile& Popular();
  OwnFile NewOwn();
  Task<StepResult> ReadAll(FileHandle directory, std::string name, uint64_t seed, uint64_t bytes);
  Task<absl::Status> Write(const std::string& name, const OwnFile& content, bool there);
  Task<absl::Status> OpenScan();
  Task<absl::Status> OpenLog();

  const WorkloadOptions options_;
  const MixInfo& info_;
  FileSet& files_;
  uint32_t total_weight_ = 0;
  FileHandle own_directory_;
  std::deque<OwnFile> own_;  // oldest first
  uint64_t names_ = 0;

  OpenFile scan_;
  const SetFile* scanned_ = nullptr;
  uint64_t scan_at_ = 0;
  OpenFile log_;
  uint64_t log_bytes_ = 0;
};

class MixWorkload final : public Workload {
 public:
  MixWorkload(const WorkloadOptions& options, const MixInfo& info)
      : options_(options), info_(info) {}

  std::vector<std::string> Kinds() const override;
  Task<absl::Status> SetUp(Client& client, FileHandle root, uint32_t actors) override;
  std::unique_ptr<Actor> MakeActor(const ActorContext& context) override;

 private:
  const WorkloadOptions options_;
  const MixInfo& info_;
  std::unique_ptr<FileSet> files_;
};

}  // namespace openefs::bench
