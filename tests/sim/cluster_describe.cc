// What a cluster looks like, for people who read why a run failed.
#include "absl/strings/str_cat.h"
#include "tests/sim/cluster.h"

namespace openefs::sim {
namespace {

namespace raft = replication::raft;

std::string DescribeCore(const raft::Raft& core, uint64_t applied) {
  std::string text =
      absl::StrCat("role ", static_cast<int>(core.role()), ", leader ", core.leader(), ", term ",
                   core.term(), ", log ", core.log().first_index(), " to ", core.log().last_index(),
                   ", commit ", core.commit_index(), ", applied ", applied, ", members ",
                   raft::ToString(core.configuration()), " as of ", core.configuration_index(),
                   core.installing() ? ", installing" : "");
  for (const auto& [peer, progress] : core.progress()) {
    absl::StrAppend(&text, "\n    follower ", peer, ": state ", static_cast<int>(progress.state()),
                    ", match ", progress.match(), ", next ", progress.next());
  }
  return text;
}

}  // namespace

std::string Cluster::Describe() const {
  std::string text;
  for (const auto& [group, checkers] : env_.checkers) {
    absl::StrAppend(&text, "\n group ", group, ", applied up to ",
                    checkers.committed().last_index());
    for (const auto& node : nodes_) {
      absl::StrAppend(&text, "\n  node ", node->id(), ": ");
      if (node->up()) {
        absl::StrAppend(&text, DescribeCore(node->process()->core(group),
                                            node->process()->Status(group).applied_index));
      } else {
        absl::StrAppend(&text, node->refused() ? "refused" : node->retired() ? "gone" : "down");
      }
    }
  }
  for (const auto& worker : workers_) {
    if (!worker->done()) absl::StrAppend(&text, "\n a worker is not done");
  }
  return text;
}

}  // namespace openefs::sim
