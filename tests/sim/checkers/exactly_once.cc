#include "tests/sim/checkers/exactly_once.h"

#include "absl/strings/str_cat.h"
#include "metadata/service/joined_requests.h"
#include "tests/sim/kernel/violation.h"

namespace openefs::sim {
namespace {

// What copies of a request must be answered alike: all of it, reads and registers too. Only whether
// another copy had come further is for each to say.
std::string LastingResults(pb::SegmentResponse response) {
  response.clear_overtaken();
  return response.SerializeAsString();
}

std::string Describe(const pb::SegmentRequest& request) {
  return absl::StrCat("sequence id ", request.slot().sequence_id(), " of slot ",
                      request.slot().slot(), ": ", request.ShortDebugString());
}

}  // namespace

void ExactlyOnce::Executed(const pb::SegmentRequest& request, const pb::SegmentResponse& response,
                           bool changed) {
  if (!request.has_slot()) return;
  const auto [found, first] =
      requests_.try_emplace(metadata::JoinedRequests::KeyOf(request), Record{});
  Record& record = found->second;
  if (first) record.results = LastingResults(response);
  if (!first) ++repeats_;
  if (changed && ++record.changes > 1) {
    throw Violation("exactly once: a second effect of " + Describe(request));
  }
}

void ExactlyOnce::Acknowledged(const pb::SegmentRequest& request,
                               const pb::SegmentResponse& response) const {
  const auto found = requests_.find(metadata::JoinedRequests::KeyOf(request));
  if (found == requests_.end()) {
    throw Violation("acknowledged, but in no committed entry: " + Describe(request));
  }
  if (found->second.results != LastingResults(response)) {
    throw Violation("acknowledged with another answer than it had: " + Describe(request) + " got " +
                    response.ShortDebugString());
  }
}

}  // namespace openefs::sim
