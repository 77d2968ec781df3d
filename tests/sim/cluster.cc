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

Cluster::Cluster(const SimOptions& options, const std::string& directory)
    : env_(options), directory_(directory) {
  for (int64_t i = 0; i < options.nodes; ++i) MakeNode();
  for (uint32_t i = 0; i < static_cast<uint32_t>(options.front_ends); ++i) {
    front_ends_.push_back(std::make_unique<FrontEnd>(i, &env_, &nodes_));
  }
  for (uint32_t i = 0; i < static_cast<uint32_t>(options.clients); ++i) {
    clients_.push_back(std::make_unique<NfsClient>(i, &env_, &front_ends_));
  }
}

SimNode& Cluster::MakeNode() {
  std::vector<NodeId> first_voters;
  for (int64_t id = 1; id <= env_.options.nodes; ++id) {
    first_voters.push_back(static_cast<NodeId>(id));
  }
  nodes_.push_back(std::make_unique<SimNode>(static_cast<NodeId>(nodes_.size() + 1), first_voters,
                                             directory_, &env_,
                                             [this](NodeId id) { return Find(id); }));
  SimNode* node = nodes_.back().get();
  node->crash_for_a_while = [this, node] {
    if (env_.faulty) CrashForAWhile(*node);
  };
  return *node;
}

SimNode& Cluster::AddNode() {
  SimNode& node = MakeNode();
  node.Start();
  return node;
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
  domains_.resize(static_cast<size_t>(env_.options.domains));
  for (size_t i = 0; i < env_.checkers.size(); ++i) FormatFileSystem(clients_[i].get());
  RunUntil("the cluster is ready", kSetUpLimit, [this] { return connected_ == clients_.size(); });
  MakeWorkers();
}

// The first client of each group makes what all of the group use.
void Cluster::FormatFileSystem(NfsClient* client) {
  pb::SegmentRequest request;
  request.set_group(client->group());
  request.add_operations()->mutable_format_file_system()->set_fs_id(kFileSystem);
  client->Ask(std::move(request), [this, client](const pb::SegmentResponse&) {
    client->Connect([this, client] { MakeDomains(client, client->number(), 0); });
  });
}

// One directory after the other.
void Cluster::MakeDomains(NfsClient* client, size_t domain, size_t made) {
  if (domain >= domains_.size()) return ConnectClients(client);
  pb::SegmentRequest request;
  request.set_group(client->group());
  request.add_operations()->mutable_put_root()->set_fs_id(kFileSystem);
  pb::Create* create = request.add_operations()->mutable_create();
  create->set_type(pb::DIRECTORY);
  create->set_name("domain " + std::to_string(made));
  create->mutable_attributes()->set_mode(0755);
  request.add_operations()->mutable_get_file();
  client->UseSlot(0, static_cast<uint32_t>(made) + 1, &request);
  client->Ask(std::move(request), [=, this](const pb::SegmentResponse& response) {
    domains_[domain].group = client->group();
    domains_[domain].directories[made % 2] = response.registers().current();
    MakeDomains(client, made % 2 == 0 ? domain : domain + env_.checkers.size(), made + 1);
  });
}

void Cluster::ConnectClients(const NfsClient* first) {
  ++connected_;
  for (const auto& client : clients_) {
    if (client.get() == first || client->group() != first->group()) continue;
    client->Connect([this] { ++connected_; });
  }
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

SimNode* Cluster::Find(NodeId id) const {
  return id == 0 || id > nodes_.size() ? nullptr : nodes_[id - 1].get();
}

SimNode* Cluster::Leader(GroupId group) const {
  SimNode* leader = nullptr;
  uint64_t term = 0;
  for (const auto& node : nodes_) {
    if (!node->leads(group) || node->process()->core(group).term() <= term) continue;
    leader = node.get();
    term = node->process()->core(group).term();
  }
  return leader;
}

std::vector<Address> Cluster::Addresses() const {
  std::vector<Address> addresses;
  for (const auto& node : nodes_) addresses.push_back(node->id());
  for (const auto& front_end : front_ends_) addresses.push_back(front_end->address());
  return addresses;
}

void Cluster::CheckLogs() const {
  for (const auto& [group, checkers] : env_.checkers) {
    std::vector<const replication::raft::Raft*> cores;
    for (const auto& node : nodes_) {
      if (node->up()) cores.push_back(&node->process()->core(group));
    }
    CheckLogMatching(cores);
  }
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
  return std::all_of(env_.checkers.begin(), env_.checkers.end(),
                     [this](const auto& item) { return GroupDone(item.first); });
}

// No change of members is half done, those that were added have their votes, and every member but
// those whose logs are damaged has applied everything.
bool Cluster::GroupDone(GroupId group) const {
  const SimNode* leader = Leader(group);
  if (leader == nullptr) return false;
  const replication::raft::Raft& core = leader->process()->core(group);
  const replication::raft::Configuration& members = core.configuration();
  if (members.joint() || !core.configuration_committed()) return false;
  for (const NodeId learner : members.learners) {
    if (!Find(learner)->refused()) return false;
  }
  const uint64_t last = env_.checkers.at(group).committed().last_index();
  for (const NodeId member : members.Members()) {
    const SimNode* node = Find(member);
    const bool done = node->up() && node->process()->Status(group).applied_index == last;
    if (!done && !node->refused()) return false;
  }
  return true;
}

void Cluster::RunUntil(const char* goal, int64_t limit_ns, const std::function<bool()>& reached) {
  constexpr int64_t kStep = 50 * kMs;
  const int64_t end_ns = env_.scheduler.now_ns() + limit_ns;
  while (!reached()) {
    if (env_.scheduler.now_ns() >= end_ns) {
      throw Violation(
          absl::StrCat("liveness: not within ", limit_ns / kSecond, " s: ", goal, Describe()));
    }
    env_.scheduler.RunUntil(env_.scheduler.now_ns() + kStep);
  }
}

// Those that were removed may be behind; what they have was right, as was checked all along.
void Cluster::CheckStores() {
  for (auto& [group, checkers] : env_.checkers) {
    ReferenceStore& reference = checkers.reference();
    for (const auto& node : nodes_) {
      if (!node->up()) continue;
      if (node->process()->Status(group).applied_index != reference.applied_index()) continue;
      node->process()->Settle();
      CheckSameContent(node->id(), node->stores.at(group).content(), reference.content());
      env_.counts.Add("stores compared byte by byte");
    }
    const metadata::CheckReport report = metadata::CheckStore(*reference.engine().Snapshot());
    if (!report.Clean()) throw Violation("the store is not sound: " + report.problems.front());
    env_.counts.Add("copies without effect", reference.exactly_once().repeats());
  }
}

void Cluster::FinalChecks() {
  CheckLogs();
  CheckStores();
  for (const History& history : histories_.of_domain) {
    const LinearizabilityResult result = CheckLinearizability(history);
    if (!result.linearizable) throw Violation("linearizability: " + result.why);
    env_.counts.Add("operations linearized", history.size());
  }
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
