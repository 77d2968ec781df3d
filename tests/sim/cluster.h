// A whole cluster in one thread: metadata nodes, front-ends and clients, under a schedule that one
// seed decides. First everything may fail, and nothing unsafe may happen; then all is mended, and
// everything must get done.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "tests/sim/environment.h"
#include "tests/sim/net/front_end.h"
#include "tests/sim/node/sim_node.h"
#include "tests/sim/workload/nfs_client.h"
#include "tests/sim/workload/worker.h"

namespace openefs::sim {

class Cluster {
 public:
  // `directory` is for the logs; it is the cluster's own.
  Cluster(const SimOptions& options, const std::string& directory);
  ~Cluster();

  // The whole run. Throws Violation.
  void Run();

  // ---- for faults
  Environment& env() { return env_; }
  const FrontEnd::Nodes& nodes() const { return nodes_; }
  const FrontEnds& front_ends() const { return front_ends_; }
  SimNode& RandomNode() { return *nodes_[env_.random.Below(nodes_.size())]; }
  SimNode* Find(NodeId id) const;  // null: there never was one
  // Of those that believe to lead the group the one of the latest term; null: none does.
  SimNode* Leader(GroupId group) const;
  // Of any group.
  SimNode* Leader() { return Leader(env_.AnyGroup()); }
  // A machine that was never there before, with its process running.
  SimNode& AddNode();
  // Of all nodes and front-ends.
  std::vector<Address> Addresses() const;
  // Power is lost for a while: now, or in the middle of the next write of the log.
  void StrikeDown(SimNode& node);
  // Whether every group would go on for good without those whose logs are damaged, if `node` were
  // one of them.
  bool CanLose(const SimNode& node) const;
  // The same if `node` were no voter of the group any more.
  bool CanRemove(GroupId group, NodeId node) const;
  // Whether any group may still count on it, and whether any ever did.
  bool IsMember(NodeId node) const;
  bool WasMember(NodeId node) const;
  // An operator asks `leader` for a change, one at a time, and may not learn what came of it.
  void AskChange(SimNode& leader, GroupId group, const replication::MemberChange& change);
  bool ChangeUnderWay() const;

 private:
  // phases
  void SetUp();
  void SafetyPhase();
  void LivenessPhase();
  void FinalChecks();

  SimNode& MakeNode();
  void FormatFileSystem(NfsClient* client);
  void MakeDomains(NfsClient* client, size_t domain, size_t made);
  void ConnectClients(const NfsClient* first);
  void MakeWorkers();
  void ScheduleFaults();
  void Schedule(size_t fault);
  void Supervise();
  void Restart(SimNode& node);
  void CrashForAWhile(SimNode& node);
  void Heal();
  bool AllDone() const;
  bool GroupDone(GroupId group) const;
  void RunUntil(const char* goal, int64_t limit_ns, const std::function<bool()>& reached);
  void CheckLogs() const;
  std::string Describe() const;
  void CheckStores();

  Environment env_;
  const std::string directory_;
  FrontEnd::Nodes nodes_;
  FrontEnds front_ends_;
  std::vector<std::unique_ptr<NfsClient>> clients_;
  std::vector<std::unique_ptr<Worker>> workers_;
  std::vector<Domain> domains_;
  Histories histories_;
  size_t connected_ = 0;

  SimNode* asked_ = nullptr;  // for a change, which it has not answered; null: nobody
  uint64_t asked_incarnation_ = 0;
};

// One seed, from beginning to end.
struct RunResult {
  std::string violation;  // empty: all promises were kept
  uint64_t hash = 0;      // of all that happened
  uint64_t events = 0;
  Counts counts;
};
RunResult RunSeed(const SimOptions& options);

}  // namespace openefs::sim
