// Two copies of one request in flight at once end in one execution (RFC 8881 2.10.6.1): the second
// waits for the result of the first.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "common/mutex.h"
#include "metadata/client/metadata_client.h"

namespace openefs::metadata {

// A client sends the same request again only when a connection broke; nobody needs more copies.
inline constexpr size_t kMaxCopies = 16;

class JoinedRequests {
 public:
  // What names a request with a slot: the session, slot, sequence id and operation index.
  static std::string KeyOf(const pb::SegmentRequest& request);

  enum class Outcome {
    kFirst,   // `done` is kept; execute the request, then Take
    kJoined,  // `done` is kept; whoever was first takes it
    kOther,   // something else under the same name, or too many copies: `done` was not touched
  };
  Outcome Join(const std::string& key, const pb::SegmentRequest& request, SegmentCallback& done);

  // The callbacks of all copies. From here on a copy is a first again.
  std::vector<SegmentCallback> Take(const std::string& key);

  size_t size() const;
  bool InFlight(const std::string& key) const;

 private:
  struct Entry {
    uint64_t likeness = 0;  // equal for copies, almost surely different for anything else
    std::vector<SegmentCallback> waiting;
  };

  mutable Mutex mu_;
  absl::flat_hash_map<std::string, Entry> entries_ ABSL_GUARDED_BY(mu_);
};

}  // namespace openefs::metadata
