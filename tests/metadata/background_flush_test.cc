// A state machine whose flushes go on beside it.
#include <catch2/catch.hpp>
#include <string>

#include "common/mutex.h"
#include "metadata/state_machine.h"
#include "proto/metadata.pb.h"

namespace openefs::metadata {
namespace {

// Memory, whose flushes last until the test ends them.
class SlowDisk final : public KvEngine {
 public:
  absl::Status Write(const KvWrites& writes) override { return memory_->Write(writes); }
  std::unique_ptr<KvSnapshot> Snapshot() override { return memory_->Snapshot(); }
  absl::Status Flush() override {
    MutexLock lock(mu_);
    ++begun_;
    changed_.SignalAll();
    while (ended_ < begun_) changed_.Wait(mu_);
    return result_;
  }
  absl::Status Checkpoint(const std::string&) override { return absl::OkStatus(); }
  absl::Status Install(const std::string&) override { return absl::OkStatus(); }

  // The flush that was begun ends like this.
  void End(absl::Status result = absl::OkStatus()) {
    MutexLock lock(mu_);
    while (begun_ == ended_) changed_.Wait(mu_);
    result_ = std::move(result);
    ++ended_;
    changed_.SignalAll();
  }

 private:
  const std::unique_ptr<KvEngine> memory_ = MakeMemoryKv();
  Mutex mu_;
  CondVar changed_;
  int begun_ ABSL_GUARDED_BY(mu_) = 0;
  int ended_ ABSL_GUARDED_BY(mu_) = 0;
  absl::Status result_ ABSL_GUARDED_BY(mu_);
};

struct Machine {
  Machine() {
    auto made = std::make_unique<SlowDisk>();
    disk = made.get();
    machine = std::make_unique<MetadataStateMachine>(1, std::move(made),
                                                     MetadataStateMachine::Callbacks());
    machine->FlushInBackground();
  }
  void Apply() {
    const std::string data = pb::MetadataEntry().SerializeAsString();
    const replication::CommittedEntry entry{machine->AppliedIndex() + 1, 1, data, nullptr};
    REQUIRE(machine->Apply({&entry, 1}).ok());
  }
  // The flush that has ended is heard of, sooner or later.
  absl::StatusOr<uint64_t> FlushUntilOther(uint64_t known) {
    while (true) {
      absl::StatusOr<uint64_t> index = machine->Flush();
      if (!index.ok() || *index != known) return index;
    }
  }

  SlowDisk* disk = nullptr;
  std::unique_ptr<MetadataStateMachine> machine;
};

TEST_CASE("a flush holds nothing up, and is told of when it has ended") {
  Machine m;
  m.Apply();
  CHECK(m.machine->Flush().value() == 0);  // begun; nothing is safe yet
  m.Apply();
  m.Apply();
  CHECK(m.machine->Flush().value() == 0);  // it still goes on, and no second one is begun
  m.disk->End();
  CHECK(m.FlushUntilOther(0).value() == 1);  // what was applied when it began, not what came since
  m.disk->End();                             // the one that this began
  CHECK(m.FlushUntilOther(1).value() == 3);
  m.disk->End();
}

TEST_CASE("a flush that fails stops the replica when it is asked for the next") {
  Machine m;
  m.Apply();
  CHECK(m.machine->Flush().ok());
  m.disk->End(absl::InternalError("no room"));
  CHECK(m.FlushUntilOther(0).status().message() == "no room");
}

TEST_CASE("a checkpoint waits for the flush under way, and hears how it ended") {
  Machine m;
  m.Apply();
  CHECK(m.machine->Flush().ok());
  m.disk->End();
  CHECK(m.machine->Checkpoint("nowhere").ok());
  CHECK(m.machine->Flush().value() == 1);
  m.disk->End(absl::InternalError("no room"));
  CHECK_FALSE(m.machine->Checkpoint("nowhere").ok());
}

}  // namespace
}  // namespace openefs::metadata
