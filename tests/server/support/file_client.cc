#include "tests/server/support/file_client.h"

#include <utility>

#include "common/check.h"

namespace openefs::testing {

using namespace nfs4;  // the wire's names

namespace {

// "a/b/c" -> ("a/b", "c")
std::pair<std::string, std::string> Split(const std::string& path) {
  const size_t slash = path.rfind('/');
  if (slash == path.npos) return {"", path};
  return {path.substr(0, slash), path.substr(slash + 1)};
}

Compound& Walk(Compound& compound, const std::string& path) {
  size_t begin = 0;
  while (begin < path.size()) {
    const size_t end = std::min(path.find('/', begin), path.size());
    compound.Lookup(path.substr(begin, end - begin));
    begin = end + 1;
  }
  return compound;
}

void WriteMask(xdr::Writer& writer, std::initializer_list<uint32_t> numbers) {
  uint32_t words[2] = {};
  for (uint32_t number : numbers) words[number / 32] |= 1u << number % 32;
  writer.U32(2);
  writer.U32(words[0]);
  writer.U32(words[1]);
}

void WriteMode(xdr::Writer& writer, uint32_t mode) {
  WriteMask(writer, {FATTR4_MODE});
  writer.U32(4);
  writer.U32(mode);
}

// One READDIR4resok into `listing`; the cookie to go on from.
uint64_t TakePage(xdr::Reader& reader, Listing* listing, bool* end) {
  uint64_t cookie = 0;
  reader.U64();
  while (reader.Bool()) {
    cookie = reader.U64();
    listing->names.emplace_back(reader.Opaque(1024));
    const uint32_t words = reader.ArrayLength(3, 4);
    for (uint32_t i = 0; i < words; ++i) reader.U32();
    reader.Opaque(1024);
  }
  *end = reader.Bool();
  OPENEFS_CHECK(reader.ok());
  return cookie;
}

}  // namespace

FileClient::FileClient(uint16_t port, const std::string& owner) : nfs_(port) { nfs_.Mount(owner); }

Compound FileClient::At(const std::string& path, bool cache_this) {
  Compound compound = nfs_.InSession(0, cache_this);
  compound.PutRootFh();
  return std::move(Walk(compound, path));
}

nfsstat4 FileClient::MakeDirectory(const std::string& path) {
  const auto [directory, name] = Split(path);
  return nfs_.Run(At(directory).MakeDirectory(name)).status;
}

nfsstat4 FileClient::MakeSymlink(const std::string& target, const std::string& path) {
  const auto [directory, name] = Split(path);
  return nfs_
      .Run(At(directory).Op(OP_CREATE,
                            [&, &leaf = name](xdr::Writer& writer) {
                              writer.U32(NF4LNK);
                              writer.Opaque(target);
                              writer.Opaque(leaf);
                              WriteMode(writer, 0777);
                            }))
      .status;
}

std::pair<nfsstat4, std::string> FileClient::ReadSymlink(const std::string& path) {
  CompoundReply reply = nfs_.Run(At(path).Op(OP_READLINK));
  if (reply.status != NFS4_OK) return {reply.status, ""};
  reply.SkipTo(OP_READLINK);
  return {NFS4_OK, std::string(reply.results.Opaque(4096))};
}

nfsstat4 FileClient::Remove(const std::string& path) {
  const auto [directory, name] = Split(path);
  return nfs_.Run(At(directory).Remove(name)).status;
}

nfsstat4 FileClient::Rename(const std::string& from, const std::string& to) {
  const auto source = Split(from);
  const auto target = Split(to);
  Compound compound = At(source.first);
  compound.SaveFh().PutRootFh();
  Walk(compound, target.first).Op(OP_RENAME, [&](xdr::Writer& writer) {
    writer.Opaque(source.second);
    writer.Opaque(target.second);
  });
  return nfs_.Run(compound).status;
}

nfsstat4 FileClient::Link(const std::string& from, const std::string& to) {
  const auto target = Split(to);
  Compound compound = At(from);
  compound.SaveFh().PutRootFh();
  Walk(compound, target.first).Op(OP_LINK, [&](xdr::Writer& writer) {
    writer.Opaque(target.second);
  });
  return nfs_.Run(compound).status;
}

nfsstat4 FileClient::Truncate(const std::string& path, uint64_t size) {
  return nfs_
      .Run(At(path).Op(OP_SETATTR,
                       [&](xdr::Writer& writer) {
                         writer.FixedOpaque(std::string(16, '\0'));
                         WriteMask(writer, {FATTR4_SIZE});
                         writer.U32(8);
                         writer.U64(size);
                       }))
      .status;
}

FileInfo FileClient::Stat(const std::string& path) {
  CompoundReply reply =
      nfs_.Run(At(path).GetAttr({FATTR4_TYPE, FATTR4_CHANGE, FATTR4_SIZE, FATTR4_FILEID,
                                 FATTR4_MODE, FATTR4_NUMLINKS, FATTR4_OWNER}));
  FileInfo info;
  info.status = reply.status;
  if (info.status != NFS4_OK) return info;
  reply.SkipTo(OP_GETATTR);
  const uint32_t words = reply.results.ArrayLength(3, 4);
  for (uint32_t i = 0; i < words; ++i) reply.results.U32();
  reply.results.U32();
  info.type = reply.results.U32();
  info.change = reply.results.U64();
  info.size = reply.results.U64();
  info.fileid = reply.results.U64();
  info.mode = reply.results.U32();
  info.links = reply.results.U32();
  info.owner = reply.results.Opaque(64);
  OPENEFS_CHECK(reply.results.ok() && reply.results.remaining() == 0);
  return info;
}

Listing FileClient::List(const std::string& path, uint32_t page_bytes) {
  Listing listing;
  uint64_t cookie = 0;
  for (bool end = false; !end;) {
    CompoundReply reply = nfs_.Run(At(path, false).Op(OP_READDIR, [&](xdr::Writer& writer) {
      writer.U64(cookie);
      writer.U64(0);
      writer.U32(0);
      writer.U32(page_bytes);
      WriteMask(writer, {FATTR4_TYPE, FATTR4_FILEID, FATTR4_MODE});
    }));
    listing.status = reply.status;
    if (listing.status != NFS4_OK) return listing;
    reply.SkipTo(OP_READDIR);
    OPENEFS_CHECK(reply.results.remaining() <= page_bytes);
    cookie = TakePage(reply.results, &listing, &end);
    ++listing.pages;
  }
  return listing;
}

OpenedFile FileClient::OpenWith(const std::string& path, const Compound::Arguments& how) {
  const auto [directory, name] = Split(path);
  Compound compound = At(directory);
  compound.Op(OP_OPEN, [&, &leaf = name](xdr::Writer& writer) {
    writer.U32(0);
    writer.U32(OPEN4_SHARE_ACCESS_BOTH);
    writer.U32(OPEN4_SHARE_DENY_NONE);
    writer.U64(nfs_.client_id);
    writer.Opaque("open owner");
    writer.U32(OPEN4_CREATE);
    how(writer);
    writer.U32(CLAIM_NULL);
    writer.Opaque(leaf);
  });
  CompoundReply reply = nfs_.Run(compound.GetFh());
  OpenedFile file;
  file.status = reply.status;
  if (file.status != NFS4_OK) return file;
  reply.SkipTo(OP_OPEN);
  file.stateid = reply.results.FixedOpaque(16);
  reply.results.FixedOpaque(4 + 8 + 8 + 4);  // change_info4 and flags
  const uint32_t words = reply.results.ArrayLength(3, 4);
  for (uint32_t i = 0; i < words; ++i) reply.results.U32();
  OPENEFS_CHECK(reply.results.U32() == OPEN_DELEGATE_NONE);
  OPENEFS_CHECK(reply.Next(OP_GETFH) == NFS4_OK);
  file.handle = reply.results.Opaque(NFS4_FHSIZE);
  return file;
}

OpenedFile FileClient::Open(const std::string& path) {
  return OpenWith(path, [](xdr::Writer& writer) {
    writer.U32(UNCHECKED4);
    WriteMode(writer, 0644);
  });
}

OpenedFile FileClient::OpenExclusive(const std::string& path, uint64_t verifier) {
  return OpenWith(path, [&](xdr::Writer& writer) {
    writer.U32(EXCLUSIVE4_1);
    writer.U64(verifier);
    WriteMode(writer, 0600);
  });
}

nfsstat4 FileClient::Close(const OpenedFile& file) {
  return nfs_.Run(nfs_.InSession().PutFh(file.handle).Close(file.stateid)).status;
}

nfsstat4 FileClient::Write(const OpenedFile& file, uint64_t offset, std::string_view bytes) {
  CompoundReply reply =
      nfs_.Run(nfs_.InSession().PutFh(file.handle).Write(file.stateid, offset, bytes));
  if (reply.status != NFS4_OK) return reply.status;
  reply.SkipTo(OP_WRITE);
  OPENEFS_CHECK(reply.results.U32() == bytes.size());
  OPENEFS_CHECK(reply.results.U32() == FILE_SYNC4);
  return NFS4_OK;
}

ReadBytes FileClient::Read(const OpenedFile& file, uint64_t offset, uint32_t count) {
  CompoundReply reply =
      nfs_.Run(nfs_.InSession(0, false).PutFh(file.handle).Read(file.stateid, offset, count));
  ReadBytes read;
  read.status = reply.status;
  if (read.status != NFS4_OK) return read;
  reply.SkipTo(OP_READ);
  read.end = reply.results.Bool();
  read.bytes = reply.results.Opaque(count);
  OPENEFS_CHECK(reply.results.ok());
  return read;
}

std::pair<nfsstat4, Stateid> FileClient::Lock(const OpenedFile& file, const std::string& owner,
                                              uint64_t offset, uint64_t length) {
  CompoundReply reply =
      nfs_.Run(nfs_.InSession().PutFh(file.handle).Op(OP_LOCK, [&](xdr::Writer& writer) {
        writer.U32(WRITE_LT);
        writer.Bool(false);
        writer.U64(offset);
        writer.U64(length);
        writer.Bool(true);
        writer.U32(0);
        writer.FixedOpaque(file.stateid);
        writer.U32(0);
        writer.U64(nfs_.client_id);
        writer.Opaque(owner);
      }));
  if (reply.status != NFS4_OK) return {reply.status, ""};
  reply.SkipTo(OP_LOCK);
  return {NFS4_OK, std::string(reply.results.FixedOpaque(16))};
}

nfsstat4 FileClient::Unlock(const OpenedFile& file, const Stateid& lock, uint64_t offset,
                            uint64_t length) {
  return nfs_
      .Run(nfs_.InSession()
               .PutFh(file.handle)
               .Op(OP_LOCKU,
                   [&](xdr::Writer& writer) {
                     writer.U32(WRITE_LT);
                     writer.U32(0);
                     writer.FixedOpaque(lock);
                     writer.U64(offset);
                     writer.U64(length);
                   }))
      .status;
}

}  // namespace openefs::testing
