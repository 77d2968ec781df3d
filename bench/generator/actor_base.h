// What nearly every actor has: its context, a source of random numbers, an open owner of its own.
#pragma once

#include <string>
#include <utility>

#include "bench/generator/mix64.h"
#include "bench/generator/workload.h"

namespace openefs::bench {

class ActorBase : public Actor {
 public:
  explicit ActorBase(const ActorContext& context)
      : context_(context),
        random_(context.seed),
        owner_("actor " + std::to_string(context.index)) {}

  Task<absl::Status> SetUp() override { co_return absl::OkStatus(); }
  Task<absl::Status> TearDown() override { co_return absl::OkStatus(); }

 protected:
  Client& client() { return *context_.client; }
  const ActorContext& context() const { return context_; }
  uint64_t RandomBelow(uint64_t bound) { return bench::RandomBelow(&random_, bound); }
  const std::string& owner() const { return owner_; }

 private:
  const ActorContext context_;
  uint64_t random_;
  const std::string owner_;
};

}  // namespace openefs::bench
