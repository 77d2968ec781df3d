#include "server/nfs4/file_handle.h"

#include <catch2/catch.hpp>
#include <string>

namespace openefs::nfs4 {
namespace {

constexpr std::string_view kKey = "0123456789abcdef";

pb::FileRef Ref(uint64_t fs_id, uint64_t inode, uint32_t generation) {
  pb::FileRef file;
  file.set_fs_id(fs_id);
  file.set_inode(inode);
  file.set_generation(generation);
  return file;
}

std::string Encoded(const FileHandleCodec& codec, const pb::FileRef& file) {
  const auto bytes = codec.Encode(file);
  return std::string(bytes.data(), bytes.size());
}

TEST_CASE("file handle: what was encoded is decoded") {
  const FileHandleCodec codec(kKey);
  for (const pb::FileRef& file :
       {Ref(0, 1, 0), Ref(1, 2, 3), Ref(~0ull, ~0ull, ~0u), Ref(0x8000000000000000, 1, 7)}) {
    pb::FileRef decoded;
    REQUIRE(codec.Decode(Encoded(codec, file), &decoded) == NFS4_OK);
    CHECK(decoded.fs_id() == file.fs_id());
    CHECK(decoded.inode() == file.inode());
    CHECK(decoded.generation() == file.generation());
    CHECK(FileHandleCodec::ClaimedFileSystem(Encoded(codec, file)) == file.fs_id());
  }
}

TEST_CASE("file handle: the same file has one handle, on every front-end") {
  CHECK(Encoded(FileHandleCodec(kKey), Ref(5, 6, 7)) ==
        Encoded(FileHandleCodec(kKey), Ref(5, 6, 7)));
}

TEST_CASE("file handle: one flipped bit anywhere is no handle") {
  const FileHandleCodec codec(kKey);
  const std::string handle = Encoded(codec, Ref(0x1234, 42, 1));
  for (size_t bit = 0; bit < handle.size() * 8; ++bit) {
    std::string forged = handle;
    forged[bit / 8] = static_cast<char>(forged[bit / 8] ^ (1 << bit % 8));
    pb::FileRef file;
    INFO(bit);
    CHECK(codec.Decode(forged, &file) == NFS4ERR_BADHANDLE);
    CHECK(file.inode() == 0);
  }
}

TEST_CASE("file handle: another cluster's key, and every wrong length") {
  const FileHandleCodec codec(kKey);
  const std::string handle = Encoded(codec, Ref(1, 2, 3));
  pb::FileRef file;
  CHECK(FileHandleCodec("fedcba9876543210").Decode(handle, &file) == NFS4ERR_BADHANDLE);
  for (size_t length = 0; length <= NFS4_FHSIZE; ++length) {
    if (length == handle.size()) continue;
    std::string other = handle;
    other.resize(length);
    CHECK(codec.Decode(other, &file) == NFS4ERR_BADHANDLE);
  }
}

}  // namespace
}  // namespace openefs::nfs4
