// Proposals, read barriers and reads under a lease through three replicas in this process, with
// real fsync, beside what fdatasync alone does on the same disk in the same run. The last column is
// processor time of all three replicas for one operation, which a busy machine changes least.
//
//   raft_bench [DIRECTORY [SECONDS_PER_ROW [barriers|leases]]]
//
// Without the last word: proposals, then barriers, then leases.
#include <fcntl.h>
#include <time.h>
#include <unistd.h>

#include <algorithm>
#include <condition_variable>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "absl/strings/numbers.h"
#include "bench/null_machine.h"
#include "common/log.h"
#include "replication/node/replica_node.h"

namespace openefs::replication {
namespace {

constexpr size_t kPayloadBytes = 256;  // a typical metadata operation

int64_t NowNs() { return SystemClock::Get()->MonotonicNs(); }

int64_t ProcessNs() {
  timespec now;
  clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
  return int64_t{now.tv_sec} * 1'000'000'000 + now.tv_nsec;
}

// Latencies of one row; operations report from threads of the node.
class Row {
 public:
  explicit Row(int64_t end_ns) : end_ns_(end_ns) {}

  // False once the time is over.
  bool Done(int64_t begin_ns) {
    const int64_t now = NowNs();
    std::lock_guard lock(mu_);
    latencies_.push_back(now - begin_ns);
    if (now < end_ns_) return true;
    if (--outstanding_ == 0) over_.notify_all();
    return false;
  }
  void Begin(int depth) {
    outstanding_ = depth;
    begin_ns_ = NowNs();
    begin_cpu_ns_ = ProcessNs();
  }
  void Print(const char* name, int depth) {
    std::unique_lock lock(mu_);
    over_.wait(lock, [&] { return outstanding_ == 0; });
    std::sort(latencies_.begin(), latencies_.end());
    const double seconds = static_cast<double>(NowNs() - begin_ns_) / 1e9;
    const double cpu_us = static_cast<double>(ProcessNs() - begin_cpu_ns_) / 1e3;
    const auto count = static_cast<double>(latencies_.size());
    std::printf("%-14s %6d %12.0f %9.0f %9.0f %9.0f %9.1f\n", name, depth, count / seconds, Us(0.5),
                Us(0.99), Us(0.999), cpu_us / count);
  }

 private:
  double Us(double quantile) const {
    const auto last = static_cast<double>(latencies_.size() - 1);
    return static_cast<double>(latencies_[static_cast<size_t>(quantile * last)]) / 1e3;
  }

  const int64_t end_ns_;
  int64_t begin_ns_ = 0;
  int64_t begin_cpu_ns_ = 0;
  std::mutex mu_;
  std::condition_variable over_;
  std::vector<int64_t> latencies_;
  int outstanding_ = 0;
};

// Proposes again as soon as it is answered.
class Proposer final : public ProposalContext, public std::enable_shared_from_this<Proposer> {
 public:
  Proposer(ReplicaNode* node, Row* row) : node_(node), row_(row) {}
  void Propose() {
    begin_ns_ = NowNs();
    node_->Propose(1, std::string(kPayloadBytes, 'x'), shared_from_this());
  }
  void OnApplied() override {
    if (row_->Done(begin_ns_)) Propose();
  }
  void OnDropped(const absl::Status& why) override {
    std::fprintf(stderr, "dropped: %s\n", std::string(why.message()).c_str());
    std::exit(1);
  }

 private:
  ReplicaNode* const node_;
  Row* const row_;
  int64_t begin_ns_ = 0;
};

void Read(ReplicaNode* node, Row* row) {
  node->ReadBarrier(1, [node, row, begin = NowNs()](absl::Status status) {
    if (!status.ok()) std::exit(1);
    if (row->Done(begin)) Read(node, row);
  });
}

// What bounds a log: small writes one after the other, each made durable. In place: where there are
// zeros already, as in a segment of the log, which spares the file system a record of its own.
void BenchSync(const std::string& directory, int seconds, bool in_place) {
  const std::string path = directory + "/sync";
  const int fd = ::open(path.c_str(), O_RDWR | O_CREAT | O_TRUNC, 0600);
  if (in_place) {
    const std::string zeros(size_t{16} << 20, '\0');
    if (::pwrite(fd, zeros.data(), zeros.size(), 0) < 0 || ::fsync(fd) != 0) std::exit(1);
  }
  const std::string block(kPayloadBytes + 64, 'x');
  off_t offset = 0;
  Row row(NowNs() + seconds * 1'000'000'000LL);
  row.Begin(1);
  int64_t begin;
  do {
    begin = NowNs();
    if (::pwrite(fd, block.data(), block.size(), offset) < 0 || ::fdatasync(fd) != 0) std::exit(1);
    offset += static_cast<off_t>(block.size());
  } while (row.Done(begin));
  ::close(fd);
  row.Print(in_place ? "fdatasync" : "sync, append", 1);
}

struct Replicas {
  Replicas(const std::string& directory, bool leases) : network(MakeLocalNetwork()), machines(3) {
    std::filesystem::create_directories(directory);
    for (NodeId id = 1; id <= 3; ++id) {
      ReplicaNodeOptions options;
      options.node_id = id;
      options.cluster_id = "0123456789abcdef";
      options.directory = directory + "/" + std::to_string(id);
      options.voters = {1, 2, 3};
      options.read_leases = leases;
      transports.push_back(network->MakeTransport(id));
      nodes.push_back(MakeReplicaNode(options, transports.back().get(), SystemClock::Get()));
      nodes.back()->AddGroup(1, &machines[id - 1]);
      if (const auto status = nodes.back()->Start(); !status.ok()) {
        std::fprintf(stderr, "%s\n", std::string(status.message()).c_str());
        std::exit(1);
      }
    }
  }
  ReplicaNode* WaitForLeader() {
    while (true) {
      for (size_t i = 0; i < 3; ++i) {
        if (machines[i].leads()) return nodes[i].get();
      }
      std::this_thread::sleep_for(std::chrono::milliseconds(10));
    }
  }

  std::unique_ptr<LocalNetwork> network;
  std::vector<NullMachine> machines;
  std::vector<std::unique_ptr<Transport>> transports;
  std::vector<std::unique_ptr<ReplicaNode>> nodes;
};

void BenchProposals(ReplicaNode* leader, int depth, int seconds) {
  Row row(NowNs() + seconds * 1'000'000'000LL);
  row.Begin(depth);
  for (int i = 0; i < depth; ++i) std::make_shared<Proposer>(leader, &row)->Propose();
  row.Print("propose", depth);
}

void BenchReads(const char* name, ReplicaNode* leader, int depth, int seconds) {
  Row row(NowNs() + seconds * 1'000'000'000LL);
  row.Begin(depth);
  for (int i = 0; i < depth; ++i) Read(leader, &row);
  row.Print(name, depth);
}

void Run(const std::string& directory, int seconds, const std::string& only) {
  std::printf("%-14s %6s %12s %9s %9s %9s %9s\n", "", "depth", "per second", "p50 us", "p99 us",
              "p99.9 us", "cpu us");
  if (only.empty()) {
    BenchSync(directory, seconds, false);
    BenchSync(directory, seconds, true);
    Replicas replicas(directory + "/proposals", false);
    ReplicaNode* leader = replicas.WaitForLeader();
    for (const int depth : {1, 16, 256, 4096}) BenchProposals(leader, depth, seconds);
    BenchSync(directory, seconds, true);
  }
  for (const std::string reads : {"barriers", "leases"}) {
    if (!only.empty() && only != reads) continue;
    const bool leases = reads == "leases";
    Replicas replicas(directory + "/" + reads, leases);
    ReplicaNode* leader = replicas.WaitForLeader();
    for (const int depth : {1, 16, 256}) {
      BenchReads(leases ? "read, lease" : "read, barrier", leader, depth, seconds);
    }
  }
}

}  // namespace
}  // namespace openefs::replication

int main(int argc, char** argv) {
  openefs::SetLogLevel(openefs::LogLevel::kWarning);
  int seconds = 2;
  if (argc > 2 && !absl::SimpleAtoi(argv[2], &seconds)) return 1;
  std::string directory =
      argc > 1 ? argv[1] : (std::filesystem::temp_directory_path() / "raft-bench-XXXXXX").string();
  if (argc <= 1 && mkdtemp(directory.data()) == nullptr) return 1;
  std::filesystem::create_directories(directory);
  openefs::replication::Run(directory, seconds, argc > 3 ? argv[3] : "");
  if (argc <= 1) std::filesystem::remove_all(directory);
}
