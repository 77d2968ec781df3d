// Goes through the fragments of all data nodes that are up, page by page, over and over.
#pragma once

#include <cstdint>
#include <optional>

#include "absl/status/statusor.h"
#include "control/jobs/job.h"
#include "proto/datastore.pb.h"

namespace openefs::control {

// The job's thread only.
class FragmentWalk {
 public:
  // Fragments on a page: as many as the metadata checks in one request.
  static constexpr uint32_t kPage = 1'024;

  struct Page {
    NodeId node = 0;
    pb::ListFragmentsResponse listed;
  };

  // Nothing: that was all; the next call begins anew. An error: the rest of that node waits for the
  // next time, so that it does not keep the others.
  absl::StatusOr<std::optional<Page>> Next(JobContext& context);

  // As if the call that brought the last page had failed.
  void LeaveNode(NodeId node);

 private:
  const pb::DataNode* NextNode(const pb::ClusterMap& map) const;

  // Nodes up to done_node_ are done, and of the next one all up to after_.
  NodeId done_node_ = 0;
  BlobId after_;
};

}  // namespace openefs::control
