// How fast a replica that is too far behind gets a snapshot, and how much memory that takes at both
// ends: three replicas in processes of their own, over sockets, a state of plain files, the log cut
// beyond what one of them has. Beside it: copying the same files with fsync on the same disk, which
// no snapshot can beat.
//
//   snapshot_bench [DIRECTORY [STATE_MIB [MIB_PER_SECOND]]]
#include <arpa/inet.h>
#include <netinet/in.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

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
#include "common/rpc/channel.h"
#include "replication/node/replica_node.h"

namespace openefs::replication {
namespace {

namespace fs = std::filesystem;

constexpr size_t kFileBytes = size_t{16} << 20;  // as a table of a large store
constexpr GroupId kGroup = 1;
constexpr NodeId kNodes = 3;

[[noreturn]] void Die(const std::string& what) {
  std::fprintf(stderr, "%s\n", what.c_str());
  std::exit(1);
}

double Seconds() { return static_cast<double>(SystemClock::Get()->MonotonicNs()) / 1e9; }

template <typename Condition>
void Await(Condition condition) {
  while (!condition()) std::this_thread::sleep_for(std::chrono::milliseconds(1));
}

// ---- a replica's process: answers questions on its standard input, one line each

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

// Of this process, in KiB: "VmRSS", or "VmHWM", its peak since ResetPeak.
long MemoryKib(const std::string& what) {
  std::ifstream status("/proc/self/status");
  for (std::string line; std::getline(status, line);) {
    if (line.starts_with(what + ":")) return std::atol(line.c_str() + what.size() + 1);
  }
  Die("no " + what);
}
void ResetPeak() { std::ofstream("/proc/self/clear_refs") << "5\n"; }

struct NodeArguments {
  NodeId id = 0;
  std::string base;
  uint64_t bytes_per_second = 0;
  std::vector<int> ports;
};

class Node {
 public:
  explicit Node(const NodeArguments& arguments) : machine_(arguments.base + "/state") {
    std::map<NodeId, std::string> peers;
    ReplicaNodeOptions options;
    for (NodeId id = 1; id <= kNodes; ++id) {
      options.voters.push_back(id);
      if (id != arguments.id) peers[id] = Address(arguments.ports[id - 1]);
    }
    options.node_id = arguments.id;
    options.cluster_id = "0123456789abcdef";
    options.directory = arguments.base + "/" + std::to_string(arguments.id);
    options.retain_log_bytes = 1 << 20;
    options.segment_bytes = options.flush_log_bytes = 1 << 20;
    options.snapshot_bytes_per_second = arguments.bytes_per_second;
    transport_ = MakeRpcTransport(server_.get(), arguments.id, peers);
    node_ = MakeReplicaNode(options, transport_.get(), SystemClock::Get());
    node_->AddGroup(kGroup, &machine_);
    ResetPeak();
    begin_kib_ = MemoryKib("VmRSS");
    if (auto status = server_->Start(Address(arguments.ports[arguments.id - 1])); !status.ok()) {
      Die(status.ToString());
    }
    if (auto status = node_->Start(); !status.ok()) Die(status.ToString());
  }
  ~Node() {
    node_.reset();
    server_->Stop();
  }

  // One number.
  long Answer(const std::string& question) {
    if (question == "leads") return machine_.leads() ? 1 : 0;
    if (question == "fall behind") return LeaveOthersBehind();
    if (question == "installed") {
      Await([&] { return machine_.installed(); });
      return 1;
    }
    if (question == "begin") {
      ResetPeak();
      return begin_kib_ = MemoryKib("VmRSS");
    }
    return MemoryKib("VmHWM") - begin_kib_;
  }

 private:
  static std::string Address(int port) { return "127.0.0.1:" + std::to_string(port); }

  // More log than is kept for who is away.
  long LeaveOthersBehind() {
    constexpr int kEntries = 200;
    std::atomic<int> left{kEntries};
    for (int i = 0; i < kEntries; ++i) {
      node_->Propose(kGroup, std::string(64 << 10, 'x'), std::make_shared<Proposal>(&left));
    }
    Await([&] { return left == 0 && node_->Status(kGroup).first_index > 20; });
    return 1;
  }

  FileMachine machine_;
  std::unique_ptr<rpc::Server> server_ = rpc::MakeServer();
  std::unique_ptr<Transport> transport_;
  std::unique_ptr<ReplicaNode> node_;
  long begin_kib_ = 0;
};

void RunNode(const NodeArguments& arguments) {
  Node node(arguments);
  char line[64];
  while (std::fgets(line, sizeof line, stdin) != nullptr) {
    std::string question = line;
    question.pop_back();
    std::printf("%ld\n", node.Answer(question));
    std::fflush(stdout);
  }
}

// ---- the process that measures

class NodeProcess {
 public:
  NodeProcess(const std::string& self, const NodeArguments& node) {
    std::vector<std::string> words = {self, "--node", std::to_string(node.id), node.base,
                                      std::to_string(node.bytes_per_second)};
    for (const int port : node.ports) words.push_back(std::to_string(port));
    int to_child[2];
    int from_child[2];
    if (::pipe(to_child) != 0 || ::pipe(from_child) != 0) Die("pipe");
    pid_ = ::fork();
    if (pid_ == 0) {
      std::vector<char*> argv;
      for (std::string& word : words) argv.push_back(word.data());
      argv.push_back(nullptr);
      ::dup2(to_child[0], STDIN_FILENO);
      ::dup2(from_child[1], STDOUT_FILENO);
      for (const int fd : {to_child[0], to_child[1], from_child[0], from_child[1]}) ::close(fd);
      ::execv(self.c_str(), argv.data());
      ::_exit(1);
    }
    ::close(to_child[0]);
    ::close(from_child[1]);
    to_ = ::fdopen(to_child[1], "w");
    from_ = ::fdopen(from_child[0], "r");
  }
  ~NodeProcess() {
    ::kill(pid_, SIGKILL);
    ::waitpid(pid_, nullptr, 0);
    std::fclose(to_);
    std::fclose(from_);
  }

  long Ask(const char* question) {
    std::fprintf(to_, "%s\n", question);
    std::fflush(to_);
    long answer = 0;
    if (std::fscanf(from_, "%ld", &answer) != 1) Die("a replica has ended");
    return answer;
  }

 private:
  pid_t pid_ = -1;
  FILE* to_ = nullptr;
  FILE* from_ = nullptr;
};

int FreePort() {
  const int fd = ::socket(AF_INET, SOCK_STREAM, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t length = sizeof address;
  if (::bind(fd, reinterpret_cast<sockaddr*>(&address), length) != 0 ||
      ::getsockname(fd, reinterpret_cast<sockaddr*>(&address), &length) != 0) {
    Die("no port");
  }
  ::close(fd);
  return ntohs(address.sin_port);
}

void WriteState(const std::string& directory, size_t bytes) {
  fs::create_directories(directory);
  std::string block(kFileBytes, '\0');
  for (size_t i = 0; i < block.size(); ++i) block[i] = static_cast<char>(i * 2654435761u >> 13);
  for (size_t n = 0; n * kFileBytes < bytes; ++n) {
    block.replace(0, sizeof n, reinterpret_cast<const char*>(&n), sizeof n);
    if (!WriteFileDurably(directory + "/" + std::to_string(n) + ".sst", block).ok()) {
      Die("cannot write the state");
    }
  }
}

NodeId WaitForLeader(std::vector<std::unique_ptr<NodeProcess>>& nodes) {
  while (true) {
    for (NodeId id = 1; id <= kNodes; ++id) {
      if (nodes[id] != nullptr && nodes[id]->Ask("leads") == 1) return id;
    }
    std::this_thread::sleep_for(std::chrono::milliseconds(10));
  }
}

void Run(const std::string& self, const std::string& base, size_t state_bytes,
         uint64_t bytes_per_second) {
  WriteState(base + "/state", state_bytes);
  double begin = Seconds();
  const auto copied =
      CloneDirectory(base + "/state", base + "/copy", [](std::string_view) { return false; });
  if (!copied.ok()) Die(copied.ToString());
  const double mib = static_cast<double>(state_bytes) / (1 << 20);
  std::printf("%-32s %8.0f MiB/s\n", "copy with fsync", mib / (Seconds() - begin));
  fs::remove_all(base + "/copy");

  NodeArguments arguments{0, base, bytes_per_second, {FreePort(), FreePort(), FreePort()}};
  std::vector<std::unique_ptr<NodeProcess>> nodes(kNodes + 1);
  for (arguments.id = 1; arguments.id <= kNodes; ++arguments.id) {
    nodes[arguments.id] = std::make_unique<NodeProcess>(self, arguments);
  }
  arguments.id = WaitForLeader(nodes) % kNodes + 1;
  nodes[arguments.id].reset();
  NodeProcess& leader = *nodes[WaitForLeader(nodes)];
  leader.Ask("fall behind");
  leader.Ask("begin");
  begin = Seconds();
  NodeProcess receiver(self, arguments);
  receiver.Ask("installed");
  std::printf("%-32s %8.0f MiB/s\n", "snapshot, start to installed", mib / (Seconds() - begin));
  std::printf("%-32s %8.1f MiB\n", "sender's memory grew by at most",
              static_cast<double>(leader.Ask("peak")) / 1024);
  std::printf("%-32s %8.1f MiB\n", "receiver's memory grew by at most",
              static_cast<double>(receiver.Ask("peak")) / 1024);
}

}  // namespace
}  // namespace openefs::replication

int main(int argc, char** argv) {
  using openefs::replication::NodeArguments;
  openefs::SetLogLevel(openefs::LogLevel::kError);
  if (argc == 8 && std::string(argv[1]) == "--node") {
    NodeArguments node{static_cast<openefs::NodeId>(std::atoi(argv[2])),
                       argv[3],
                       static_cast<uint64_t>(std::atoll(argv[4])),
                       {}};
    for (int i = 5; i < argc; ++i) node.ports.push_back(std::atoi(argv[i]));
    openefs::replication::RunNode(node);
    return 0;
  }
  std::string base = argc > 1 ? argv[1] : "/tmp";
  base += "/openefs-snapshot-bench-XXXXXX";
  const size_t state = static_cast<size_t>(argc > 2 ? std::atoi(argv[2]) : 1024) << 20;
  const uint64_t rate = static_cast<uint64_t>(argc > 3 ? std::atoi(argv[3]) : 4096) << 20;
  if (::mkdtemp(base.data()) == nullptr || state == 0) return 1;
  openefs::replication::Run(std::filesystem::read_symlink("/proc/self/exe"), base, state, rate);
  std::filesystem::remove_all(base);
  return 0;
}
