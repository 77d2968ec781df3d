#include <catch2/catch.hpp>

#include "common/limits.h"
#include "tests/server/ops/fixture.h"
#include "tests/server/ops/wire.h"

namespace openefs::nfs4::testing {
namespace {

// ---- READ

std::string ReadArguments(uint64_t offset, uint32_t count) {
  return Wire().Stateid(1, 's').U64(offset).U32(count);
}

void AddInline(pb::OperationResult* result, const std::string& bytes) {
  auto* piece = result->mutable_read_plan()->add_pieces();
  piece->set_length(static_cast<uint32_t>(bytes.size()));
  piece->set_inline_data(bytes);
}

void AddHole(pb::OperationResult* result, uint32_t length) {
  auto* piece = result->mutable_read_plan()->add_pieces();
  piece->set_length(length);
  piece->set_hole(true);
}

void AddBlob(pb::OperationResult* result, BlobId id, uint32_t blob_length, uint32_t offset,
             uint32_t length) {
  auto* piece = result->mutable_read_plan()->add_pieces();
  piece->set_length(length);
  piece->mutable_blob()->mutable_id()->set_high(id.high);
  piece->mutable_blob()->mutable_id()->set_low(id.low);
  piece->mutable_blob()->set_blob_length(blob_length);
  piece->mutable_blob()->set_blob_offset(offset);
}

TEST_CASE("READ: pieces of every kind come in order") {
  Fixture fixture;
  const BlobId first{1, 1};
  const BlobId second{1, 2};
  fixture.blobs.blobs = {{first, "0123456789"}, {second, "abcdefghij"}};
  pb::OperationResult result;
  AddBlob(&result, first, 10, 2, 5);
  AddHole(&result, 3);
  AddInline(&result, "inline");
  AddBlob(&result, second, 10, 0, 10);
  result.mutable_read_plan()->set_end_of_file(true);
  const Outcome outcome = fixture.Run(kReadEntry, ReadArguments(7, 24), result);
  REQUIRE(outcome.status == NFS4_OK);
  CHECK(outcome.planned->read_plan().offset() == 7);
  CHECK(outcome.planned->read_plan().count() == 24);
  CHECK(outcome.planned->read_plan().stateid().seqid() == 1);
  const std::string data = "23456" + std::string(3, '\0') + "inlineabcdefghij";
  CHECK(outcome.reply == Wire().U32(1).Opaque(data).bytes());
}

TEST_CASE("READ: nothing there") {
  Fixture fixture;
  pb::OperationResult result;
  result.mutable_read_plan()->set_end_of_file(true);
  CHECK(ToHex(fixture.Run(kReadEntry, ReadArguments(1 << 20, 4096), result).reply) ==
        "00000001 00000000");
  CHECK(fixture.blobs.reads == 0);
}

TEST_CASE("READ: a file of a thousand pieces is read in batches, in order") {
  Fixture fixture;
  pb::OperationResult result;
  std::string expected;
  for (uint32_t i = 0; i < 1000; ++i) {
    const BlobId id{2, i};
    const std::string bytes = std::to_string(i) + ";";
    fixture.blobs.blobs[id] = bytes;
    AddBlob(&result, id, static_cast<uint32_t>(bytes.size()), 0,
            static_cast<uint32_t>(bytes.size()));
    if (i % 3 == 0) AddInline(&result, "-");
    expected += bytes + (i % 3 == 0 ? "-" : "");
  }
  const Outcome outcome = fixture.Run(kReadEntry, ReadArguments(0, kMaxIoBytes), result);
  REQUIRE(outcome.status == NFS4_OK);
  CHECK(outcome.reply == Wire().U32(0).Opaque(expected).bytes());
  CHECK(fixture.blobs.most_at_once > 1);
  CHECK(fixture.blobs.most_at_once <= 64);
}

TEST_CASE("READ: what is asked for is cut to what a reply can take") {
  Fixture fixture;
  const auto count = [&](uint64_t offset, uint32_t asked) {
    return fixture.Run(kReadEntry, ReadArguments(offset, asked)).planned->read_plan().count();
  };
  CHECK(count(0, ~0u) == kMaxIoBytes);
  CHECK(count(NFS4_UINT64_MAX, 10) == 0);
  CHECK(count(NFS4_UINT64_MAX - 3, 10) == 3);
  fixture.context.max_reply_bytes = 4096 + 11;
  CHECK(count(0, ~0u) == 4096);
  fixture.context.max_reply_bytes = 3;
  CHECK(count(0, ~0u) == 0);
}

TEST_CASE("READ: what the data nodes cannot give") {
  Fixture fixture;
  fixture.blobs.blobs[{1, 1}] = "0123456789";
  pb::OperationResult result;
  AddBlob(&result, {1, 1}, 10, 0, 10);
  fixture.blobs.fail = absl::UnavailableError("two nodes away");
  CHECK(fixture.Run(kReadEntry, ReadArguments(0, 10), result).status == NFS4ERR_DELAY);
  fixture.blobs.fail = absl::DataLossError("gone");
  CHECK(fixture.Run(kReadEntry, ReadArguments(0, 10), result).status == NFS4ERR_IO);
  fixture.blobs.fail = absl::OkStatus();
  fixture.blobs.short_reads = true;
  const Outcome outcome = fixture.Run(kReadEntry, ReadArguments(0, 10), result);
  CHECK(outcome.status == NFS4ERR_IO);
  CHECK(outcome.reply.empty());
}

TEST_CASE("READ: a plan that contradicts itself is never sent on as data") {
  Fixture fixture;
  pb::OperationResult result;
  AddInline(&result, "1234");
  result.mutable_read_plan()->mutable_pieces(0)->set_length(5);
  CHECK(fixture.Run(kReadEntry, ReadArguments(0, 10), result).status == NFS4ERR_SERVERFAULT);
  pb::OperationResult too_much;
  AddHole(&too_much, 11);
  CHECK(fixture.Run(kReadEntry, ReadArguments(0, 10), too_much).status == NFS4ERR_SERVERFAULT);
}

TEST_CASE("READ: of a file that is read from front to back what follows is fetched") {
  Fixture fixture;
  fixture.blobs.blobs[{1, 1}] = "0123456789";
  fixture.metadata.handler = [](const pb::SegmentRequest& request) {
    CHECK(request.operations(0).has_read_plan());
    pb::SegmentResponse response;
    AddBlob(response.add_results(), {1, 2}, 10, 0, 10);
    return response;
  };
  pb::OperationResult result;
  AddBlob(&result, {1, 1}, 10, 0, 10);
  const auto read = [&](uint64_t offset) {
    CHECK(fixture.Run(kReadEntry, ReadArguments(offset, 10), result).status == NFS4_OK);
  };
  SECTION("and it goes on") {
    for (uint64_t i = 0; i < 3; ++i) read(i * 10);
    CHECK(fixture.blobs.prefetched == std::vector<BlobId>{{1, 2}});
  }
  SECTION("and it ends") {
    result.mutable_read_plan()->set_end_of_file(true);
    for (uint64_t i = 0; i < 5; ++i) read(i * 10);
    CHECK(fixture.blobs.prefetched.empty());
  }
  SECTION("and it is in many small pieces") {
    for (int i = 0; i < 9; ++i) AddHole(&result, 0);
    AddBlob(&result, {1, 1}, 10, 0, 0);
    for (uint64_t i = 0; i < 5; ++i) read(i * 10);
    CHECK(fixture.blobs.prefetched.empty());
  }
}

// ---- WRITE

std::string WriteArguments(uint64_t offset, uint32_t stable, const std::string& data) {
  return Wire().Stateid(1, 's').U64(offset).U32(stable).Opaque(data);
}

pb::OperationResult Written(uint32_t count, BlobId kept = {}) {
  pb::OperationResult result;
  result.mutable_write()->set_count(count);
  if (kept != BlobId()) {
    result.mutable_write()->mutable_kept_blob()->set_high(kept.high);
    result.mutable_write()->mutable_kept_blob()->set_low(kept.low);
  }
  return result;
}

TEST_CASE("WRITE: small data goes inline, stable whatever was asked") {
  Fixture fixture;
  for (uint32_t stable : {UNSTABLE4, DATA_SYNC4, FILE_SYNC4}) {
    const Outcome outcome =
        fixture.Run(kWriteEntry, WriteArguments(100, stable, "hello"), Written(5));
    REQUIRE(outcome.status == NFS4_OK);
    CHECK(outcome.planned->write_commit().offset() == 100);
    CHECK(outcome.planned->write_commit().length() == 5);
    CHECK(outcome.planned->write_commit().inline_data() == "hello");
    CHECK(outcome.reply == Wire().U32(5).U32(FILE_SYNC4).Raw("VERIFIER").bytes());
  }
  CHECK_FALSE(fixture.Run(kWriteEntry, WriteArguments(0, 3, "x")).decoded);
  const Outcome largest =
      fixture.Run(kWriteEntry, WriteArguments(0, 0, std::string(kInlineBytes, 'i')), Written(0));
  CHECK(largest.planned->write_commit().inline_data().size() == kInlineBytes);
  CHECK(fixture.blobs.blobs.empty());
}

TEST_CASE("WRITE: larger data becomes a blob, straight from the request's memory") {
  Fixture fixture;
  std::string data(kInlineBytes + 1, 'd');
  data.back() = '!';
  const std::string arguments = WriteArguments(0, 0, data);
  const Buffer record = Buffer::Copy(arguments);
  xdr::Reader reader(record);
  auto operation = kWriteEntry.decode(reader);
  REQUIRE(reader.ok());
  const BlobId id = BlobId::Make(1, 1000, 1);
  const Outcome outcome = fixture.Run(*operation, Written(static_cast<uint32_t>(data.size()), id));
  REQUIRE(outcome.status == NFS4_OK);
  const pb::NewBlob& blob = outcome.planned->write_commit().blob();
  CHECK(blob.id().high() == id.high);
  CHECK(blob.id().low() == id.low);
  CHECK(blob.length() == data.size());
  CHECK(blob.missing_mask() == 0b100000);
  CHECK(fixture.blobs.blobs.at(id) == data);
  CHECK(fixture.blobs.written_from == record.data() + 16 + 8 + 4 + 4);
  CHECK(fixture.blobs.deleted.empty());
}

TEST_CASE("WRITE: a blob that did not become part of the file is dropped") {
  Fixture fixture;
  const std::string arguments = WriteArguments(0, 0, std::string(20'000, 'd'));
  SECTION("the metadata refused") {
    pb::OperationResult refused;
    refused.set_error(pb::FS_BAD_STATEID);
    CHECK(fixture.Run(kWriteEntry, arguments, refused).status == NFS4ERR_BAD_STATEID);
  }
  SECTION("a retry that had run before: the file has the first blob") {
    CHECK(fixture.Run(kWriteEntry, arguments, Written(20'000, BlobId{7, 7})).status == NFS4_OK);
  }
  SECTION("the first time it was inline, or there is no word of it") {
    CHECK(fixture.Run(kWriteEntry, arguments, Written(20'000)).status == NFS4_OK);
  }
  CHECK(fixture.blobs.deleted == std::vector<BlobId>{BlobId::Make(1, 1000, 1)});
  CHECK(fixture.blobs.blobs.empty());
}

TEST_CASE("WRITE: what is hopeless is refused before anything is stored") {
  Fixture fixture;
  const std::string data(20'000, 'd');
  for (uint64_t offset : {kMaxFileBytes, kMaxFileBytes - 19'999, NFS4_UINT64_MAX,
                          NFS4_UINT64_MAX - 20'000, uint64_t{1} << 63}) {
    INFO(offset);
    const Outcome outcome = fixture.Run(kWriteEntry, WriteArguments(offset, 0, data));
    CHECK(outcome.status == NFS4ERR_FBIG);
    CHECK_FALSE(outcome.planned.has_value());
  }
  CHECK(fixture.blobs.blobs.empty());
  CHECK(fixture.Run(kWriteEntry, WriteArguments(kMaxFileBytes - 20'000, 0, data), Written(1))
            .status == NFS4_OK);
}

TEST_CASE("WRITE: more than the advertised maximum is written in part") {
  Fixture fixture;
  const Outcome outcome = fixture.Run(
      kWriteEntry, WriteArguments(0, 0, std::string(kMaxIoBytes + 100, 'd')), Written(kMaxIoBytes));
  CHECK(outcome.planned->write_commit().length() == kMaxIoBytes);
}

TEST_CASE("WRITE: data nodes that cannot take it") {
  Fixture fixture;
  const std::string arguments = WriteArguments(0, 0, std::string(20'000, 'd'));
  const auto status = [&](absl::Status why) {
    fixture.blobs.fail = why;
    const Outcome outcome = fixture.Run(kWriteEntry, arguments);
    CHECK_FALSE(outcome.planned.has_value());
    return outcome.status;
  };
  CHECK(status(absl::UnavailableError("")) == NFS4ERR_DELAY);
  CHECK(status(absl::CancelledError("")) == NFS4ERR_DELAY);
  CHECK(status(absl::ResourceExhaustedError("")) == NFS4ERR_NOSPC);
  CHECK(status(absl::InternalError("")) == NFS4ERR_IO);
}

}  // namespace
}  // namespace openefs::nfs4::testing
