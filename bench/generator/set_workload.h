// Workloads on a set of small files that stay: the base of their actors, and a Workload made of one
// kind of them.
#pragma once

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "bench/generator/actor_base.h"
#include "bench/generator/file_set.h"

namespace openefs::bench {

class SetActor : public ActorBase {
 public:
  SetActor(const ActorContext& context, const WorkloadOptions& options, FileSet* files)
      : ActorBase(context), options_(options), files_(*files) {}

  Task<absl::Status> SetUp() override {
    return files_.MakeFiles(client(), context().index, context().count);
  }

 protected:
  const WorkloadOptions& options() const { return options_; }
  const FileSet& files() const { return files_; }

  // Any file of the set if it is shared, one of the actor's own directory otherwise.
  const SetFile& AnyFile() {
    if (options_.shared) {
      return files_.file(static_cast<uint32_t>(RandomBelow(files_.size())));
    }
    const uint32_t own = files_.FilesIn(context().index);
    const auto nth = static_cast<uint32_t>(RandomBelow(own));
    return files_.file(context().index + nth * context().count);
  }

  // The directory that this actor works in.
  uint32_t directory() const { return options_.shared ? 0 : context().index; }

 private:
  const WorkloadOptions options_;
  FileSet& files_;
};

// Files of options.io_bytes each: all in one directory, or divided among directories of the actors.
template <typename ActorType>
class SetWorkload final : public Workload {
 public:
  explicit SetWorkload(const WorkloadOptions& options) : options_(options) {}

  std::vector<std::string> Kinds() const override { return {ActorType::kKind}; }

  Task<absl::Status> SetUp(Client& client, FileHandle root, uint32_t actors) override {
    // Every actor has at least one file of its own.
    const uint32_t files = std::max(options_.files, actors);
    files_ = std::make_unique<FileSet>(files, options_.shared ? 1 : actors,
                                       [this](uint32_t) { return options_.io_bytes; });
    return files_->MakeDirectories(client, std::move(root));
  }

  std::unique_ptr<Actor> MakeActor(const ActorContext& context) override {
    return std::make_unique<ActorType>(context, options_, files_.get());
  }

 private:
  const WorkloadOptions options_;
  std::unique_ptr<FileSet> files_;
};

}  // namespace openefs::bench
