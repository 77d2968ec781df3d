#include "cli/roles/cluster_facts.h"

#include <map>
#include <set>
#include <utility>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "cli/roles/metadata_members.h"
#include "cli/roles/metadata_status.h"
#include "common/rpc/channel.h"
#include "control/bootstrap.h"
#include "control/system_client.h"

namespace openefs::cli {
namespace {

// A person waits for the answer.
constexpr int64_t kPatienceMs = 10'000;
// Connecting to a host that does not exist takes as long as nobody refuses.
constexpr int64_t kAskMs = 5'000;

absl::Status WrongCluster(const std::string& who, const std::string& has,
                          const std::string& wanted) {
  return absl::FailedPreconditionError(absl::StrCat(who, " belongs to cluster ",
                                                    absl::BytesToHexString(has), ", not to ",
                                                    absl::BytesToHexString(wanted)));
}

ClusterFacts ToFacts(const pb::MetadataNodeStatus& status) {
  ClusterFacts facts;
  facts.cluster_id = status.cluster_id();
  facts.formed = status.formed();
  facts.lease_seconds = status.lease_seconds();
  for (const auto& peer : status.peers()) {
    if (peer.removed()) {
      facts.removed_nodes.push_back(peer.node_id());
    } else if (!peer.address().empty()) {
      facts.metadata_nodes.push_back({peer.node_id(), peer.az(), peer.address()});
    }
  }
  return facts;
}

// Asks one address after the other, also those that the answers name while nobody has formed.
class Inquiry {
 public:
  explicit Inquiry(std::string cluster_id) : cluster_id_(std::move(cluster_id)) {}

  absl::Status Ask(const std::string& address) {
    if (!asked_.insert(address).second) return absl::OkStatus();
    const auto channel = rpc::MakeChannel(address);
    const absl::StatusOr<pb::MetadataNodeStatus> status = AskMetadataNode(*channel, kAskMs);
    if (!status.ok()) {
      reasons_.push_back(absl::StrCat(address, " (", status.status().message(), ")"));
      return absl::OkStatus();
    }
    if (cluster_id_.empty()) cluster_id_ = status->cluster_id();
    if (status->cluster_id() != cluster_id_) {
      return WrongCluster(address, status->cluster_id(), cluster_id_);
    }
    if (!status->failure().empty() || status->peers().empty()) {
      reasons_.push_back(absl::StrCat(address, " (out of service ", status->failure(), ")"));
      return absl::OkStatus();
    }
    if (!found_ || (status->formed() && !facts_.formed)) facts_ = ToFacts(*status);
    found_ = true;
    return absl::OkStatus();
  }

  bool formed() const { return facts_.formed; }
  const std::vector<MetadataNodeConfig>& nodes() const { return facts_.metadata_nodes; }

  absl::StatusOr<ClusterFacts> Finish() {
    if (found_) return std::move(facts_);
    return absl::UnavailableError(
        absl::StrCat("no metadata node answers: ", absl::StrJoin(reasons_, ", ")));
  }

 private:
  std::string cluster_id_;
  std::set<std::string> asked_;
  std::vector<std::string> reasons_;
  bool found_ = false;
  ClusterFacts facts_;
};

}  // namespace

absl::StatusOr<ClusterFacts> AskForFacts(const std::vector<std::string>& members,
                                         const std::string& cluster_id) {
  Inquiry inquiry(cluster_id);
  for (const std::string& member : members) {
    if (absl::Status asked = inquiry.Ask(member); !asked.ok()) return asked;
  }
  // A node that waits to be added knows less than those that have formed.
  for (const MetadataNodeConfig& node : std::vector(inquiry.nodes())) {
    if (inquiry.formed()) break;
    if (absl::Status asked = inquiry.Ask(node.address); !asked.ok()) return asked;
  }
  return inquiry.Finish();
}

absl::StatusOr<pb::ClusterMap> ReadClusterMap(const ClusterFacts& facts) {
  std::map<NodeId, std::string> addresses;
  for (const MetadataNodeConfig& node : facts.metadata_nodes) addresses[node.id] = node.address;
  metadata::MetadataClientOptions options;
  options.patience_ms = kPatienceMs;
  const auto client = FollowMetadataMembers(addresses, options);
  const absl::Status formatted = control::FormatCluster(*client, facts.cluster_id);
  if (!formatted.ok()) return formatted;
  absl::StatusOr<pb::ClusterState> state = control::GetClusterState(*client);
  if (!state.ok()) return state.status();
  return std::move(*state->mutable_map());
}

}  // namespace openefs::cli
