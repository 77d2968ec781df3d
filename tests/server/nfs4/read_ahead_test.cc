#include "server/nfs4/read_ahead.h"

#include <catch2/catch.hpp>
#include <map>
#include <optional>
#include <thread>
#include <utility>
#include <vector>

#include "datastore/client/blob_client.h"
#include "metadata/client/metadata_client.h"
#include "tests/server/support/memory_blobs.h"

namespace openefs::nfs4 {
namespace {

constexpr uint32_t kMiB = 1 << 20;
constexpr uint64_t kWindow = ReadStreams::kWindowBytes;

using Range = std::optional<ReadStreams::Range>;

std::pair<uint64_t, uint64_t> Ends(const Range& range) {
  return range ? std::pair{range->begin, range->end} : std::pair{uint64_t{0}, uint64_t{0}};
}

// Metadata of files in which every MiB is a blob with the MiB's number.
class BlobPerMiB final : public metadata::MetadataClient {
 public:
  void Execute(std::unique_ptr<pb::SegmentRequest> request,
               metadata::SegmentCallback done) override {
    requests.push_back(*request);
    auto response = std::make_unique<pb::SegmentResponse>();
    for (const pb::Operation& operation : request->operations()) {
      auto* plan = response->add_results()->mutable_read_plan();
      auto* piece = plan->add_pieces();
      piece->set_length(operation.read_plan().count());
      piece->mutable_blob()->mutable_id()->set_low(operation.read_plan().offset() / kMiB);
      piece->mutable_blob()->set_blob_length(kMiB);
    }
    if (hold) {
      held = [done = std::move(done), response = std::move(response)]() mutable {
        done(std::move(response));
      };
      return;
    }
    if (!fail.ok()) return done(fail);
    done(std::move(response));
  }

  absl::Status fail;
  bool hold = false;
  absl::AnyInvocable<void()> held;
  std::vector<pb::SegmentRequest> requests;
};

class Hints final : public openefs::testing::NoBlobs {
 public:
  void Prefetch(BlobId id, uint32_t, uint32_t, uint32_t length) override {
    CHECK(length == kMiB);
    ++fetched[id.low];
  }
  std::map<uint64_t, int> fetched;  // by the MiB's number: how often
};

pb::FileRef File(uint64_t inode) {
  pb::FileRef file;
  file.set_inode(inode);
  return file;
}

}  // namespace

TEST_CASE("only reads that follow each other are read ahead of, each byte once") {
  ReadStreams streams;
  CHECK(!streams.OnRead(7, 0, kMiB));
  CHECK(!streams.OnRead(7, 1 * kMiB, kMiB));
  CHECK(Ends(streams.OnRead(7, 2 * kMiB, kMiB)) ==
        std::pair{3 * uint64_t{kMiB}, 3 * kMiB + kWindow});
  CHECK(!streams.OnRead(7, 3 * kMiB, kMiB));  // three of four MiB are left
  CHECK(Ends(streams.OnRead(7, 4 * kMiB, kMiB)) ==
        std::pair{3 * kMiB + kWindow, 5 * kMiB + kWindow});
  // Somewhere else: a habit has to be shown again.
  CHECK(!streams.OnRead(7, 500 * uint64_t{kMiB}, kMiB));
  CHECK(!streams.OnRead(7, 100 * uint64_t{kMiB}, kMiB));
  CHECK(!streams.OnRead(7, 300 * uint64_t{kMiB}, kMiB));
  CHECK(!streams.OnRead(7, 301 * uint64_t{kMiB}, kMiB));
  CHECK(streams.OnRead(7, 302 * uint64_t{kMiB}, kMiB));
}

TEST_CASE("reads that overtake each other still count as one stream") {
  ReadStreams streams;
  uint64_t fetched = 0;
  uint64_t asked = 0;
  const uint64_t order[] = {0, 1, 3, 2, 4, 5, 7, 6, 8, 9, 10, 12, 11, 13};
  for (const uint64_t number : order) {
    const Range range = streams.OnRead(7, number * kMiB, kMiB);
    if (!range) continue;
    CHECK(range->begin >= asked);
    asked = range->end;
    fetched += range->end - range->begin;
  }
  CHECK(fetched >= 6 * kMiB);
}

TEST_CASE(
    "two readers of a file do not disturb each other, and offsets may be as large as can be") {
  ReadStreams streams;
  for (uint64_t i = 0; i < 2; ++i) {
    CHECK(!streams.OnRead(1, i * kMiB, kMiB));
    CHECK(!streams.OnRead(2, (i + 1000) * kMiB, kMiB));
  }
  CHECK(streams.OnRead(1, 2 * kMiB, kMiB));
  CHECK(streams.OnRead(2, 1002 * uint64_t{kMiB}, kMiB));
  for (uint64_t i = 5; i > 0; --i) CHECK(!streams.OnRead(1, UINT64_MAX - i * kMiB, kMiB));
}

TEST_CASE("what follows is asked of the metadata, for who reads, and fetched") {
  BlobPerMiB metadata;
  Hints hints;
  pb::Credentials credentials;
  credentials.set_uid(1000);
  {
    ReadAhead ahead(&metadata, &hints);
    for (uint64_t i = 0; i < 8; ++i) ahead.OnRead(credentials, 5, File(9), i * kMiB, kMiB);
    // Another client's, another file's, and one that jumps about.
    ahead.OnRead(credentials, 6, File(9), 8 * kMiB, kMiB);
    ahead.OnRead(credentials, 5, File(10), 8 * kMiB, kMiB);
    for (uint64_t i = 1; i < 20; ++i) {
      ahead.OnRead(credentials, 7, File(9), i * i * 100 * kMiB, kMiB);
    }
  }
  REQUIRE(!metadata.requests.empty());
  CHECK(metadata.requests.front().credentials().uid() == 1000);
  CHECK(metadata.requests.front().registers().current().inode() == 9);
  CHECK(!metadata.requests.front().has_slot());
  CHECK(hints.fetched.size() >= 6);
  CHECK(hints.fetched.begin()->first == 3);
  CHECK(hints.fetched.rbegin()->first <= 11);
  for (const auto& [number, times] : hints.fetched) CHECK(times == 1);
}

TEST_CASE("what cannot be read ahead is no error, and is not waited for but at the end") {
  BlobPerMiB metadata;
  Hints hints;
  metadata.fail = absl::UnavailableError("no leader");
  auto ahead = std::make_unique<ReadAhead>(&metadata, &hints);
  for (uint64_t i = 0; i < 4; ++i) ahead->OnRead({}, 5, File(9), i * kMiB, kMiB);
  CHECK(metadata.requests.size() == 1);
  CHECK(hints.fetched.empty());
  metadata.fail = absl::OkStatus();
  metadata.hold = true;
  for (uint64_t i = 4; i < 6; ++i) ahead->OnRead({}, 5, File(9), i * kMiB, kMiB);
  REQUIRE(metadata.held);
  std::thread answer([&] { metadata.held(); });
  ahead = nullptr;  // the answer needs it
  answer.join();
  CHECK(!hints.fetched.empty());
}

}  // namespace openefs::nfs4
