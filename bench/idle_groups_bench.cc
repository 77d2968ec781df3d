// What idle groups cost: processor time of three nodes in this process with many groups in which
// nothing happens, in percent of one core.
//
//   idle_groups_bench [GROUPS [SECONDS]]
#include <time.h>

#include <cstdio>
#include <filesystem>
#include <memory>
#include <thread>
#include <vector>

#include "absl/strings/numbers.h"
#include "bench/null_machine.h"
#include "common/log.h"
#include "replication/node/replica_node.h"

namespace openefs::replication {
namespace {

double ProcessSeconds() {
  timespec now;
  clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
  return static_cast<double>(now.tv_sec) + static_cast<double>(now.tv_nsec) / 1e9;
}

int Count(const ReplicaNode& node, int groups, bool (*what)(const GroupStatus&)) {
  int count = 0;
  for (int group = 1; group <= groups; ++group) {
    if (what(node.Status(static_cast<GroupId>(group)))) ++count;
  }
  return count;
}

double Measure(const char* name, int seconds) {
  const double before = ProcessSeconds();
  std::this_thread::sleep_for(std::chrono::seconds(seconds));
  const double percent = (ProcessSeconds() - before) / seconds * 100;
  std::printf("%-34s %6.2f %% of a core\n", name, percent);
  return percent;
}

void Run(const std::string& directory, int groups, int seconds) {
  const std::unique_ptr<LocalNetwork> network = MakeLocalNetwork();
  std::vector<std::vector<NullMachine>> machines(3);
  for (auto& of_node : machines) of_node = std::vector<NullMachine>(static_cast<size_t>(groups));
  std::vector<std::unique_ptr<Transport>> transports;
  std::vector<std::unique_ptr<ReplicaNode>> nodes;
  for (NodeId id = 1; id <= 3; ++id) {
    ReplicaNodeOptions options;
    options.node_id = id;
    options.cluster_id = "0123456789abcdef";
    options.directory = directory + "/" + std::to_string(id);
    options.voters = {1, 2, 3};
    transports.push_back(network->MakeTransport(id));
    nodes.push_back(MakeReplicaNode(options, transports.back().get(), SystemClock::Get()));
    for (int group = 1; group <= groups; ++group) {
      nodes.back()->AddGroup(static_cast<GroupId>(group),
                             &machines[id - 1][static_cast<size_t>(group - 1)]);
    }
    if (const auto status = nodes.back()->Start(); !status.ok()) {
      std::fprintf(stderr, "%s\n", std::string(status.message()).c_str());
      std::exit(1);
    }
  }
  const auto quiet = [&] {
    int count = 0;
    for (auto& node : nodes) count += Count(*node, groups, [](auto& s) { return s.quiet; });
    return count;
  };
  int waited = 0;
  while (quiet() < 3 * groups) {
    std::this_thread::sleep_for(std::chrono::milliseconds(500));
    if (++waited % 20 == 0) std::printf("quiet: %d of %d\n", quiet(), 3 * groups);
  }
  std::printf("%d groups on 3 nodes\n", groups);
  std::fflush(stdout);
  Measure("all quiet", seconds);
  nodes[2].reset();
  std::this_thread::sleep_for(std::chrono::seconds(5));
  Measure("one node dead, 5 s later", seconds);
}

}  // namespace
}  // namespace openefs::replication

int main(int argc, char** argv) {
  openefs::SetLogLevel(openefs::LogLevel::kError);
  int groups = 1000;
  int seconds = 10;
  if (argc > 1 && !absl::SimpleAtoi(argv[1], &groups)) return 1;
  if (argc > 2 && !absl::SimpleAtoi(argv[2], &seconds)) return 1;
  std::string directory =
      (std::filesystem::temp_directory_path() / "idle-groups-bench-XXXXXX").string();
  if (mkdtemp(directory.data()) == nullptr) return 1;
  openefs::replication::Run(directory, groups, seconds);
  std::filesystem::remove_all(directory);
}
