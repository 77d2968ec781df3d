#include <catch2/catch.hpp>

#include "tests/server/ops/fixture.h"
#include "tests/server/ops/wire.h"

namespace openefs::nfs4::testing {
namespace {

constexpr uint32_t kSizeBit = 1u << FATTR4_SIZE;
constexpr uint32_t kErrorBit = 1u << FATTR4_RDATTR_ERROR;
constexpr uint32_t kFileIdBit = 1u << FATTR4_FILEID;

std::string Arguments(uint64_t cookie, uint32_t dir_count, uint32_t max_count,
                      std::initializer_list<uint32_t> mask, uint64_t verifier = 0) {
  Wire wire;
  wire.U64(cookie).U64(verifier).U32(dir_count).U32(max_count).U32(
      static_cast<uint32_t>(mask.size()));
  for (uint32_t word : mask) wire.U32(word);
  return wire;
}

pb::OperationResult Page(const std::vector<std::string>& names, bool end, bool attributes) {
  pb::OperationResult result;
  uint64_t cookie = 3;
  for (const std::string& name : names) {
    auto* entry = result.mutable_read_dir()->add_entries();
    entry->set_cookie(cookie);
    entry->set_name(name);
    entry->mutable_file()->set_fs_id(kFs);
    entry->mutable_file()->set_inode(100 + cookie);
    if (attributes) {
      entry->mutable_attributes()->set_size(cookie);
      *entry->mutable_attributes()->mutable_file() = entry->file();
    }
    ++cookie;
  }
  result.mutable_read_dir()->set_end(end);
  return result;
}

// An entry with FATTR4_SIZE alone.
Wire& AddEntry(Wire& wire, uint64_t cookie, const std::string& name) {
  return wire.U32(1).U64(cookie).Opaque(name).Attributes({kSizeBit}, Wire().U64(cookie).bytes());
}

TEST_CASE("READDIR: a page") {
  Fixture fixture;
  const Outcome outcome = fixture.Run(kReadDirEntry, Arguments(0, 4096, 8192, {kSizeBit}),
                                      Page({"a", "bcde", "f"}, true, true));
  REQUIRE(outcome.status == NFS4_OK);
  CHECK(outcome.planned->read_dir().cookie() == 0);
  CHECK(outcome.planned->read_dir().want_attributes());
  CHECK(outcome.planned->read_dir().max_bytes() == 8192);
  Wire expected;
  expected.U64(0);
  AddEntry(AddEntry(AddEntry(expected, 3, "a"), 4, "bcde"), 5, "f").U32(0).U32(1);
  CHECK(ToHex(outcome.reply) == ToHex(expected.bytes()));
}

TEST_CASE("READDIR: an empty directory, and the end of one") {
  Fixture fixture;
  Outcome outcome = fixture.Run(kReadDirEntry, Arguments(0, 0, 16, {}), Page({}, true, false));
  CHECK(ToHex(outcome.reply) == "00000000 00000000 00000000 00000001");
  outcome = fixture.Run(kReadDirEntry, Arguments(9, 0, 16, {}), Page({}, true, false));
  CHECK(outcome.status == NFS4_OK);
  CHECK(outcome.planned->read_dir().cookie() == 9);
}

TEST_CASE("READDIR: maxcount is honoured to the byte") {
  Fixture fixture;
  const std::vector<std::string> names = {"one", "two", "three", "four"};
  // verifier 8; entries 4+8+4+4 + 8+4+8, "three" 4 more; end 8.
  const uint32_t sizes[] = {8 + 40 + 8, 8 + 80 + 8, 8 + 124 + 8, 8 + 164 + 8};
  for (uint32_t max_count = 16; max_count < 200; ++max_count) {
    const Outcome outcome =
        fixture.Run(kReadDirEntry, Arguments(0, 0, max_count, {kSizeBit}), Page(names, true, true));
    INFO(max_count);
    size_t fit = 0;
    while (fit < 4 && sizes[fit] <= max_count) ++fit;
    if (fit == 0) {
      CHECK(outcome.status == NFS4ERR_TOOSMALL);
      continue;
    }
    REQUIRE(outcome.status == NFS4_OK);
    CHECK(outcome.reply.size() == sizes[fit - 1]);
    CHECK(outcome.reply.size() <= max_count);
    // eof only if nothing was left out
    CHECK(static_cast<int>(outcome.reply.back()) == (fit == 4 ? 1 : 0));
  }
}

TEST_CASE("READDIR: the session's limit holds too") {
  Fixture fixture;
  fixture.context.max_reply_bytes = 8 + 80 + 8;
  const Outcome outcome = fixture.Run(kReadDirEntry, Arguments(0, 0, 1 << 20, {kSizeBit}),
                                      Page({"one", "two", "three"}, true, true));
  CHECK(outcome.status == NFS4_OK);
  CHECK(outcome.reply.size() == 8 + 80 + 8);
}

TEST_CASE("READDIR: dircount limits names, but never to none") {
  Fixture fixture;
  const auto entries = [&](uint32_t dir_count) {
    const Outcome outcome = fixture.Run(kReadDirEntry, Arguments(0, dir_count, 8192, {kSizeBit}),
                                        Page({"a", "b", "c"}, true, true));
    REQUIRE(outcome.status == NFS4_OK);
    return (outcome.reply.size() - 16) / 40;
  };
  CHECK(entries(0) == 3);
  CHECK(entries(1) == 1);
  CHECK(entries(31) == 1);
  CHECK(entries(32) == 2);
  CHECK(entries(48) == 3);
}

TEST_CASE("READDIR: attributes that a directory entry does not have are asked for") {
  Fixture fixture;
  const auto wants = [&](std::initializer_list<uint32_t> mask) {
    return fixture.Run(kReadDirEntry, Arguments(0, 0, 8192, mask))
        .planned->read_dir()
        .want_attributes();
  };
  CHECK_FALSE(wants({}));
  CHECK_FALSE(wants({kFileIdBit | kErrorBit | 1u << FATTR4_FILEHANDLE | 1u << FATTR4_FSID}));
  CHECK_FALSE(wants({kFileIdBit, 1u << (FATTR4_MOUNTED_ON_FILEID - 32)}));
  CHECK_FALSE(wants({1u << FATTR4_ACL}));  // not supported, so not asked for
  CHECK(wants({1u << FATTR4_TYPE}));
  CHECK(wants({0, 1u << (FATTR4_SPACE_AVAIL - 32)}));
  CHECK(wants({0, 1u << (FATTR4_MODE - 32)}));
}

TEST_CASE("READDIR: the file system's usage is asked for where an attribute needs it") {
  Fixture fixture;
  const auto wants = [&](std::initializer_list<uint32_t> mask) {
    return fixture.Run(kReadDirEntry, Arguments(0, 0, 8192, mask)).planned->read_dir().want_usage();
  };
  CHECK_FALSE(wants({kSizeBit}));
  CHECK(wants({0, 1u << (FATTR4_SPACE_AVAIL - 32)}));
  CHECK(wants({0, 1u << (FATTR4_SPACE_FREE - 32)}));
}

TEST_CASE("READDIR: fileid without attributes; rdattr_error where they are missing") {
  Fixture fixture;
  Outcome outcome =
      fixture.Run(kReadDirEntry, Arguments(0, 0, 8192, {kFileIdBit}), Page({"a"}, true, false));
  Wire expected;
  expected.U64(0).U32(1).U64(3).Opaque("a").Attributes({kFileIdBit}, Wire().U64(103).bytes());
  CHECK(outcome.reply == expected.U32(0).U32(1).bytes());

  outcome = fixture.Run(kReadDirEntry, Arguments(0, 0, 8192, {kSizeBit | kErrorBit}),
                        Page({"a"}, true, false));
  Wire error;
  error.U64(0).U32(1).U64(3).Opaque("a").Attributes({kErrorBit}, Wire().U32(NFS4ERR_IO).bytes());
  CHECK(outcome.reply == error.U32(0).U32(1).bytes());

  outcome = fixture.Run(kReadDirEntry, Arguments(0, 0, 8192, {kSizeBit}), Page({"a"}, true, false));
  CHECK(outcome.status == NFS4ERR_IO);
}

TEST_CASE("READDIR: cookies, verifiers and limits that cannot be") {
  Fixture fixture;
  const auto status = [&](const std::string& arguments) {
    return fixture.Run(kReadDirEntry, arguments).status;
  };
  CHECK(status(Arguments(1, 0, 8192, {})) == NFS4ERR_BAD_COOKIE);
  CHECK(status(Arguments(2, 0, 8192, {})) == NFS4ERR_BAD_COOKIE);
  CHECK(status(Arguments(3, 0, 8192, {}, 1)) == NFS4ERR_NOT_SAME);
  CHECK(status(Arguments(0, 0, 15, {})) == NFS4ERR_TOOSMALL);
  CHECK(status(Arguments(0, 0, 0, {})) == NFS4ERR_TOOSMALL);
  CHECK(status(Arguments(0, 0, 8192, {0, 1u << (FATTR4_TIME_MODIFY_SET - 32)})) == NFS4ERR_INVAL);
}

TEST_CASE("READDIR asks the metadata for about what fits") {
  Fixture fixture;
  const pb::ReadDir request =
      fixture.Run(kReadDirEntry, Arguments(0, 0, 4000, {kSizeBit})).planned->read_dir();
  CHECK(request.max_entries() == 4000 / 40 + 1);
  CHECK(fixture.Run(kReadDirEntry, Arguments(0, 160, 4000, {kSizeBit}))
            .planned->read_dir()
            .max_entries() == 11);
}

}  // namespace
}  // namespace openefs::nfs4::testing
