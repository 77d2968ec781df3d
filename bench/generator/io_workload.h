// Workloads on large files: the base of their actors, each with a file of its own or with a part of
// one file that all have open, and a Workload made of one kind of them.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "bench/generator/actor_base.h"

namespace openefs::bench {

class IoActor : public ActorBase {
 public:
  IoActor(const ActorContext& context, const WorkloadOptions& options);

  // Opens the file.
  Task<absl::Status> SetUp() override;
  Task<absl::Status> TearDown() override;

 protected:
  const WorkloadOptions& options() const { return options_; }
  const OpenFile& file() const { return file_; }

  uint32_t io_bytes() const { return options_.io_bytes; }
  // The file's size once it is full, and this actor's part of it: all of one's own.
  uint64_t whole_bytes() const;
  uint64_t part_begin() const;
  uint64_t chunks() const { return whole_bytes() / io_bytes(); }
  uint64_t part_chunks() const { return options_.file_bytes / io_bytes(); }

  // Writes this actor's part, in the largest pieces there are.
  Task<absl::Status> FillPart();

  // One WRITE or READ of io_bytes() at `offset`, its bytes checked; opens the file again first if
  // the server has forgotten the open.
  Task<StepResult> WriteAt(uint64_t offset);
  Task<StepResult> ReadAt(uint64_t offset);

  // COMMIT, if there were unstable WRITEs since the last one; DATA_LOSS if the server lost some.
  Task<absl::Status> CommitIfUnstable();

  // Goes on with a new, empty file instead of the private one.
  Task<absl::Status> NextFile();

 private:
  std::string FileName() const;
  uint64_t Seed() const;
  Task<absl::Status> OpenFileNow();
  Task<absl::Status> EnsureOpen();
  void NoteFailure();

  const WorkloadOptions options_;
  OpenFile file_;
  uint64_t files_ = 0;  // private ones so far
  bool uncommitted_ = false;
  uint64_t verifier_ = 0;  // of the uncommitted writes
};

template <typename ActorType>
class IoWorkload final : public Workload {
 public:
  explicit IoWorkload(const WorkloadOptions& options) : options_(options) {}

  std::vector<std::string> Kinds() const override { return {ActorType::kKind}; }

  Task<absl::Status> SetUp(Client&, FileHandle, uint32_t) override {
    if (options_.io_bytes == 0 || options_.file_bytes < options_.io_bytes) {
      co_return absl::InvalidArgumentError(
          "--file-size must be at least --io-size, and that not 0");
    }
    co_return absl::OkStatus();
  }

  std::unique_ptr<Actor> MakeActor(const ActorContext& context) override {
    return std::make_unique<ActorType>(context, options_);
  }

 private:
  const WorkloadOptions options_;
};

}  // namespace openefs::bench
