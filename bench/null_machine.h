// A state machine that only counts: what is left is the cost of replication.
#pragma once

#include <atomic>
#include <filesystem>
#include <string>

#include "common/files.h"
#include "replication/node/state_machine.h"

namespace openefs::replication {

class NullMachine : public StateMachine {
 public:
  absl::Status Apply(absl::Span<const CommittedEntry> entries) override {
    applied_ = entries.back().index;
    return absl::OkStatus();
  }
  uint64_t AppliedIndex() const override { return applied_; }
  absl::StatusOr<uint64_t> Flush() override { return applied_.load(); }
  absl::StatusOr<uint64_t> Checkpoint(const std::string& directory) override {
    std::filesystem::create_directory(directory);
    return WriteApplied(directory);
  }
  absl::Status Install(const std::string& directory) override {
    const auto text = ReadSmallFile(directory + "/applied");
    if (!text.ok()) return text.status();
    applied_ = std::stoull(*text);
    return absl::OkStatus();
  }
  void OnLeader(uint64_t) override { leads_ = true; }
  void OnFollower() override { leads_ = false; }
  bool leads() const { return leads_; }

 protected:
  absl::StatusOr<uint64_t> WriteApplied(const std::string& directory) {
    const uint64_t applied = applied_;
    auto status = WriteFileDurably(directory + "/applied", std::to_string(applied));
    return status.ok() ? absl::StatusOr<uint64_t>(applied) : status;
  }

 private:
  std::atomic<uint64_t> applied_{0};
  std::atomic<bool> leads_{false};
};

}  // namespace openefs::replication
