// Workloads that make new names all the time: the base of their actors, each with a directory of
// its own or all in one, and a Workload made of one kind of them.
#pragma once

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "bench/generator/actor_base.h"

namespace openefs::bench {

class FreshActor : public ActorBase {
 public:
  FreshActor(const ActorContext& context, const WorkloadOptions& options)
      : ActorBase(context), options_(options) {}

  Task<absl::Status> SetUp() override {
    const std::string name =
        options_.shared ? std::string("shared") : absl::StrCat("d", context().index);
    absl::StatusOr<FileHandle> made = co_await client().MakeDirectory(context().root, name);
    if (!made.ok()) co_return made.status();
    directory_ = *std::move(made);
    co_return co_await MakeOldFiles();
  }

 protected:
  const WorkloadOptions& options() const { return options_; }
  const FileHandle& directory() const { return directory_; }

  // A name that was never used before.
  std::string NewName() { return absl::StrCat("f", context().index, ".", ++names_); }

 private:
  // This actor's part of the files that are there before: what is measured is what one more costs.
  Task<absl::Status> MakeOldFiles() {
    for (uint32_t i = context().index; i < options_.files; i += context().count) {
      absl::StatusOr<OpenFile> file = co_await client().Open(
          directory_, absl::StrCat("old", i), owner(), {.create = true, .guarded = true});
      if (!file.ok()) co_return file.status();
      const absl::Status closed = co_await client().Close(*std::move(file));
      if (!closed.ok()) co_return closed;
    }
    co_return absl::OkStatus();
  }

  const WorkloadOptions options_;
  FileHandle directory_;
  uint64_t names_ = 0;
};

template <typename ActorType>
class FreshWorkload final : public Workload {
 public:
  explicit FreshWorkload(const WorkloadOptions& options) : options_(options) {}

  std::vector<std::string> Kinds() const override { return {ActorType::kKind}; }

  Task<absl::Status> SetUp(Client&, FileHandle, uint32_t) override { co_return absl::OkStatus(); }

  std::unique_ptr<Actor> MakeActor(const ActorContext& context) override {
    return std::make_unique<ActorType>(context, options_);
  }

 private:
  const WorkloadOptions options_;
};

}  // namespace openefs::bench
