#include "bench/generator/compound.h"

#include <algorithm>
#include <catch2/catch.hpp>
#include <vector>

#include "bench/generator/pattern.h"
#include "server/nfs4/compound_decoder.h"
#include "server/rpc/message.h"

namespace openefs::bench {

using namespace nfs4;

namespace {

const std::string kSession(16, 's');
const std::string kStateid(16, 't');

std::string BytesOf(const BufferList& pieces) {
  std::string bytes;
  for (const Buffer& piece : pieces) bytes += piece.view();
  return bytes;
}

// The request on the wire, behind a SEQUENCE.
std::string OnTheWire(Request& request) {
  request.Seal();
  const SequenceHeader sequence{kSession, 7, 3, 63};
  return EncodeCallHeader(99, AuthSys(1000, 100, "host"), request, &sequence) +
         BytesOf(request.pieces());
}

// Whether the server's decoder makes operations of all of it.
bool DecodedWhole(const std::string& arguments, uint32_t operations) {
  const auto decoded = DecodeCompound(Buffer::Copy(arguments));
  if (!decoded || decoded->operations.size() != operations) return false;
  return std::all_of(decoded->operations.begin(), decoded->operations.end(),
                     [](const DecodedOperation& one) { return one.status == NFS4_OK; });
}

xdr::Reader ReaderOf(const std::string& bytes) { return xdr::Reader(Buffer::Copy(bytes)); }

}  // namespace

TEST_CASE("a call is one record with the caller's identity and SEQUENCE before the operations") {
  Request request(CallKind::kGetattr);
  request.PutFh("handle").GetAttr({FATTR4_TYPE, FATTR4_FILEID}).Cached();
  const std::string wire = OnTheWire(request);

  const uint32_t mark = ReaderOf(wire).U32();
  CHECK((mark & 0x80000000) != 0);
  CHECK((mark & 0x7fffffff) == wire.size() - 4);

  const std::string record = wire.substr(4);
  rpc::CallHeader call;
  REQUIRE(rpc::DecodeCall(record, &call) == rpc::CallFault::kNone);
  CHECK(call.xid == 99);
  CHECK(call.program == kNfsProgram);
  CHECK(call.version == kNfsVersion);
  CHECK(call.procedure == kProcCompound);
  CHECK(call.credentials.uid() == 1000);
  CHECK(call.credentials.gid() == 100);

  xdr::Reader arguments = ReaderOf(record.substr(call.arguments_at));
  CHECK(arguments.Opaque(0).empty());  // tag
  CHECK(arguments.U32() == 1);
  CHECK(arguments.U32() == 3);
  CHECK(arguments.U32() == OP_SEQUENCE);
  CHECK(arguments.FixedOpaque(16) == kSession);
  CHECK(arguments.U32() == 7);
  CHECK(arguments.U32() == 3);
  CHECK(arguments.U32() == 63);
  CHECK(arguments.Bool());
  CHECK(arguments.U32() == OP_PUTFH);
  CHECK(arguments.Opaque(128) == "handle");
  CHECK(arguments.U32() == OP_GETATTR);
  CHECK(arguments.U32() == 1);  // words of the bitmap
  CHECK(arguments.U32() == (1u << FATTR4_TYPE | 1u << FATTR4_FILEID));
  CHECK(arguments.ok());
  CHECK(arguments.remaining() == 0);
}

TEST_CASE("a request may be sent again: sealing does not use it up") {
  Request request(CallKind::kWrite);
  request.PutFh("h").Write(kStateid, 5, FILE_SYNC4, PatternBytes(1, 5, 10'001));
  const std::string first = OnTheWire(request);
  CHECK(first == OnTheWire(request));
  CHECK(first.size() % 4 == 0);
}

TEST_CASE("every operation is what the server's own decoder reads") {
  std::vector<Request> requests;
  const auto add = [&](CallKind kind) -> Request& { return requests.emplace_back(kind); };
  OpenHow guarded{.create = true, .guarded = true};
  OpenHow truncate{.create = true, .truncate = true};
  add(CallKind::kLookup).PutRootFh().Lookup("name").GetFh();
  add(CallKind::kAccess).PutFh("h").Access(ACCESS4_READ);
  add(CallKind::kReaddir).PutFh("h").ReadDir(5, 6, 32768, {FATTR4_TYPE});
  add(CallKind::kCreate).PutFh("h").MakeDirectory("d");
  add(CallKind::kRemove).PutFh("h").Remove("a").Remove("b");
  add(CallKind::kRename).PutFh("h").SaveFh().PutFh("i").Rename("a", "b");
  add(CallKind::kOpen).PutFh("h").Open(1, "owner", "name", {});
  add(CallKind::kOpen).PutFh("h").Open(1, "owner", "name", guarded);
  add(CallKind::kOpen).PutFh("h").Open(1, "owner", "name", truncate);
  add(CallKind::kClose).PutFh("h").Close(kStateid);
  add(CallKind::kRead).PutFh("h").Read(kStateid, 1, 2);
  add(CallKind::kWrite).PutFh("h").Write(kStateid, 1, UNSTABLE4, PatternBytes(1, 1, 3));
  add(CallKind::kCommit).PutFh("h").Commit(0, 0);
  add(CallKind::kLock).PutFh("h").Lock(1, "owner", kStateid, 0, 10);
  add(CallKind::kLock).PutFh("h").LockAgain(kStateid, 0, 10);
  add(CallKind::kLocku).PutFh("h").Unlock(kStateid, 0, 10);
  add(CallKind::kSession).ReclaimComplete();
  for (Request& request : requests) {
    request.Seal();
    xdr::Writer head;
    head.Opaque("");
    head.U32(1);
    head.U32(request.operations());
    const std::string arguments = BytesOf(head.Finish()) + BytesOf(request.pieces());
    INFO(NameOf(request.kind()));
    CHECK(DecodedWhole(arguments, request.operations()));
  }
}

TEST_CASE("a reply is read in order, and what is not there makes it malformed") {
  xdr::Writer writer;
  writer.U32(NFS4_OK);
  writer.Opaque("tag");
  writer.U32(2);
  writer.U32(OP_PUTFH);
  writer.U32(NFS4_OK);
  writer.U32(OP_GETFH);
  writer.U32(NFS4_OK);
  writer.Opaque("handle");
  const std::string bytes = BytesOf(writer.Finish());

  Reply good(ReaderOf(bytes));
  CHECK(good.ok());
  good.Skip({OP_PUTFH, OP_GETFH});
  CHECK(good.body().Opaque(128) == "handle");
  CHECK(good.Status("GETFH").ok());
  good.Skip({OP_GETATTR});
  CHECK(absl::IsDataLoss(good.Status("GETFH")));

  Reply wrong(ReaderOf(bytes));
  wrong.Skip({OP_GETFH});
  CHECK(absl::IsDataLoss(wrong.Status("GETFH")));

  for (size_t cut = 0; cut < bytes.size(); ++cut) {
    Reply part(ReaderOf(bytes.substr(0, cut)));
    if (part.ok()) part.Skip({OP_PUTFH, OP_GETFH}).body().Opaque(128);
    CHECK_FALSE(part.Status("GETFH").ok());
  }
}

TEST_CASE("errors are told by name") {
  const auto failed = [](nfsstat4 status) {
    xdr::Writer writer;
    writer.U32(status);
    writer.Opaque("");
    writer.U32(0);
    return Reply(ReaderOf(BytesOf(writer.Finish()))).Status("OPEN");
  };
  CHECK(failed(NFS4ERR_NOSPC).message() == "OPEN: NFS4ERR_NOSPC");
  CHECK(absl::IsNotFound(failed(NFS4ERR_NOENT)));
  CHECK(absl::IsAlreadyExists(failed(NFS4ERR_EXIST)));
  CHECK(failed(static_cast<nfsstat4>(12345)).message() == "OPEN: nfsstat4 12345");
}

TEST_CASE("the pattern of a range is the range of the pattern") {
  const std::string whole = BytesOf(PatternBytes(7, 0, 5'000'000));
  for (const uint64_t offset : {0u, 1u, 4096u, 2'097'142u, 2'097'143u, 3'000'001u}) {
    const std::string part = BytesOf(PatternBytes(7, offset, 100'000));
    CHECK((part == whole.substr(offset, 100'000)));
    CHECK(IsPattern(7, offset, part));
    CHECK_FALSE(IsPattern(8, offset, part));
    CHECK_FALSE(IsPattern(7, offset + 4096, part));
    std::string damaged = part;
    damaged[99'999] = static_cast<char>(damaged[99'999] + 1);
    CHECK_FALSE(IsPattern(7, offset, damaged));
  }
  CHECK_FALSE(IsPattern(7, 0, std::string(4096, '\0')));
}

}  // namespace openefs::bench
