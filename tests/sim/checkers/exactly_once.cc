#include "tests/sim/checkers/exactly_once.h"

#include "absl/strings/str_cat.h"
#include "metadata/ops/operation.h"
#include "metadata/service/joined_requests.h"
#include "tests/sim/kernel/violation.h"

namespace openefs::sim {
namespace {

// Reads behind the mutations of a request run again with every copy of it, and may then tell
// something else: CREATE OK, then STALE because somebody has removed the file meanwhile. False,
// once the whole answer is kept with the request: then all copies must be answered the same.
constexpr bool kReadsRunAgain = true;

// What copies of a request must be answered alike.
std::string LastingResults(const pb::SegmentRequest& request, const pb::SegmentResponse& response) {
  if (!kReadsRunAgain) return response.SerializeAsString();
  std::string results;
  for (int i = 0; i < response.results_size() && i < request.operations_size(); ++i) {
    const bool last = i + 1 == response.results_size();
    if (metadata::IsMutating(request.operations(i)) || (last && response.results(i).error() != 0)) {
      results += response.results(i).SerializeAsString() + "|";
    }
  }
  return results;
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
  if (first) record.results = LastingResults(request, response);
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
  if (found->second.results != LastingResults(request, response)) {
    throw Violation("acknowledged with another answer than it had: " + Describe(request) + " got " +
                    response.ShortDebugString());
  }
}

}  // namespace openefs::sim
