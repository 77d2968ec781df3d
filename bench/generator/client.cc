#include "bench/generator/client.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "server/xdr/xdr.h"

namespace openefs::bench {

using namespace nfs4;  // the wire's names

namespace {

constexpr uint32_t kStateidBytes = 4 + NFS4_OTHER_SIZE;
constexpr uint32_t kAllAccess = ACCESS4_READ | ACCESS4_LOOKUP | ACCESS4_MODIFY | ACCESS4_EXTEND |
                                ACCESS4_DELETE | ACCESS4_EXECUTE;

// The attributes that every call asks for, in the order of their numbers.
#define OPENEFS_BENCH_ATTRIBUTES \
  { FATTR4_TYPE, FATTR4_CHANGE, FATTR4_SIZE, FATTR4_FILEID }

// The body of a GETATTR result that asked for them.
Attributes TakeAttributes(xdr::Reader& reader) {
  SkipBitmap(reader);
  const uint32_t bytes = reader.U32();
  Attributes attributes;
  attributes.type = reader.U32();
  attributes.change = reader.U64();
  attributes.size = reader.U64();
  attributes.fileid = reader.U64();
  if (bytes != 4 + 3 * 8) reader.Fail();  // one is missing: the server does not support it
  return attributes;
}

Attributes NextAttributes(Reply& reply) {
  reply.Skip({OP_GETATTR});
  return TakeAttributes(reply.body());
}

FileHandle NextHandle(Reply& reply) {
  reply.Skip({OP_GETFH});
  return FileHandle(reply.body().Opaque(NFS4_FHSIZE));
}

Stateid TakeStateid(xdr::Reader& reader) { return Stateid(reader.FixedOpaque(kStateidBytes)); }

// What LOCK or LOCKU made of the lock's stateid.
absl::StatusOr<Stateid> LockStateid(Reply& reply, nfs_opnum4 opcode, std::string_view name) {
  Stateid stateid;
  if (reply.ok()) stateid = TakeStateid(reply.Skip({OP_PUTFH, opcode}).body());
  const absl::Status status = reply.Status(name);
  if (!status.ok()) return status;
  return stateid;
}

// OPEN4resok (RFC 8881 18.16.2). A delegation that was not wanted is malformed.
Stateid NextOpen(Reply& reply) {
  reply.Skip({OP_OPEN});
  xdr::Reader& body = reply.body();
  Stateid stateid = TakeStateid(body);
  SkipChangeInfo(body);
  body.U32();  // rflags
  SkipBitmap(body);
  const uint32_t delegation = body.U32();
  if (delegation == OPEN_DELEGATE_NONE_EXT) {
    const uint32_t why = body.U32();
    if (why == 1 || why == 2) body.Bool();  // WND4_CONTENTION, WND4_RESOURCE
  } else if (delegation != OPEN_DELEGATE_NONE) {
    body.Fail();
  }
  return stateid;
}

}  // namespace

Task<absl::StatusOr<FileHandle>> Client::LookupPath(std::string path) {
  Request request(CallKind::kLookup);
  request.PutRootFh();
  size_t parts = 0;
  for (size_t begin = 0; begin < path.size();) {
    const size_t end = std::min(path.find('/', begin), path.size());
    if (end > begin) request.Lookup(path.substr(begin, end - begin));
    parts += end > begin;
    begin = end + 1;
  }
  request.GetFh();
  Reply reply = co_await session_.Run(std::move(request));
  FileHandle handle;
  if (reply.ok()) {
    reply.Skip({OP_PUTROOTFH});
    for (size_t i = 0; i < parts; ++i) reply.Skip({OP_LOOKUP});
    handle = NextHandle(reply);
  }
  const absl::Status status = reply.Status("LOOKUP of the path");
  if (!status.ok()) co_return status;
  co_return handle;
}

Task<absl::StatusOr<Found>> Client::Lookup(FileHandle directory, std::string name) {
  Request request(CallKind::kLookup);
  request.PutFh(directory).Lookup(name).GetFh().GetAttr(OPENEFS_BENCH_ATTRIBUTES);
  Reply reply = co_await session_.Run(std::move(request));
  Found found;
  if (reply.ok()) {
    reply.Skip({OP_PUTFH, OP_LOOKUP});
    found.handle = NextHandle(reply);
    found.attributes = NextAttributes(reply);
  }
  const absl::Status status = reply.Status("LOOKUP");
  if (!status.ok()) co_return status;
  co_return found;
}

Task<absl::Status> Client::LookupMissing(FileHandle directory, std::string name) {
  Request request(CallKind::kLookup);
  request.PutFh(directory).Lookup(name).GetFh();
  const Reply reply = co_await session_.Run(std::move(request));
  const absl::Status status = reply.Status("LOOKUP");
  if (absl::IsNotFound(status)) co_return absl::OkStatus();
  if (!status.ok()) co_return status;
  co_return absl::DataLossError("LOOKUP found a name that is not there");
}

Task<absl::StatusOr<FileHandle>> Client::MakeDirectory(FileHandle parent, std::string name) {
  Request request(CallKind::kCreate);
  request.PutFh(parent).MakeDirectory(name).GetFh().Cached();
  Reply reply = co_await session_.Run(std::move(request));
  FileHandle handle;
  if (reply.ok()) {
    reply.Skip({OP_PUTFH, OP_CREATE});
    SkipChangeInfo(reply.body());
    SkipBitmap(reply.body());
    handle = NextHandle(reply);
  }
  const absl::Status status = reply.Status("CREATE");
  if (absl::IsAlreadyExists(status)) {
    absl::StatusOr<Found> found = co_await Lookup(std::move(parent), std::move(name));
    if (!found.ok()) co_return found.status();
    co_return std::move(found->handle);
  }
  if (!status.ok()) co_return status;
  co_return handle;
}

Task<absl::Status> Client::Remove(FileHandle directory, std::string name) {
  Request request(CallKind::kRemove);
  request.PutFh(directory).Remove(name).Cached();
  const Reply reply = co_await session_.Run(std::move(request));
  const absl::Status status = reply.Status("REMOVE");
  if (reply.maybe_repeated() && absl::IsNotFound(status)) co_return absl::OkStatus();
  co_return status;
}

Task<absl::Status> Client::RemoveAll(FileHandle directory, std::vector<std::string> names) {
  Request request(CallKind::kRemove);
  request.PutFh(directory);
  for (const std::string& name : names) request.Remove(name);
  const Reply reply = co_await session_.Run(std::move(request.Cached()));
  const absl::Status status = reply.Status("REMOVE");
  if (!absl::IsNotFound(status)) co_return status;
  for (const std::string& name : names) {  // which one it was
    const absl::Status one = co_await Remove(directory, name);
    if (!one.ok() && !absl::IsNotFound(one)) co_return one;
  }
  co_return absl::OkStatus();
}

Task<absl::Status> Client::Rename(FileHandle from_directory, std::string from,
                                  FileHandle to_directory, std::string to) {
  Request request(CallKind::kRename);
  request.PutFh(from_directory).SaveFh().PutFh(to_directory).Rename(from, to).Cached();
  const Reply reply = co_await session_.Run(std::move(request));
  const absl::Status status = reply.Status("RENAME");
  if (reply.maybe_repeated() && absl::IsNotFound(status)) co_return absl::OkStatus();
  co_return status;
}

Task<absl::StatusOr<DirectoryPage>> Client::ReadDir(FileHandle directory, uint64_t cookie,
                                                    uint64_t verifier, uint32_t max_bytes) {
  Request request(CallKind::kReaddir);
  request.PutFh(directory).ReadDir(cookie, verifier, max_bytes,
                                   {FATTR4_TYPE, FATTR4_SIZE, FATTR4_FILEID});
  Reply reply = co_await session_.Run(std::move(request));
  DirectoryPage page;
  page.cookie = cookie;
  if (reply.ok()) {
    reply.Skip({OP_PUTFH, OP_READDIR});
    xdr::Reader& body = reply.body();
    page.verifier = body.U64();
    while (body.Bool()) {
      DirectoryEntry& entry = page.entries.emplace_back();
      page.cookie = body.U64();
      entry.name = body.Opaque(NFS4_OPAQUE_LIMIT);
      SkipBitmap(body);
      body.U32();
      entry.type = body.U32();
      entry.size = body.U64();
      body.U64();  // fileid
    }
    page.end = body.Bool();
  }
  const absl::Status status = reply.Status("READDIR");
  if (!status.ok()) co_return status;
  if (page.entries.empty() && !page.end) co_return absl::DataLossError("READDIR: an empty page");
  co_return page;
}

Task<absl::StatusOr<Attributes>> Client::GetAttr(FileHandle handle) {
  Request request(CallKind::kGetattr);
  request.PutFh(handle).GetAttr(OPENEFS_BENCH_ATTRIBUTES);
  Reply reply = co_await session_.Run(std::move(request));
  Attributes attributes;
  if (reply.ok()) attributes = NextAttributes(reply.Skip({OP_PUTFH}));
  const absl::Status status = reply.Status("GETATTR");
  if (!status.ok()) co_return status;
  co_return attributes;
}

Task<absl::StatusOr<uint32_t>> Client::Access(FileHandle handle, uint32_t wanted) {
  Request request(CallKind::kAccess);
  request.PutFh(handle).Access(wanted).GetAttr(OPENEFS_BENCH_ATTRIBUTES);
  Reply reply = co_await session_.Run(std::move(request));
  uint32_t granted = 0;
  if (reply.ok()) {
    reply.Skip({OP_PUTFH, OP_ACCESS});
    reply.body().U32();  // supported
    granted = reply.body().U32();
    NextAttributes(reply);
  }
  const absl::Status status = reply.Status("ACCESS");
  if (!status.ok()) co_return status;
  co_return granted;
}

Task<absl::StatusOr<uint32_t>> Client::LeaseSeconds() {
  Request request(CallKind::kGetattr);
  request.PutRootFh().GetAttr({FATTR4_LEASE_TIME});
  Reply reply = co_await session_.Run(std::move(request));
  uint32_t seconds = 0;
  if (reply.ok()) {
    reply.Skip({OP_PUTROOTFH, OP_GETATTR});
    SkipBitmap(reply.body());
    reply.body().U32();
    seconds = reply.body().U32();
  }
  const absl::Status status = reply.Status("GETATTR of the lease time");
  if (!status.ok()) co_return status;
  co_return seconds;
}

Task<absl::StatusOr<OpenFile>> Client::Open(FileHandle directory, std::string name,
                                            std::string owner, OpenHow how) {
  Request request(CallKind::kOpen);
  request.PutFh(directory).Open(session_.client_id(), owner, name, how).GetFh().Access(kAllAccess);
  Reply reply =
      co_await session_.Run(std::move(request.GetAttr(OPENEFS_BENCH_ATTRIBUTES).Cached()));
  OpenFile file;
  file.incarnation = session_.incarnation();
  if (reply.ok()) {
    file.stateid = NextOpen(reply.Skip({OP_PUTFH}));
    file.handle = NextHandle(reply);
    reply.Skip({OP_ACCESS});
    reply.body().U64();
    file.attributes = NextAttributes(reply);
  }
  const absl::Status status = reply.Status("OPEN");
  const bool own_doing = reply.maybe_repeated() && absl::IsAlreadyExists(status);
  if (own_doing) {
    how.guarded = false;
    co_return co_await Open(std::move(directory), std::move(name), std::move(owner), how);
  }
  if (!status.ok()) co_return status;
  co_return file;
}

Task<absl::Status> Client::Close(OpenFile file) {
  if (file.incarnation != session_.incarnation()) co_return absl::OkStatus();  // forgotten already
  Request request(CallKind::kClose);
  request.PutFh(file.handle).Close(file.stateid).Cached();
  const Reply reply = co_await session_.Run(std::move(request));
  if (file.incarnation != session_.incarnation()) co_return absl::OkStatus();
  if (reply.maybe_repeated() && reply.answered()) co_return absl::OkStatus();
  co_return reply.Status("CLOSE");
}

Task<absl::StatusOr<Buffer>> Client::Read(const OpenFile& file, uint64_t offset, uint32_t count) {
  Request request(CallKind::kRead);
  request.PutFh(file.handle).Read(file.stateid, offset, count);
  Reply reply = co_await session_.Run(std::move(request));
  Buffer data;
  if (reply.ok()) {
    reply.Skip({OP_PUTFH, OP_READ});
    reply.body().Bool();  // eof
    data = reply.body().OpaqueBuffer(count);
  }
  const absl::Status status = reply.Status("READ");
  if (!status.ok()) co_return status;
  if (data.size() != count) {
    co_return absl::DataLossError(absl::StrCat("READ gave fewer bytes than there are"));
  }
  co_return data;
}

Task<absl::StatusOr<WriteResult>> Client::Write(const OpenFile& file, uint64_t offset,
                                                uint32_t stable, BufferList data) {
  const size_t bytes = TotalBytes(data);
  Request request(CallKind::kWrite);
  request.PutFh(file.handle).Write(file.stateid, offset, stable, std::move(data));
  // Not cached, as in Linux: a WRITE done twice is a WRITE done once.
  Reply reply = co_await session_.Run(std::move(request.GetAttr(OPENEFS_BENCH_ATTRIBUTES)));
  WriteResult result;
  if (reply.ok()) {
    reply.Skip({OP_PUTFH, OP_WRITE});
    result.count = reply.body().U32();
    result.committed = reply.body().U32();
    result.verifier = reply.body().U64();
    NextAttributes(reply);
  }
  const absl::Status status = reply.Status("WRITE");
  if (!status.ok()) co_return status;
  if (result.count != bytes) co_return absl::DataLossError("WRITE took fewer bytes than it got");
  if (result.committed < stable) co_return absl::DataLossError("WRITE is less stable than asked");
  co_return result;
}

Task<absl::StatusOr<uint64_t>> Client::Commit(FileHandle handle) {
  Request request(CallKind::kCommit);
  request.PutFh(handle).Commit(0, 0);
  Reply reply = co_await session_.Run(std::move(request));
  uint64_t verifier = 0;
  if (reply.ok()) {
    reply.Skip({OP_PUTFH, OP_COMMIT});
    verifier = reply.body().U64();
  }
  const absl::Status status = reply.Status("COMMIT");
  if (!status.ok()) co_return status;
  co_return verifier;
}

Task<absl::StatusOr<Stateid>> Client::Lock(const OpenFile& file, std::string owner, uint64_t offset,
                                           uint64_t length) {
  Request request(CallKind::kLock);
  request.PutFh(file.handle).Lock(session_.client_id(), owner, file.stateid, offset, length);
  Reply reply = co_await session_.Run(std::move(request.Cached()));
  co_return LockStateid(reply, OP_LOCK, "LOCK");
}

Task<absl::StatusOr<Stateid>> Client::LockAgain(const OpenFile& file, Stateid lock, uint64_t offset,
                                                uint64_t length) {
  Request request(CallKind::kLock);
  request.PutFh(file.handle).LockAgain(lock, offset, length).Cached();
  Reply reply = co_await session_.Run(std::move(request));
  co_return LockStateid(reply, OP_LOCK, "LOCK");
}

Task<absl::StatusOr<Stateid>> Client::Unlock(const OpenFile& file, Stateid lock, uint64_t offset,
                                             uint64_t length) {
  Request request(CallKind::kLocku);
  request.PutFh(file.handle).Unlock(lock, offset, length).Cached();
  Reply reply = co_await session_.Run(std::move(request));
  co_return LockStateid(reply, OP_LOCKU, "LOCKU");
}

}  // namespace openefs::bench
