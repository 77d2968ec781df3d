#include "cli/roles/status_json.h"

#include <map>

#include "absl/strings/escaping.h"
#include "cli/roles/json.h"

namespace openefs::cli {
namespace {

void WriteMetadataNodes(const ReplicaAdmin& admin, JsonWriter& json) {
  json.BeginArray("metadata_nodes");
  for (const auto& [id, address] : admin.addresses()) {
    const auto status = admin.nodes().find(id);
    const bool answers = status != admin.nodes().end();
    json.BeginObject();
    json.Number("id", id);
    json.Text("az", admin.AzOf(id));
    json.Text("address", address);
    json.Flag("answers", answers);
    if (answers) {
      json.Flag("formed", status->second.formed());
      json.Text("failure", status->second.failure());
    }
    json.EndObject();
  }
  json.EndArray();
}

void WriteIds(const char* name, const google::protobuf::RepeatedField<uint32_t>& ids,
              JsonWriter& json) {
  json.BeginArray(name);
  for (const uint32_t id : ids) json.Number("", id);
  json.EndArray();
}

void WriteGroups(const ReplicaAdmin& admin, JsonWriter& json) {
  json.BeginArray("groups");
  const auto views = admin.LeadersViews();
  for (const GroupId id : admin.Groups()) {
    json.BeginObject();
    json.Number("id", id);
    const auto view = views.find(id);
    if (view == views.end()) {
      json.Number("leader", 0);
      json.EndObject();
      continue;
    }
    const pb::MetadataNodeStatus::Group& group = view->second;
    json.Number("leader", group.leader());
    json.Number("term", group.term());
    json.Number("applied", group.applied_index());
    json.Number("committed", group.commit_index());
    WriteIds("voters", group.voters(), json);
    WriteIds("learners", group.learners(), json);
    WriteIds("need_snapshot", group.need_snapshot(), json);
    json.Flag("changing", !group.configuration_committed() || group.voters_outgoing_size() > 0);
    json.EndObject();
  }
  json.EndArray();
}

const char* StatusName(pb::NodeStatus status) {
  switch (status) {
    case pb::NODE_UP:
      return "up";
    case pb::NODE_DOWN:
      return "down";
    default:
      return "gone";
  }
}

void WriteDataNodes(const pb::ClusterMap& map, JsonWriter& json) {
  json.BeginArray("data_nodes");
  for (const pb::DataNode& node : map.data_nodes()) {
    json.BeginObject();
    json.Number("id", node.node_id());
    json.Text("az", node.az());
    json.Text("address", node.address());
    json.Text("status", StatusName(node.status()));
    json.EndObject();
  }
  json.EndArray();
}

void WritePlacementGroups(const pb::ClusterMap& map, JsonWriter& json) {
  std::map<uint32_t, pb::NodeStatus> status;
  for (const pb::DataNode& node : map.data_nodes()) status[node.node_id()] = node.status();
  json.BeginArray("placement_groups");
  for (const pb::PlacementGroup& group : map.placement_groups()) {
    uint64_t up = 0;
    for (const uint32_t id : group.node_ids()) up += status[id] == pb::NODE_UP ? 1 : 0;
    json.BeginObject();
    json.Number("id", group.id());
    json.Text("code", pb::Code_Name(group.code()));
    WriteIds("nodes", group.node_ids(), json);
    json.Number("up", up);
    json.EndObject();
  }
  json.EndArray();
}

// Nothing is missing and nothing waits for repair.
bool IsWhole(const ReplicaAdmin& admin, const pb::ClusterState& state,
             const RepairBacklog& backlog) {
  for (const auto& [id, address] : admin.addresses()) {
    const auto status = admin.nodes().find(id);
    const bool serves = status != admin.nodes().end() && status->second.formed() &&
                        status->second.failure().empty();
    if (!serves) return false;
  }
  for (const pb::DataNode& node : state.map().data_nodes()) {
    if (node.status() == pb::NODE_DOWN) return false;
  }
  return backlog.blobs == 0;
}

void WriteState(const pb::ClusterState& state, const RepairBacklog& backlog, JsonWriter& json) {
  json.Text("cluster_id", absl::BytesToHexString(state.map().cluster_id()));
  json.Number("map_epoch", state.map().epoch());
  WriteDataNodes(state.map(), json);
  WritePlacementGroups(state.map(), json);
  json.Number("repairs_waiting", backlog.blobs);
  json.Number("repairs_waiting_bytes", backlog.bytes);
  json.Number("repairs_blocked", backlog.blocked);
  json.Flag("repairs_more", backlog.more);
  json.BeginArray("file_systems");
  for (const pb::FileSystem& fs : state.file_systems()) json.Text("", fs.name());
  json.EndArray();
}

}  // namespace

std::string StatusAsJson(const ReplicaAdmin& admin, const pb::ClusterState* state,
                         const RepairBacklog* backlog) {
  const bool serves = state != nullptr && backlog != nullptr;
  JsonWriter json;
  json.BeginObject();
  json.Flag("serving", serves);
  json.Flag("whole", serves && IsWhole(admin, *state, *backlog));
  WriteMetadataNodes(admin, json);
  WriteGroups(admin, json);
  if (serves) WriteState(*state, *backlog, json);
  json.EndObject();
  return json.text();
}

}  // namespace openefs::cli
