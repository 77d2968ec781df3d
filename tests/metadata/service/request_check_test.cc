#include "metadata/service/request_check.h"

#include <catch2/catch.hpp>

#include "common/limits.h"

namespace openefs::metadata {
namespace {

pb::SegmentRequest Sound() {
  pb::SegmentRequest request;
  request.set_group(1);
  request.add_operations()->mutable_get_file();
  return request;
}

bool Refused(const pb::SegmentRequest& request) {
  const absl::Status status = CheckRequest(request, request.ByteSizeLong());
  return status.code() == absl::StatusCode::kInvalidArgument;
}

TEST_CASE("a sound segment passes") { CHECK_FALSE(Refused(Sound())); }

TEST_CASE("sizes out of bounds are refused") {
  CHECK(Refused(pb::SegmentRequest()));
  pb::SegmentRequest many = Sound();
  for (uint32_t i = 0; i < kMaxOperations; ++i) many.add_operations()->mutable_get_file();
  CHECK(Refused(many));
  CHECK(CheckRequest(Sound(), kMaxSegmentBytes + 1).code() == absl::StatusCode::kInvalidArgument);
  pb::SegmentRequest far = Sound();
  far.set_first_operation_index(kMaxOperations + 1);
  CHECK(Refused(far));
  pb::SegmentRequest groups = Sound();
  for (uint32_t i = 0; i <= kMaxGroups; ++i) groups.mutable_credentials()->add_gids(i);
  CHECK(Refused(groups));
}

TEST_CASE("what is not a slot, or not an operation, is refused") {
  pb::SegmentRequest slot = Sound();
  slot.mutable_slot()->set_session_id("short");
  CHECK(Refused(slot));
  slot.mutable_slot()->set_session_id(std::string(16, 's'));
  CHECK_FALSE(Refused(slot));
  slot.mutable_slot()->set_slot(kMaxSlots);
  CHECK(Refused(slot));
  pb::SegmentRequest empty;
  empty.add_operations();
  CHECK(Refused(empty));
}

TEST_CASE("calls to the leader's memory travel alone") {
  pb::SegmentRequest request;
  request.add_operations()->mutable_renew_leases();
  CHECK_FALSE(Refused(request));
  CHECK(IsLeaderMemoryCall(request));
  request.add_operations()->mutable_get_file();
  CHECK(Refused(request));
}

}  // namespace
}  // namespace openefs::metadata
