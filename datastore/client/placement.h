// The cluster map as the blob client uses it: for each placement group its code and, for each
// fragment, the node that holds it.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "datastore/client/blob_client.h"
#include "datastore/client/data_node_client.h"
#include "datastore/codes/code_table.h"
#include "proto/cluster.pb.h"

namespace openefs::datastore {

struct GroupMember {
  NodeId node_id = 0;
  std::string az;
  pb::NodeStatus status = pb::NODE_GONE;
  std::shared_ptr<DataNodeClient> client;  // null when GONE
};

struct PlacementGroup {
  uint16_t id = 0;
  const CodeSpec* spec = nullptr;
  std::vector<GroupMember> members;  // one per fragment
  uint32_t up_mask = 0;              // bit i: the node of fragment i is up

  bool AllUp() const { return up_mask == spec->AllMask(); }

  // A blob with these fragments durable may be acknowledged (BlobClient::Write).
  bool Acknowledges(uint32_t durable) const;

 private:
  bool SurvivesAnyAz(uint32_t durable) const;
};

// Immutable.
class Placement {
 public:
  using Connect = std::function<std::shared_ptr<DataNodeClient>(const pb::DataNode&)>;
  // Clients that are kept from one map to the next: node id and address.
  using Connections = std::map<std::pair<NodeId, std::string>, std::shared_ptr<DataNodeClient>>;

  Placement() = default;  // no groups

  // Connects to the nodes that are not in `connections` yet, and leaves in there those of the map.
  // Groups that this version cannot serve (unknown code, wrong size) are logged and left out.
  Placement(const pb::ClusterMap& map, const Connect& connect, Connections* connections);

  // Null: there is none, or with another code.
  const PlacementGroup* Find(uint16_t id) const;
  const PlacementGroup* Find(uint16_t id, const CodeSpec& spec) const;

  // For a new blob: the best kind there is (all nodes up; enough for a write; any), the `turn`-th
  // of its kind. Null: there are no groups.
  const PlacementGroup* Choose(uint64_t turn) const;

 private:
  std::map<uint16_t, PlacementGroup> groups_;
  std::vector<const PlacementGroup*> best_;
};

}  // namespace openefs::datastore
