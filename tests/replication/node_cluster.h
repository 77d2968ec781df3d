// Nodes of one cluster in this process, over a LocalNetwork and directories of their own, with
// state machines that remember what they applied.
#pragma once

#include <algorithm>
#include <atomic>
#include <chrono>
#include <filesystem>
#include <fstream>
#include <functional>
#include <future>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <sstream>
#include <string>
#include <thread>
#include <vector>

#include "common/clock.h"
#include "common/files.h"
#include "replication/node/replica_node.h"

namespace openefs::replication::testing {

// Counts what it was told; exactly once is checked by the tests.
class TestContext final : public ProposalContext {
 public:
  void OnApplied() override { Finish(absl::OkStatus()); }
  void OnDropped(const absl::Status& why) override { Finish(why); }

  absl::Status Wait() { return result_.get_future().get(); }
  int calls() const { return calls_; }

 private:
  void Finish(absl::Status status) {
    if (++calls_ == 1) result_.set_value(std::move(status));
  }
  std::atomic<int> calls_{0};
  std::promise<absl::Status> result_;
};

class MemoryMachine final : public StateMachine {
 public:
  absl::Status Apply(absl::Span<const CommittedEntry> entries) override {
    std::lock_guard lock(mu_);
    for (const CommittedEntry& entry : entries) {
      if (entry.index != applied_ + 1) return absl::InternalError("gap");
      if (!fail_on_.empty() && entry.data == fail_on_) return absl::InternalError("told to fail");
      applied_ = entry.index;
      terms_.push_back(entry.term);
      values_.emplace_back(entry.data);
    }
    return absl::OkStatus();
  }
  uint64_t AppliedIndex() const override {
    std::lock_guard lock(mu_);
    return applied_;
  }
  absl::StatusOr<uint64_t> Flush() override {
    std::lock_guard lock(mu_);
    flushed_ = applied_;
    return flushed_;
  }
  // One file: applied index, then term, length and bytes of each value.
  absl::StatusOr<uint64_t> Checkpoint(const std::string& directory) override {
    std::lock_guard lock(mu_);
    std::error_code error;
    if (!std::filesystem::create_directory(directory, error)) {
      return absl::InternalError("cannot create " + directory);
    }
    std::ostringstream text;
    text << applied_;
    for (size_t i = 0; i < values_.size(); ++i) {
      text << ' ' << terms_[i] << ' ' << values_[i].size() << ' ' << values_[i];
    }
    const absl::Status written = WriteFileDurably(directory + "/state", text.str());
    if (!written.ok()) return written;
    flushed_ = applied_;
    return applied_;
  }
  absl::Status Install(const std::string& directory) override {
    std::lock_guard lock(mu_);
    std::ifstream text(directory + "/state", std::ios::binary);
    uint64_t applied = 0;
    if (!(text >> applied)) return absl::DataLossError("no state in " + directory);
    std::vector<std::string> values(applied);
    std::vector<uint64_t> terms(applied);
    for (size_t i = 0; i < applied; ++i) {
      size_t bytes = 0;
      text >> terms[i] >> bytes;
      text.get();
      values[i].resize(bytes);
      if (!text.read(values[i].data(), static_cast<std::streamsize>(bytes))) {
        return absl::DataLossError("short state in " + directory);
      }
    }
    applied_ = flushed_ = applied;
    values_.swap(values);
    terms_.swap(terms);
    ++installs_;
    return absl::OkStatus();
  }
  absl::Status Clear() override {
    std::lock_guard lock(mu_);
    applied_ = flushed_ = 0;
    values_.clear();
    terms_.clear();
    ++clears_;
    return absl::OkStatus();
  }
  void OnLeader(uint64_t term) override {
    std::lock_guard lock(mu_);
    leads_ = term;
    // Every entry of earlier terms, and the one that opened this term, is applied.
    if (terms_.empty() || terms_.back() != term) ++wrong_leads_;
  }
  void OnFollower() override {
    std::lock_guard lock(mu_);
    leads_ = 0;
  }

  // As a crash does: what was not flushed is gone.
  void LoseUnflushed() {
    std::lock_guard lock(mu_);
    applied_ = flushed_;
    values_.resize(flushed_);
    terms_.resize(flushed_);
    leads_ = 0;
  }
  // What it holds is wrong from now on.
  void Tamper(const std::string& value) {
    std::lock_guard lock(mu_);
    if (!values_.empty()) values_.back() = value;
  }
  void FailOn(std::string value) {
    std::lock_guard lock(mu_);
    fail_on_ = std::move(value);
  }

  // Without the entries that are Raft's own.
  std::vector<std::string> Values() const {
    std::lock_guard lock(mu_);
    std::vector<std::string> values;
    for (const std::string& value : values_) {
      if (!value.empty()) values.push_back(value);
    }
    return values;
  }
  uint64_t leads() const {
    std::lock_guard lock(mu_);
    return leads_;
  }
  int wrong_leads() const {
    std::lock_guard lock(mu_);
    return wrong_leads_;
  }
  int installs() const {
    std::lock_guard lock(mu_);
    return installs_;
  }
  int clears() const {
    std::lock_guard lock(mu_);
    return clears_;
  }

 private:
  mutable std::mutex mu_;
  uint64_t applied_ = 0;
  uint64_t flushed_ = 0;
  uint64_t leads_ = 0;
  int wrong_leads_ = 0;
  int installs_ = 0;
  int clears_ = 0;
  std::vector<std::string> values_;
  std::vector<uint64_t> terms_;
  std::string fail_on_;
};

inline constexpr GroupId kGroup = 1;

class NodeCluster {
 public:
  // Nodes 1 to `size` are the first voters; the spares after them belong to no group yet.
  explicit NodeCluster(size_t size, size_t spares = 0)
      : base_(MakeDirectory()), network_(MakeLocalNetwork()) {
    for (NodeId id = 1; id <= size + spares; ++id) all_.push_back(id);
    voters_.assign(all_.begin(), all_.begin() + static_cast<ptrdiff_t>(size));
    machines_.resize(all_.size() + 1);
    nodes_.resize(all_.size() + 1);
    transports_.resize(all_.size() + 1);
    for (const NodeId id : all_) machines_[id] = std::make_unique<MemoryMachine>();
  }
  ~NodeCluster() {
    for (const NodeId id : all_) Kill(id);
    std::filesystem::remove_all(base_);
  }

  // Changes what nodes started from now on are made with.
  ReplicaNodeOptions options;
  NodeId condemned = 0;                   // starts with a state that is known to be wrong
  std::map<NodeId, const Clock*> clocks;  // the system's, if it has no other

  absl::Status Start(NodeId id) {
    ReplicaNodeOptions o = options;
    o.node_id = id;
    if (o.cluster_id.empty()) o.cluster_id = "0123456789abcdef";
    o.directory = Directory(id);
    if (o.voters.empty()) o.voters = voters_;
    o.tick_ms = 5;
    const Clock* clock = clocks.contains(id) ? clocks[id] : SystemClock::Get();
    transports_[id] = network_->MakeTransport(id);
    std::shared_ptr<ReplicaNode> node = MakeReplicaNode(o, transports_[id].get(), clock);
    node->AddGroup(kGroup, machines_[id].get());
    if (id == condemned) node->Rebuild(kGroup, absl::DataLossError("condemned"));
    const absl::Status started = node->Start();
    const std::lock_guard<std::mutex> lock(nodes_mu_);
    nodes_[id] = std::move(node);
    return started;
  }
  void StartAll() {
    for (const NodeId id : voters_) {
      if (!Start(id).ok()) throw std::runtime_error("a node does not start");
    }
  }
  void Kill(NodeId id) {
    std::shared_ptr<ReplicaNode> node;
    {
      const std::lock_guard<std::mutex> lock(nodes_mu_);
      node = std::move(nodes_[id]);
    }
    if (node != nullptr) node->Stop();  // another thread may be calling it
    transports_[id].reset();
  }
  // A new, empty state machine for the node's next start.
  void ForgetMachine(NodeId id) { machines_[id] = std::make_unique<MemoryMachine>(); }
  void KillAll() {
    for (const NodeId id : all_) Kill(id);
  }

  ReplicaNode& node(NodeId id) { return *nodes_[id]; }
  // Any thread; null: it does not run.
  std::shared_ptr<ReplicaNode> Running(NodeId id) const {
    const std::lock_guard<std::mutex> lock(nodes_mu_);
    return nodes_[id];
  }
  MemoryMachine& machine(NodeId id) { return *machines_[id]; }
  LocalNetwork& network() { return *network_; }
  const std::vector<NodeId>& voters() const { return voters_; }
  std::string Directory(NodeId id) const { return base_ + "/" + std::to_string(id); }
  void Isolate(NodeId id, bool cut) {
    for (const NodeId other : all_) {
      if (other != id) network_->SetCut(id, other, cut);
    }
  }

  // Waits for a condition that must come true; gives up only where a test would otherwise hang. A
  // disk that somebody else fills can hold up an fsync for half a minute.
  static bool Eventually(const std::function<bool()>& condition) {
    for (int i = 0; i < 120'000; ++i) {
      if (condition()) return true;
      std::this_thread::sleep_for(std::chrono::milliseconds(1));
    }
    return false;
  }

  // A running node whose state machine leads, other than `except`.
  NodeId WaitForLeader(NodeId except = 0) {
    NodeId leader = 0;
    Eventually([&] {
      for (const NodeId id : all_) {
        const std::shared_ptr<ReplicaNode> node = id == except ? nullptr : Running(id);
        if (node != nullptr && machines_[id]->leads() != 0 && node->Status(kGroup).is_leader) {
          leader = id;
        }
      }
      return leader != 0;
    });
    return leader;
  }

  absl::Status Propose(NodeId id, std::string value) {
    const std::shared_ptr<ReplicaNode> node = Running(id);
    if (node == nullptr) return absl::UnavailableError("killed");
    auto context = std::make_shared<TestContext>();
    node->Propose(kGroup, std::move(value), context);
    return context->Wait();
  }
  absl::Status Barrier(NodeId id) {
    std::promise<absl::Status> result;
    nodes_[id]->ReadBarrier(kGroup, [&](absl::Status s) { result.set_value(std::move(s)); });
    return result.get_future().get();
  }
  absl::Status Change(NodeId id, MemberChange change) {
    std::promise<absl::Status> result;
    Running(id)->ChangeMembers(kGroup, std::move(change),
                               [&](absl::Status s) { result.set_value(std::move(s)); });
    return result.get_future().get();
  }
  absl::Status Transfer(NodeId id, NodeId to) {
    std::promise<absl::Status> result;
    nodes_[id]->TransferLeadership(kGroup, to,
                                   [&](absl::Status s) { result.set_value(std::move(s)); });
    return result.get_future().get();
  }
  // The change that makes a running spare a member.
  MemberChange Adding(NodeId id, NodeId replaces = 0) {
    MemberChange change;
    change.add.set_node_id(id);
    change.add.set_incarnation(nodes_[id]->State().incarnation);
    change.add.set_replaces(replaces);
    return change;
  }
  bool WaitForVoters(NodeId id, const std::vector<NodeId>& voters) {
    return Eventually([&] {
      const GroupStatus status = nodes_[id]->Status(kGroup);
      return status.configuration_committed && status.configuration.voters == voters &&
             !status.configuration.joint() && status.configuration.learners.empty();
    });
  }
  bool WaitForValues(NodeId id, const std::vector<std::string>& values) {
    return Eventually([&] { return machines_[id]->Values() == values; });
  }
  // All voters come to hold the same, with `values` in it, in their order.
  bool WaitUntilInStep(const std::vector<std::string>& values) {
    return Eventually([&] {
      const auto held = machines_[voters_.front()]->Values();
      size_t found = 0;
      for (const std::string& value : held) {
        if (found < values.size() && value == values[found]) ++found;
      }
      if (found != values.size()) return false;
      return std::all_of(voters_.begin(), voters_.end(),
                         [&](NodeId id) { return machines_[id]->Values() == held; });
    });
  }

 private:
  static std::string MakeDirectory() {
    std::string pattern = (std::filesystem::temp_directory_path() / "openefs-node-XXXXXX").string();
    return mkdtemp(pattern.data());
  }

  const std::string base_;
  const std::unique_ptr<LocalNetwork> network_;
  std::vector<NodeId> all_;
  std::vector<NodeId> voters_;
  std::vector<std::unique_ptr<MemoryMachine>> machines_;
  std::vector<std::unique_ptr<Transport>> transports_;
  mutable std::mutex nodes_mu_;
  std::vector<std::shared_ptr<ReplicaNode>> nodes_;  // other threads look under the mutex
};

}  // namespace openefs::replication::testing
