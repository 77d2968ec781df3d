// The receiving end of a snapshot alone: what a sender that lies, stutters or dies can do to it.
#include "replication/node/snapshot_receiver.h"

#include <catch2/catch.hpp>
#include <filesystem>
#include <fstream>
#include <future>

#include "common/files.h"
#include "tests/common/temp_dir.h"

namespace openefs::replication::testing {
namespace {

namespace fs = std::filesystem;

constexpr GroupId kGroup = 7;
constexpr char kCluster[] = "0123456789abcdef";
const std::string kFiles = "/log/snapshots/7/incoming/files/";

class Receiver {
 public:
  Receiver() { Restart(); }

  void Restart(SnapshotFaultHook fault = nullptr) {
    receiver_.reset();
    SnapshotReceiver::Options options;
    options.cluster_id = kCluster;
    options.log_directory = dir_.path() + "/log";
    options.groups = {kGroup};
    options.reserve_bytes = reserve_bytes;
    options.fault = std::move(fault);
    receiver_ = std::make_unique<SnapshotReceiver>(std::move(options), &inbox_, SystemClock::Get());
    receiver_->Start();
  }

  absl::StatusOr<pb::SnapshotReply> Say(pb::SnapshotRequest request,
                                        const std::string& bytes = "") {
    std::promise<absl::StatusOr<pb::SnapshotReply>> answer;
    SnapshotArrival arrival;
    request.set_group(kGroup);
    if (request.leader_term() == 0) request.set_leader_term(3);
    arrival.request = std::move(request);
    if (!bytes.empty()) arrival.bytes = {Buffer::Copy(bytes)};
    arrival.applied_index = applied_index;
    arrival.reply = [&](absl::StatusOr<pb::SnapshotReply> reply) { answer.set_value(reply); };
    receiver_->Submit(std::move(arrival));
    return answer.get_future().get();
  }
  absl::StatusOr<pb::SnapshotReply> Begin(const pb::SnapshotManifest& manifest) {
    pb::SnapshotRequest request;
    request.set_step(pb::SnapshotRequest::BEGIN);
    request.set_transfer(++transfer);
    *request.mutable_manifest() = manifest;
    return Say(std::move(request));
  }
  absl::Status Part(uint32_t file, uint64_t offset, const std::string& bytes) {
    pb::SnapshotRequest request;
    request.set_step(pb::SnapshotRequest::PART);
    request.set_transfer(transfer);
    request.set_file(file);
    request.set_offset(offset);
    return Say(std::move(request), bytes).status();
  }
  absl::Status End() {
    pb::SnapshotRequest request;
    request.set_step(pb::SnapshotRequest::END);
    request.set_transfer(transfer);
    return Say(std::move(request)).status();
  }
  // What was offered to the group since the last call.
  std::vector<raft::SnapshotMeta> Offered() {
    std::vector<raft::SnapshotMeta> metas;
    for (const SnapshotNews& news : inbox_.Take(0).snapshot_news) metas.push_back(news.meta);
    return metas;
  }
  std::string Stored(const std::string& name) {
    const auto bytes = ReadSmallFile(dir_.path() + kFiles + name, 64 << 20);
    return bytes.ok() ? *bytes : "none";
  }
  SnapshotReceiver& operator*() { return *receiver_; }
  std::string path(const std::string& below) const { return dir_.path() + below; }

  uint64_t transfer = 1;
  uint64_t applied_index = 0;
  uint64_t reserve_bytes = 0;

 private:
  TempDir dir_;
  Inbox inbox_;
  std::unique_ptr<SnapshotReceiver> receiver_;
};

std::string HashOf(const std::string& bytes) {
  Sha256 hash;
  hash.Add(bytes);
  return hash.Finish();
}

pb::SnapshotManifest Manifest(const std::vector<std::pair<std::string, std::string>>& files,
                              uint64_t index = 50) {
  pb::SnapshotManifest manifest;
  manifest.set_cluster_id(kCluster);
  manifest.set_group(kGroup);
  manifest.set_index(index);
  manifest.set_term(2);
  for (const uint32_t voter : {1u, 2u, 3u}) manifest.mutable_configuration()->add_voters(voter);
  for (const auto& [name, bytes] : files) {
    pb::SnapshotFile* file = manifest.add_files();
    file->set_name(name);
    file->set_bytes(bytes.size());
    file->set_sha256(HashOf(bytes));
  }
  return manifest;
}

TEST_CASE("a snapshot comes in parts and is offered when it is whole") {
  Receiver receiver;
  const auto begun =
      receiver.Begin(Manifest({{"a", "hello world"}, {"empty", ""}, {"b.sst", "x"}}));
  REQUIRE(begun.ok());
  CHECK(begun->have_bytes_size() == 3);
  REQUIRE(receiver.Part(0, 0, "hello ").ok());
  CHECK(receiver.End().code() == absl::StatusCode::kOutOfRange);
  REQUIRE(receiver.Part(2, 0, "x").ok());
  CHECK(receiver.Offered().empty());
  REQUIRE(receiver.Part(0, 6, "world").ok());
  REQUIRE(receiver.End().ok());
  const auto offered = receiver.Offered();
  REQUIRE(offered.size() == 1);
  CHECK(offered[0] == raft::SnapshotMeta{50, 2, {{1, 2, 3}, {}, {}}});
  CHECK(receiver.Stored("a") == "hello world");
  CHECK(receiver.Stored("empty").empty());
  // Until the group is done with it nothing else may come.
  CHECK(receiver.Begin(Manifest({{"a", "other"}}, 60)).status().code() ==
        absl::StatusCode::kUnavailable);
  CHECK(receiver.Part(0, 11, "x").code() == absl::StatusCode::kAborted);
  (*receiver).Release(kGroup);
  CHECK(receiver.Begin(Manifest({{"a", "other"}}, 60)).ok());
  CHECK(receiver.Stored("a") == "none");
}

TEST_CASE("a manifest that no node makes is refused") {
  Receiver receiver;
  pb::SnapshotManifest manifest = Manifest({{"a", "1"}});
  SECTION("another cluster") { manifest.set_cluster_id("another cluster."); }
  SECTION("another group") { manifest.set_group(8); }
  SECTION("no entry") { manifest.set_index(0); }
  SECTION("no term") { manifest.set_term(0); }
  SECTION("nobody") { manifest.clear_configuration(); }
  SECTION("twice") { *manifest.add_files() = manifest.files(0); }
  SECTION("no hash") { manifest.mutable_files(0)->clear_sha256(); }
  SECTION("more than there is") {
    for (int i = 0; i < 5; ++i) {
      *manifest.add_files() = manifest.files(0);
      manifest.mutable_files(i + 1)->set_name("f" + std::to_string(i));
      manifest.mutable_files(i + 1)->set_bytes(uint64_t{1} << 62);
    }
  }
  SECTION("names") {
    const std::string name =
        GENERATE("", ".", "..", "../x", "a/b", "/etc/passwd", ".hidden", "a\nb", "a b", "-x");
    manifest.mutable_files(0)->set_name(name);
  }
  SECTION("a long name") { manifest.mutable_files(0)->set_name(std::string(256, 'a')); }
  SECTION("a zero in the name") { manifest.mutable_files(0)->set_name(std::string("a\0b", 3)); }
  CHECK(receiver.Begin(manifest).status().code() == absl::StatusCode::kInvalidArgument);
  CHECK_FALSE(fs::exists(receiver.path("/log/snapshots/7/incoming")));
}

TEST_CASE("parts that lie are refused and change nothing") {
  Receiver receiver;
  CHECK(receiver.Part(0, 0, "x").code() == absl::StatusCode::kAborted);
  CHECK(receiver.End().code() == absl::StatusCode::kAborted);
  REQUIRE(receiver.Begin(Manifest({{"a", "0123456789"}})).ok());
  REQUIRE(receiver.Part(0, 0, "0123").ok());
  CHECK(receiver.Part(0, 5, "5").code() == absl::StatusCode::kOutOfRange);
  CHECK(receiver.Part(0, 0, "0123").code() == absl::StatusCode::kOutOfRange);
  CHECK(receiver.Part(0, 4, "456789x").code() == absl::StatusCode::kInvalidArgument);
  CHECK(receiver.Part(0, ~uint64_t{0}, "4").code() == absl::StatusCode::kInvalidArgument);
  CHECK(receiver.Part(1, 0, "4").code() == absl::StatusCode::kInvalidArgument);
  CHECK(receiver.Part(~0u, 0, "4").code() == absl::StatusCode::kInvalidArgument);
  CHECK(receiver.Part(0, 4, "").code() == absl::StatusCode::kInvalidArgument);
  CHECK(receiver.Part(0, 4, std::string(kMaxSnapshotPartBytes + 1, 'x')).code() ==
        absl::StatusCode::kInvalidArgument);
  ++receiver.transfer;  // of another attempt
  CHECK(receiver.Part(0, 4, "456789").code() == absl::StatusCode::kAborted);
  --receiver.transfer;
  REQUIRE(receiver.Part(0, 4, "456789").ok());
  CHECK(receiver.End().ok());
}

TEST_CASE("a file that is not what its hash says is taken again") {
  Receiver receiver;
  const auto manifest = Manifest({{"good", "good"}, {"bad", "12345678"}});
  REQUIRE(receiver.Begin(manifest).ok());
  REQUIRE(receiver.Part(0, 0, "good").ok());
  REQUIRE(receiver.Part(1, 0, "1234").ok());
  CHECK(receiver.Part(1, 4, "567x").code() == absl::StatusCode::kDataLoss);
  CHECK(receiver.End().code() == absl::StatusCode::kAborted);
  const auto again = receiver.Begin(manifest);
  REQUIRE(again.ok());
  CHECK(again->have_bytes(0) == 4);
  CHECK(again->have_bytes(1) == 0);
  REQUIRE(receiver.Part(1, 0, "12345678").ok());
  CHECK(receiver.End().ok());
  CHECK(receiver.Offered().size() == 1);
}

TEST_CASE("what is on disk need not come again after a restart, and is verified") {
  Receiver receiver;
  const auto manifest = Manifest({{"a", "0123456789"}, {"b", "abc"}});
  REQUIRE(receiver.Begin(manifest).ok());
  REQUIRE(receiver.Part(1, 0, "abc").ok());
  REQUIRE(receiver.Part(0, 0, "01234").ok());
  receiver.Restart();
  bool damaged = false;
  SECTION("as it was") {}
  SECTION("damaged meanwhile") {
    std::ofstream(receiver.path(kFiles + "a")) << "0x234";
    damaged = true;
  }
  SECTION("longer than it can be") {
    std::ofstream(receiver.path(kFiles + "b")) << "abcdef";
    const auto begun = receiver.Begin(manifest);
    CHECK(begun->have_bytes(1) == 0);
    return;
  }
  const auto begun = receiver.Begin(manifest);
  REQUIRE(begun.ok());
  CHECK(begun->have_bytes(0) == 5);
  CHECK(begun->have_bytes(1) == 3);
  REQUIRE(receiver.Part(0, 5, "56789").ok());
  const auto ended = receiver.End();
  CHECK(ended.code() == (damaged ? absl::StatusCode::kDataLoss : absl::StatusCode::kOk));
  CHECK(receiver.Offered().size() == (damaged ? 0 : 1));
}

TEST_CASE("of an earlier snapshot only files of the same hash are kept") {
  Receiver receiver;
  REQUIRE(receiver.Begin(Manifest({{"same", "same"}, {"other", "1111"}, {"gone", "x"}})).ok());
  REQUIRE(receiver.Part(0, 0, "same").ok());
  REQUIRE(receiver.Part(1, 0, "1111").ok());
  REQUIRE(receiver.Part(2, 0, "x").ok());
  const auto begun = receiver.Begin(Manifest({{"same", "same"}, {"other", "2222"}}, 60));
  REQUIRE(begun.ok());
  CHECK(begun->have_bytes(0) == 4);
  CHECK(begun->have_bytes(1) == 0);
  CHECK(receiver.Stored("gone") == "none");
  REQUIRE(receiver.Part(1, 0, "2222").ok());
  REQUIRE(receiver.End().ok());
  CHECK(receiver.Offered().at(0).index == 60);
}

TEST_CASE("what is not wanted is refused before it comes") {
  Receiver receiver;
  receiver.applied_index = 50;
  CHECK(receiver.Begin(Manifest({{"a", "1"}}, 50)).status().code() ==
        absl::StatusCode::kAlreadyExists);
  REQUIRE(receiver.Begin(Manifest({{"a", "1"}}, 51)).ok());
  pb::SnapshotRequest older;
  older.set_step(pb::SnapshotRequest::BEGIN);
  older.set_transfer(99);
  older.set_leader_term(2);
  *older.mutable_manifest() = Manifest({{"a", "2"}}, 52);
  CHECK(receiver.Say(older).status().code() == absl::StatusCode::kFailedPrecondition);
  CHECK(receiver.Part(0, 0, "1").ok());
  CHECK(receiver.Say({}).status().code() == absl::StatusCode::kAborted);
}

TEST_CASE("a disk without room for it is told, and nothing is left there") {
  Receiver receiver;
  receiver.reserve_bytes = uint64_t{1} << 62;
  receiver.Restart();
  CHECK(receiver.Begin(Manifest({{"a", "1"}})).status().code() ==
        absl::StatusCode::kResourceExhausted);
  CHECK_FALSE(fs::exists(receiver.path("/log/snapshots/7/incoming")));
  receiver.reserve_bytes = 0;
  receiver.Restart([](SnapshotStep step) {
    return step == SnapshotStep::kPart ? absl::ResourceExhaustedError("No space left on device")
                                       : absl::OkStatus();
  });
  REQUIRE(receiver.Begin(Manifest({{"a", "12"}})).ok());
  CHECK(receiver.Part(0, 0, "1").code() == absl::StatusCode::kResourceExhausted);
  CHECK_FALSE(fs::exists(receiver.path("/log/snapshots/7/incoming")));
}

}  // namespace
}  // namespace openefs::replication::testing
