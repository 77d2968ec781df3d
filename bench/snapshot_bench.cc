// How fast a replica that is too far behind gets a snapshot: three replicas in this process, a
// state of plain files, the log cut beyond what the third one has. Beside it: copying the same
// files with fsync on the same disk, which no snapshot can beat.
//
//   snapshot_bench [DIRECTORY [STATE_MIB [MIB_PER_SECOND]]]
#include <atomic>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "bench/null_machine.h"
#include "common/files.h"
#include "common/log.h"
#include "replication/node/replica_node.h"

namespace openefs::replication {
namespace {

namespace fs = std::filesystem;

constexpr size_t kFileBytes = size_t{16} << 20;  // as a table of a large store
constexpr GroupId kGroup = 1;

// Its state is a directory of files that never change, as tables do not, and the applied index.
class FileMachine final : public NullMachine {
 public:
  explicit FileMachine(std::string directory) : directory_(std::move(directory)) {}

  absl::StatusOr<uint64_t> Checkpoint(const std::string& directory) override {
    auto status = CloneDirectory(directory_, directory, [](std::string_view) { return true; });
    if (!status.ok()) return status;
    return WriteApplied(directory);
  }
  absl::Status Install(const std::string& directory) override {
    absl::Status status = NullMachine::Install(directory);
    installed_ = status.ok();
    return status;
  }
  bool installed() const { return installed_; }

 private:
  const std::string directory_;
  std::atomic<bool> installed_{false};
};

class Proposal final : public ProposalContext {
 public:
  explicit Proposal(std::atomic<int>* left) : left_(left) {}
  void OnApplied() override { --*left_; }
  void OnDropped(const absl::Status&) override { --*left_; }

 private:
  std::atomic<int>* const left_;
};

double Seconds() { return static_cast<double>(SystemClock::Get()->MonotonicNs()) / 1e9; }

void Await(const std::function<bool()>& condition) {
  while (!condition()) std::this_thread::sleep_for(std::chrono::milliseconds(1));
}

struct Bench {
  std::string base;
  uint64_t bytes_per_second = 0;
  std::unique_ptr<LocalNetwork> network = MakeLocalNetwork();
  std::vector<std::unique_ptr<FileMachine>> machines{4};
  std::vector<std::unique_ptr<Transport>> transports{4};
  std::vector<std::unique_ptr<ReplicaNode>> nodes{4};

  void Start(NodeId id) {
    ReplicaNodeOptions options;
    options.node_id = id;
    options.cluster_id = "0123456789abcdef";
    options.directory = base + "/" + std::to_string(id);
    options.voters = {1, 2, 3};
    options.retain_log_bytes = 1 << 20;
    options.segment_bytes = options.flush_log_bytes = 1 << 20;
    options.snapshot_bytes_per_second = bytes_per_second;
    transports[id] = network->MakeTransport(id);
    nodes[id] = MakeReplicaNode(options, transports[id].get(), SystemClock::Get());
    nodes[id]->AddGroup(kGroup, machines[id].get());
    const absl::Status started = nodes[id]->Start();
    if (started.ok()) return;
    std::fprintf(stderr, "%s\n", started.ToString().c_str());
    std::exit(1);
  }
  NodeId Leader() {
    for (const NodeId id : {1, 2, 3}) {
      if (nodes[id] != nullptr && machines[id]->leads()) return id;
    }
    return 0;
  }
};

void WriteState(const std::string& directory, size_t bytes) {
  fs::create_directories(directory);
  std::string block(kFileBytes, '\0');
  for (size_t i = 0; i < block.size(); ++i) block[i] = static_cast<char>(i * 2654435761u >> 13);
  for (size_t n = 0; n * kFileBytes < bytes; ++n) {
    block[0] = static_cast<char>(n);
    if (!WriteFileDurably(directory + "/" + std::to_string(n) + ".sst", block).ok()) std::exit(1);
  }
}

void Run(const std::string& base, size_t state_bytes, uint64_t bytes_per_second) {
  WriteState(base + "/state", state_bytes);
  double begin = Seconds();
  const auto copied =
      CloneDirectory(base + "/state", base + "/copy", [](std::string_view) { return false; });
  if (!copied.ok()) std::exit(1);
  const double mib = static_cast<double>(state_bytes) / (1 << 20);
  std::printf("%-28s %8.0f MiB/s\n", "copy with fsync", mib / (Seconds() - begin));
  fs::remove_all(base + "/copy");

  Bench bench{base, bytes_per_second};
  for (const NodeId id : {1, 2, 3}) {
    bench.machines[id] = std::make_unique<FileMachine>(base + "/state");
    bench.Start(id);
  }
  Await([&] { return bench.Leader() != 0; });
  const NodeId away = bench.Leader() % 3 + 1;
  bench.nodes[away].reset();
  bench.transports[away].reset();
  std::atomic<int> left{200};
  for (int i = 0; i < 200; ++i) {
    bench.nodes[bench.Leader()]->Propose(kGroup, std::string(64 << 10, 'x'),
                                         std::make_shared<Proposal>(&left));
  }
  Await([&] { return left == 0; });
  const NodeId leader = bench.Leader();
  Await([&] { return bench.nodes[leader]->Status(kGroup).first_index > 20; });
  begin = Seconds();
  bench.Start(away);
  Await([&] { return bench.machines[away]->installed(); });
  std::printf("%-28s %8.0f MiB/s\n", "snapshot, start to installed", mib / (Seconds() - begin));
  for (auto& node : bench.nodes) node.reset();
}

}  // namespace
}  // namespace openefs::replication

int main(int argc, char** argv) {
  openefs::SetLogLevel(openefs::LogLevel::kError);
  std::string base = argc > 1 ? argv[1] : "/tmp";
  base += "/openefs-snapshot-bench-XXXXXX";
  const size_t state = static_cast<size_t>(argc > 2 ? std::atoi(argv[2]) : 1024) << 20;
  const uint64_t rate = static_cast<uint64_t>(argc > 3 ? std::atoi(argv[3]) : 4096) << 20;
  if (::mkdtemp(base.data()) == nullptr || state == 0) return 1;
  openefs::replication::Run(base, state, rate);
  std::filesystem::remove_all(base);
  return 0;
}
