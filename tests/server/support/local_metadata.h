// The metadata service of tests: the real state machine in memory, one copy, without Raft. Faults
// are made to order.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "common/mutex.h"
#include "metadata/client/metadata_client.h"
#include "metadata/store/kv.h"
#include "proto/metadata.pb.h"

namespace openefs::testing {

class LocalMetadata final : public metadata::MetadataClient {
 public:
  // A formatted cluster with these file systems.
  explicit LocalMetadata(const std::vector<std::string>& file_systems = {"fs-1"});
  ~LocalMetadata() override;

  void Execute(std::unique_ptr<pb::SegmentRequest> request,
               metadata::SegmentCallback done) override;

  // What happens to a request.
  enum class Fate {
    kServe,
    kRefuse,  // UNAVAILABLE, and nothing was done
    kLose,    // done, but the caller hears UNAVAILABLE
    kHold,    // done and answered when Release is called
  };
  // Asked for each request; called on any thread, one at a time.
  void SetFate(std::function<Fate(const pb::SegmentRequest&)> fate);
  // Serves what was held, in order.
  void Release();
  size_t held() const;

  // Requests so far, without those of group 0.
  std::vector<pb::SegmentRequest> requests() const;
  void ClearRequests();

  // Runs one operation without a slot, as another front-end might.
  pb::OperationResult RunOne(uint32_t group, pb::Operation operation);

 private:
  struct Held {
    std::unique_ptr<pb::SegmentRequest> request;
    metadata::SegmentCallback done;
  };

  std::unique_ptr<pb::SegmentResponse> Serve(const pb::SegmentRequest& request)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);

  mutable Mutex mu_;
  std::vector<std::unique_ptr<metadata::KvEngine>> engines_ ABSL_GUARDED_BY(mu_);  // by group
  uint64_t index_ ABSL_GUARDED_BY(mu_) = 0;
  std::function<Fate(const pb::SegmentRequest&)> fate_ ABSL_GUARDED_BY(mu_);
  std::vector<Held> held_ ABSL_GUARDED_BY(mu_);
  std::vector<pb::SegmentRequest> requests_ ABSL_GUARDED_BY(mu_);
};

}  // namespace openefs::testing
