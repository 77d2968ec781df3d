#include "tests/sim/cluster.h"

#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <utility>

#include "absl/strings/str_cat.h"
#include "metadata/store/check.h"
#include "tests/sim/checkers/linearizability.h"
#include "tests/sim/checkers/log_matching.h"
#include "tests/sim/faults/fault.h"

namespace openefs::sim {
namespace {

constexpr int64_t kMinute = 60 * kSecond;

// Within these a cluster that nothing is wrong with must be ready, and have done what was left.
constexpr int64_t kSetUpLimit = 30 * kSecond;
constexpr int64_t kLivenessLimit = 60 * kSecond;

// Operations of each slot after everything was mended: what works again, works.
constexpr int kLastOperations = 2;

// How soon somebody looks at a process that can no longer write its log, and starts it again.
constexpr int64_t kSupervision = 500 * kMs;

// Of crashes, in thousandths: those are what logs are made for.
constexpr int64_t kCrashesInAWrite = 600;

constexpr int64_t kLogMatchingEvery = 200 * kMs;

// A directory in memory, where there is one: logs are written and read back a lot.
std::string MakeDirectory() {
  const bool shm = std::filesystem::is_directory("/dev/shm");
  std::string name = shm ? "/dev/shm" : std::filesystem::temp_directory_path().string();
  name += "/openefs-sim-XXXXXX";
  if (::mkdtemp(name.data()) == nullptr) throw Violation("cannot make a directory " + name);
  return name;
}

}  // namespace

Cluster::Cluster(const SimOptions& options, const std::string& directory) : env_(options) {
  std::vector<NodeId> voters;
  for (NodeId id = 1; id <= static_cast<NodeId>(options.nodes); ++id) voters.push_back(id);
  const auto find = [this](NodeId id) { return Find(id); };
  for (const NodeId id : voters) {
    nodes_.push_back(std::make_unique<SimNode>(id, voters, directory, &env_, find));
    SimNode* node = nodes_.back().get();
    node->crash_for_a_while = [this, node] {
      if (env_.faulty) CrashForAWhile(*node);
    };
  }
  for (uint32_t i = 0; i < static_cast<uint32_t>(options.front_ends); ++i) {
    front_ends_.push_back(std::make_unique<FrontEnd>(i, &env_, &nodes_));
  }
  for (uint32_t i = 0; i < static_cast<uint32_t>(options.clients); ++i) {
    clients_.push_back(std::make_unique<NfsClient>(i, &env_, &front_ends_));
  }
}

Cluster::~Cluster() { env_.scheduler.Clear(); }

void Cluster::Run() {
  SetUp();
  SafetyPhase();
  LivenessPhase();
  FinalChecks();
}

// ---- before the faults

void Cluster::SetUp() {
  for (const auto& node : nodes_) node->Start();
  FormatFileSystem();
  RunUntil("the cluster is ready", kSetUpLimit, [this] { return connected_ == clients_.size(); });
  MakeWorkers();
}

// The first client makes what all of them use.
void Cluster::FormatFileSystem() {
  pb::SegmentRequest request;
  request.set_group(kFirstNamespaceGroup);
  request.add_operations()->mutable_format_file_system()->set_fs_id(kFileSystem);
  clients_[0]->Ask(std::move(request), [this](const pb::SegmentResponse&) {
    clients_[0]->Connect([this] { MakeDomains(0); });
  });
}

// One directory after the other.
void Cluster::MakeDomains(size_t made) {
  if (made == 2 * static_cast<size_t>(env_.options.domains)) return ConnectClients();
  domains_.resize(made / 2 + 1);
  pb::SegmentRequest request;
  request.set_group(kFirstNamespaceGroup);
  request.add_operations()->mutable_put_root()->set_fs_id(kFileSystem);
  pb::Create* create = request.add_operations()->mutable_create();
  create->set_type(pb::DIRECTORY);
  create->set_name("domain " + std::to_string(made));
  create->mutable_attributes()->set_mode(0755);
  request.add_operations()->mutable_get_file();
  clients_[0]->UseSlot(0, static_cast<uint32_t>(made) + 1, &request);
  clients_[0]->Ask(std::move(request), [this, made](const pb::SegmentResponse& response) {
    domains_[made / 2].directories[made % 2] = response.registers().current();
    MakeDomains(made + 1);
  });
}

void Cluster::ConnectClients() {
  ++connected_;
  for (size_t i = 1; i < clients_.size(); ++i) clients_[i]->Connect([this] { ++connected_; });
}

void Cluster::MakeWorkers() {
  histories_.of_domain.resize(domains_.size());
  uint32_t owner = 1;
  for (const auto& client : clients_) {
    for (uint32_t slot = 1; slot <= static_cast<uint32_t>(env_.options.slots); ++slot) {
      workers_.push_back(
          std::make_unique<Worker>(client.get(), slot, owner++, &env_, &domains_, &histories_));
      workers_.back()->Start();
    }
  }
}

// ---- faults

void Cluster::SafetyPhase() {
  env_.faulty = true;
  env_.network.SetFaulty(true);
  ScheduleFaults();
  Supervise();
  const int64_t end_ns = env_.scheduler.now_ns() + env_.options.safety_ms * kMs;
  while (env_.scheduler.now_ns() < end_ns) {
    env_.scheduler.RunUntil(std::min(end_ns, env_.scheduler.now_ns() + kLogMatchingEvery));
    CheckLogs();
  }
}

void Cluster::ScheduleFaults() {
  for (size_t i = 0; i < AllFaults().size(); ++i) Schedule(i);
}

void Cluster::Schedule(size_t fault) {
  const FaultKind& kind = AllFaults()[fault];
  const int64_t per_minute = env_.options.*kind.per_minute;
  if (per_minute == 0) return;
  env_.scheduler.After(env_.random.Exponential(kMinute / per_minute), [this, fault] {
    if (!env_.faulty) return;
    AllFaults()[fault].strike(*this);
    Schedule(fault);
  });
}

void Cluster::StrikeDown(SimNode& node) {
  if (!env_.random.Chance(kCrashesInAWrite)) return CrashForAWhile(node);
  node.InNextWrite(node.crash_for_a_while);
}

void Cluster::CrashForAWhile(SimNode& node) {
  if (!node.up()) return;
  node.Crash();
  env_.scheduler.After(env_.random.Exponential(env_.options.down_ms * kMs),
                       [this, &node] { Restart(node); });
}

void Cluster::Restart(SimNode& node) {
  node.Start(env_.faulty && env_.random.Chance(env_.options.crashes_in_start));
}

void Cluster::Supervise() {
  for (const auto& node : nodes_) {
    if (node->up() && node->process()->failed()) CrashForAWhile(*node);
    // One that met a fault when it started.
    if (!node->up() && !node->refused() && env_.random.Chance(200)) Restart(*node);
  }
  env_.scheduler.After(kSupervision, [this] { Supervise(); });
}

SimNode* Cluster::Find(NodeId id) {
  const auto found = std::find_if(nodes_.begin(), nodes_.end(),
                                  [id](const auto& node) { return node->id() == id; });
  return found == nodes_.end() ? nullptr : found->get();
}

SimNode* Cluster::Leader() {
  for (const auto& node : nodes_) {
    if (node->leads()) return node.get();
  }
  return nullptr;
}

std::vector<Address> Cluster::Addresses() const {
  std::vector<Address> addresses;
  for (const auto& node : nodes_) addresses.push_back(node->id());
  for (const auto& front_end : front_ends_) addresses.push_back(front_end->address());
  return addresses;
}

void Cluster::CheckLogs() const {
  std::vector<const replication::raft::Raft*> cores;
  for (const auto& node : nodes_) {
    if (node->up()) cores.push_back(&node->process()->group()->core());
  }
  CheckLogMatching(cores);
}

// ---- after the faults

void Cluster::LivenessPhase() {
  Heal();
  for (const auto& worker : workers_) worker->FinishAfter(kLastOperations);
  const auto all_done = [this] { return AllDone(); };
  RunUntil("everything is answered and applied", kLivenessLimit, all_done);
}

void Cluster::Heal() {
  env_.faulty = false;
  env_.network.SetFaulty(false);
  for (const auto& node : nodes_) {
    node->log.full = node->log.fail_syncs = false;
    node->disk_slowness = 1;
    node->clock.SetDrift(0);
    node->Resume();
    if (node->up() && node->process()->failed()) node->Crash();
    node->Start();
  }
}

bool Cluster::AllDone() const {
  const auto done = [](const auto& worker) { return worker->done(); };
  if (!std::all_of(workers_.begin(), workers_.end(), done)) return false;
  const uint64_t last = env_.checkers.committed().last_index();
  return std::all_of(nodes_.begin(), nodes_.end(), [last](const auto& node) {
    return node->refused() || (node->up() && node->process()->Status(kGroup).applied_index == last);
  });
}

void Cluster::RunUntil(const char* goal, int64_t limit_ns, const std::function<bool()>& reached) {
  constexpr int64_t kStep = 50 * kMs;
  const int64_t end_ns = env_.scheduler.now_ns() + limit_ns;
  while (!reached()) {
    if (env_.scheduler.now_ns() >= end_ns) {
      throw Violation(absl::StrCat("liveness: not within ", limit_ns / kSecond, " s: ", goal));
    }
    env_.scheduler.RunUntil(env_.scheduler.now_ns() + kStep);
  }
}

void Cluster::FinalChecks() {
  CheckLogs();
  ReferenceStore& reference = env_.checkers.reference();
  for (const auto& node : nodes_) {
    if (!node->up()) continue;
    CheckSameContent(node->id(), node->kv.content(), reference.content());
    env_.counts.Add("stores compared byte by byte");
  }
  const metadata::CheckReport report = metadata::CheckStore(*reference.engine().Snapshot());
  if (!report.Clean()) throw Violation("the store is not sound: " + report.problems.front());
  for (const History& history : histories_.of_domain) {
    const LinearizabilityResult result = CheckLinearizability(history);
    if (!result.linearizable) throw Violation("linearizability: " + result.why);
    env_.counts.Add("operations linearized", history.size());
  }
  env_.counts.Add("copies without effect", reference.exactly_once().repeats());
}

RunResult RunSeed(const SimOptions& options) {
  const std::string directory = MakeDirectory();
  RunResult result;
  {
    Cluster cluster(options, directory);
    try {
      cluster.Run();
    } catch (const Violation& violation) {
      result.violation = violation.what();
    }
    Environment& env = cluster.env();
    env.counts.Add("seconds of virtual time",
                   static_cast<uint64_t>(env.scheduler.now_ns() / kSecond));
    result.hash = env.scheduler.hash();
    result.events = env.scheduler.events();
    result.counts = env.counts;
  }
  std::error_code ignored;
  std::filesystem::remove_all(directory, ignored);
  return result;
}

}  // namespace openefs::sim
