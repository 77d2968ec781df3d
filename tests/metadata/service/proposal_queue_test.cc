#include "metadata/service/proposal_queue.h"

#include <catch2/catch.hpp>
#include <map>

namespace openefs::metadata {
namespace {

struct Proposed {
  pb::MetadataEntry entry;
  std::shared_ptr<SegmentProposal> proposal;

  void Apply() {
    for (const pb::SegmentRequest& segment : entry.segments()) {
      // The answer says whose it is.
      proposal->responses.emplace_back().add_results()->set_access(segment.group());
    }
    proposal->OnApplied();
  }
};

// A log that keeps what it is given.
struct Harness {
  std::deque<Proposed> log;
  std::vector<uint64_t> lapsed;
  ManualClock clock;
  SeededRandom random{1};
  ProposalQueue queue{[this](std::string data, std::shared_ptr<SegmentProposal> proposal) {
                        Proposed& proposed = log.emplace_back();
                        REQUIRE(proposed.entry.ParseFromString(data));
                        proposed.proposal = std::move(proposal);
                      },
                      [this] { return lapsed; }, &clock, &random};

  std::map<uint32_t, absl::StatusOr<uint32_t>> answers;  // by tag

  void Push(uint32_t tag, size_t bytes = 100, bool open = false) {
    auto request = std::make_unique<pb::SegmentRequest>();
    request->set_group(tag);
    if (open) request->add_operations()->mutable_open();
    queue.Push(std::move(request), bytes, [this, tag](auto response) {
      REQUIRE_FALSE(answers.contains(tag));
      if (response.ok()) {
        answers.emplace(tag, (*response)->results(0).access());
      } else {
        answers.emplace(tag, response.status());
      }
    });
  }
};

// Goes at once, as long as there is room for another entry.
constexpr size_t kLong = kBytesWorthAnotherEntry;

TEST_CASE("what comes while an entry is in flight waits for it, and goes together") {
  Harness h;
  for (uint32_t tag = 1; tag <= 10; ++tag) h.Push(tag);
  REQUIRE(h.log.size() == 1);
  CHECK(h.log[0].entry.segments_size() == 1);
  h.log[0].Apply();
  REQUIRE(h.log.size() == 2);
  CHECK(h.log[1].entry.segments_size() == 9);
  h.Push(11);
  h.log[1].Apply();
  REQUIRE(h.log.size() == 3);
  h.log[2].Apply();
  REQUIRE(h.answers.size() == 11);
  for (const auto& [tag, answer] : h.answers) CHECK(*answer == tag);
  CHECK(h.queue.queued() == 0);
}

TEST_CASE("many, or long ones, do not wait for the entry in flight") {
  Harness h;
  h.Push(1);
  for (uint32_t tag = 2; tag <= kWorthAnotherEntry; ++tag) h.Push(tag);
  REQUIRE(h.log.size() == 1);
  h.Push(100);
  REQUIRE(h.log.size() == 2);
  CHECK(h.log[1].entry.segments_size() == kWorthAnotherEntry);
  h.Push(101);
  REQUIRE(h.log.size() == 2);
  h.Push(102, kLong);
  REQUIRE(h.log.size() == kMaxEntriesInFlight);
  CHECK(h.log[2].entry.segments_size() == 2);
  h.Push(103, kLong);
  REQUIRE(h.log.size() == kMaxEntriesInFlight);
  h.log[1].Apply();
  CHECK(h.log.back().entry.segments(0).group() == 103);
  // What went is counted no more.
  h.Push(104);
  h.log[0].Apply();
  CHECK(h.log.size() == kMaxEntriesInFlight + 1);
  h.log[2].Apply();
  h.log[3].Apply();
  h.log[4].Apply();
  CHECK(h.answers.size() == kWorthAnotherEntry + 5);
}

TEST_CASE("an entry has a limit of segments and of bytes") {
  Harness h;
  for (int i = 0; i < kMaxEntriesInFlight; ++i) h.Push(1000 + i, kLong);
  for (uint32_t tag = 1; tag <= 300; ++tag) h.Push(tag);
  h.log[0].Apply();
  CHECK(h.log.back().entry.segments_size() == kMaxSegmentsPerEntry);
  h.log[1].Apply();
  CHECK(h.log.back().entry.segments_size() == 300 - kMaxSegmentsPerEntry);

  Harness big;
  for (int i = 0; i < kMaxEntriesInFlight; ++i) big.Push(1000 + i, kLong);
  big.Push(1, kMaxEntryBytes - 10);
  big.Push(2, 11);
  big.Push(3, kMaxEntryBytes * 2);  // too large for any entry: it goes alone
  for (int i = 0; i < 3; ++i) {
    big.log[i].Apply();
    CHECK(big.log.back().entry.segments_size() == 1);
    CHECK(big.log.back().entry.segments(0).group() == static_cast<uint32_t>(i + 1));
  }
}

TEST_CASE("a full queue pushes back, and has room again when entries are applied") {
  Harness h;
  for (uint32_t tag = 0; tag < kMaxSegmentsQueued; ++tag) h.Push(tag);
  h.Push(100'000);
  REQUIRE(h.answers.size() == 1);
  CHECK(absl::IsUnavailable(h.answers.begin()->second.status()));
  h.log[0].Apply();
  h.Push(100'001);
  CHECK(h.answers.size() == 2);  // the applied one; the new one waits
  for (size_t i = 1; i < h.log.size(); ++i) h.log[i].Apply();
  CHECK(h.answers.size() == kMaxSegmentsQueued + 2);

  Harness bytes;
  bytes.Push(1, kMaxBytesQueued);
  bytes.Push(2, 1);
  CHECK(absl::IsUnavailable(bytes.answers.at(2).status()));
  bytes.log[0].Apply();
}

TEST_CASE("a dropped entry is the fate of each of its segments") {
  Harness h;
  for (uint32_t tag = 1; tag <= 3; ++tag) h.Push(tag, kLong);
  h.Push(4);
  h.Push(5);
  h.log[0].Apply();
  h.log[1].proposal->OnDropped(absl::UnavailableError("not leader"));
  CHECK(absl::IsUnavailable(h.answers.at(2).status()));
  REQUIRE(h.log.size() == 3);
  h.log[2].Apply();
  REQUIRE(h.log.size() == 4);
  h.log[3].proposal->OnDropped(absl::UnknownError("leadership went"));
  CHECK(absl::IsUnknown(h.answers.at(4).status()));
  CHECK(absl::IsUnknown(h.answers.at(5).status()));
  CHECK(h.queue.queued() == 0);
}

TEST_CASE("an entry carries time, random bits and, where they matter, lapsed clients") {
  Harness h;
  h.lapsed = {5, 6};
  h.Push(1);
  h.clock.AdvanceMs(7);
  h.Push(2, kLong, true);
  CHECK(h.log[0].entry.lapsed_clients_size() == 0);
  CHECK(h.log[1].entry.lapsed_clients_size() == 2);
  CHECK(h.log[1].entry.wall_time_ns() - h.log[0].entry.wall_time_ns() == 7'000'000);
  CHECK(h.log[0].entry.random_seed() != h.log[1].entry.random_seed());
  h.log[0].Apply();
  h.log[1].Apply();
}

}  // namespace
}  // namespace openefs::metadata
