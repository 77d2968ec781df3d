#include "cli/roles/data_node_agent.h"

#include <utility>

#include "common/clock.h"
#include "common/log.h"
#include "control/system_client.h"

namespace openefs::cli {
namespace {

// A third of the time after which the map says DOWN (MetadataServiceOptions::data_node_timeout_ms).
constexpr int64_t kHeartbeatMs = 1'000;
constexpr int64_t kRegisterRetryMs = 200;

}  // namespace

DataNodeAgent::DataNodeAgent(metadata::MetadataClient* client, pb::DataNode self,
                             std::function<bool()> failing)
    : client_(client),
      self_(std::move(self)),
      failing_(std::move(failing)),
      thread_([this] { Run(); }) {}

DataNodeAgent::~DataNodeAgent() {
  {
    MutexLock lock(mu_);
    stopping_ = true;
    stop_.SignalAll();
  }
  thread_.join();
}

void DataNodeAgent::Run() {
  bool registered = false;
  do registered = registered ? Heartbeat() : Register();
  while (!WaitOrStop(registered ? kHeartbeatMs : kRegisterRetryMs));
}

// Tried again for ever: the cluster may not be set up yet. A lasting refusal, such as another disk
// under this node's identity, is said once.
bool DataNodeAgent::Register() {
  pb::Operation operation;
  *operation.mutable_register_data_node()->mutable_node() = self_;
  absl::StatusOr<pb::OperationResult> result =
      control::ExecuteOne(*client_, kSystemGroup, std::move(operation));
  if (result.ok() && result->error() == pb::FS_OK) return true;
  std::string why = result.ok() ? pb::FsError_Name(result->error()) : result.status().ToString();
  if (why != last_refusal_) {
    Log(LogLevel::kWarning, "datanode.not_registered", {{"node", self_.node_id()}, {"why", why}});
  }
  last_refusal_ = std::move(why);
  return false;
}

// False: the system group does not know this node, or knows it otherwise.
bool DataNodeAgent::Heartbeat() {
  pb::Operation operation;
  pb::DataNodeHeartbeat* heartbeat = operation.mutable_data_node_heartbeat();
  heartbeat->set_node_id(self_.node_id());
  heartbeat->set_store_id(self_.store_id());
  heartbeat->set_address(self_.address());
  heartbeat->set_failing(failing_());
  absl::StatusOr<pb::OperationResult> result =
      control::ExecuteOne(*client_, kSystemGroup, std::move(operation));
  if (result.ok()) return result->error() == pb::FS_OK;
  Log(LogLevel::kWarning, "datanode.heartbeat_failed",
      {{"node", self_.node_id()}, {"why", result.status().ToString()}});
  return true;
}

bool DataNodeAgent::WaitOrStop(int64_t ms) {
  const int64_t until_ms = SystemClock::Get()->MonotonicMs() + ms;
  MutexLock lock(mu_);
  while (!stopping_) {
    const int64_t left_ms = until_ms - SystemClock::Get()->MonotonicMs();
    if (left_ms <= 0) return false;
    stop_.WaitForMs(mu_, left_ms);
  }
  return true;
}

}  // namespace openefs::cli
