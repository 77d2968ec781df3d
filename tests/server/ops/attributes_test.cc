#include "server/nfs4/attributes.h"

#include <catch2/catch.hpp>
#include <map>
#include <string>

#include "common/limits.h"
#include "server/nfs4/file_handle.h"
#include "tests/server/ops/wire.h"

namespace openefs::nfs4 {
namespace {

using testing::Flatten;
using testing::Hex;
using testing::ToHex;
using testing::Wire;

constexpr std::string_view kKey = "0123456789abcdef";

void SetTime(pb::Timestamp* time, int64_t seconds, uint32_t nanoseconds) {
  time->set_seconds(seconds);
  time->set_nanoseconds(nanoseconds);
}

pb::Attributes Sample() {
  pb::Attributes attributes;
  attributes.set_type(pb::REGULAR);
  attributes.set_mode(04751);
  attributes.set_nlink(3);
  attributes.set_uid(1000);
  attributes.set_gid(4294967295);
  attributes.set_size(0x123456789);
  attributes.set_space_used(0x2000);
  attributes.mutable_file()->set_fs_id(0xaabbccdd00112233);
  attributes.mutable_file()->set_inode(0x0001000000000042);
  attributes.mutable_file()->set_generation(9);
  SetTime(attributes.mutable_atime(), 1, 2);
  SetTime(attributes.mutable_mtime(), -3, 4);
  SetTime(attributes.mutable_ctime(), 5, 999999999);
  SetTime(attributes.mutable_btime(), 0x100000000, 0);
  attributes.set_change(0x1122334455667788);
  attributes.set_fs_bytes_used(0x100000);
  return attributes;
}

AttributeMask MaskOf(std::initializer_list<uint32_t> numbers) {
  AttributeMask mask;
  for (uint32_t number : numbers) mask.Add(number);
  return mask;
}

std::string EncodedMask(const AttributeMask& mask) {
  xdr::Writer writer;
  EncodeAttributeMask(mask, writer);
  return Flatten(writer.Finish());
}

std::string Encoded(const pb::Attributes& attributes, const AttributeMask& mask) {
  const FileHandleCodec codec(kKey);
  xdr::Writer writer;
  EncodeAttributes({attributes, codec, 90, 77}, mask, writer);
  return Flatten(writer.Finish());
}

AttributesToSet Decoded(const std::string& bytes, bool* ok) {
  xdr::Reader reader(Buffer::Copy(bytes));
  AttributesToSet result = DecodeAttributesToSet(reader);
  *ok = reader.ok() && reader.remaining() == 0;
  return result;
}

// The value of every attribute that can be read, of Sample(), by hand.
const std::map<uint32_t, std::string>& ExpectedValues() {
  static const std::map<uint32_t, std::string> values = {
      {FATTR4_SUPPORTED_ATTRS, "00000003 fc1f8fff 00fdbe3e 00000800"},
      {FATTR4_TYPE, "00000001"},
      {FATTR4_FH_EXPIRE_TYPE, "00000000"},
      {FATTR4_CHANGE, "11223344 55667788"},
      {FATTR4_SIZE, "00000001 23456789"},
      {FATTR4_LINK_SUPPORT, "00000001"},
      {FATTR4_SYMLINK_SUPPORT, "00000001"},
      {FATTR4_NAMED_ATTR, "00000000"},
      {FATTR4_FSID, "aabbccdd 00112233 00000000 00000000"},
      {FATTR4_UNIQUE_HANDLES, "00000001"},
      {FATTR4_LEASE_TIME, "0000005a"},
      {FATTR4_RDATTR_ERROR, "00000000"},
      {FATTR4_CANSETTIME, "00000001"},
      {FATTR4_CASE_INSENSITIVE, "00000000"},
      {FATTR4_CASE_PRESERVING, "00000001"},
      {FATTR4_CHOWN_RESTRICTED, "00000001"},
      {FATTR4_FILEID, "00010000 00000042"},
      {FATTR4_HOMOGENEOUS, "00000001"},
      {FATTR4_MAXFILESIZE, "00002fe8 08000000"},
      {FATTR4_MAXLINK, "0000fde8"},
      {FATTR4_MAXNAME, "000000ff"},
      {FATTR4_MAXREAD, "00000000 00100000"},
      {FATTR4_MAXWRITE, "00000000 00100000"},
      {FATTR4_MODE, "000009e9"},
      {FATTR4_NO_TRUNC, "00000001"},
      {FATTR4_NUMLINKS, "00000003"},
      {FATTR4_OWNER, "00000004 31303030"},
      {FATTR4_OWNER_GROUP, "0000000a 34323934 39363732 39350000"},
      {FATTR4_RAWDEV, "00000000 00000000"},
      {FATTR4_SPACE_AVAIL, "7fffffff ffe00000"},
      {FATTR4_SPACE_FREE, "7fffffff ffe00000"},
      {FATTR4_SPACE_TOTAL, "7fffffff fff00000"},
      {FATTR4_SPACE_USED, "00000000 00002000"},
      {FATTR4_TIME_ACCESS, "00000000 00000001 00000002"},
      {FATTR4_TIME_CREATE, "00000001 00000000 00000000"},
      {FATTR4_TIME_DELTA, "00000000 00000000 00000001"},
      {FATTR4_TIME_METADATA, "00000000 00000005 3b9ac9ff"},
      {FATTR4_TIME_MODIFY, "ffffffff fffffffd 00000004"},
      {FATTR4_MOUNTED_ON_FILEID, "00000000 0000004d"},
      {FATTR4_SUPPATTR_EXCLCREAT, "00000002 00000010 00410032"},
  };
  return values;
}

TEST_CASE("attributes: the supported list is what EFS supports, and no more") {
  const AttributeMask& supported = SupportedAttributes();
  for (uint32_t absent :
       {FATTR4_ACL, FATTR4_ACLSUPPORT, FATTR4_ARCHIVE, FATTR4_FILES_AVAIL, FATTR4_FILES_FREE,
        FATTR4_FILES_TOTAL, FATTR4_FS_LOCATIONS, FATTR4_HIDDEN, FATTR4_MIMETYPE,
        FATTR4_QUOTA_AVAIL_HARD, FATTR4_QUOTA_AVAIL_SOFT, FATTR4_QUOTA_USED, FATTR4_SYSTEM,
        FATTR4_TIME_BACKUP, FATTR4_FS_LAYOUT_TYPES, FATTR4_MODE_SET_MASKED}) {
    INFO(absent);
    CHECK_FALSE(supported.Has(absent));
  }
  // Everything supported can be read or set.
  for (uint32_t number = 0; number < 96; ++number) {
    if (!supported.Has(number) || number == FATTR4_FILEHANDLE) continue;
    INFO(number);
    CHECK((ExpectedValues().contains(number) || SettableAttributes().Has(number)));
  }
}

TEST_CASE("attributes: each one that can be read, alone") {
  for (const auto& [number, value] : ExpectedValues()) {
    INFO(number);
    const std::string bytes = Hex(value);
    Wire expected;
    expected.Raw(EncodedMask(MaskOf({number}))).Opaque(bytes);
    CHECK(ToHex(Encoded(Sample(), MaskOf({number}))) == ToHex(expected.bytes()));
  }
}

TEST_CASE("attributes: all of them, in ascending order, within the bound") {
  AttributeMask all;
  for (uint32_t number = 0; number < 96; ++number) all.Add(number);
  all.beyond = true;
  std::string values;
  AttributeMask readable;
  const FileHandleCodec codec(kKey);
  for (uint32_t number = 0; number < 96; ++number) {
    if (number == FATTR4_FILEHANDLE) {
      const auto handle = codec.Encode(Sample().file());
      values += Wire().Opaque({handle.data(), handle.size()}).bytes();
      readable.Add(number);
    } else if (ExpectedValues().contains(number)) {
      values += Hex(ExpectedValues().at(number));
      readable.Add(number);
    }
  }
  Wire expected;
  expected.Raw(EncodedMask(readable)).Opaque(values);
  CHECK(ToHex(Encoded(Sample(), all)) == ToHex(expected.bytes()));
  CHECK(expected.bytes().size() <= kMaxAttributesBytes);
}

TEST_CASE("attributes: types") {
  const std::pair<pb::FileType, const char*> types[] = {{pb::REGULAR, "00000001"},
                                                        {pb::DIRECTORY, "00000002"},
                                                        {pb::SYMLINK, "00000005"},
                                                        {pb::SOCKET, "00000006"},
                                                        {pb::FIFO, "00000007"}};
  for (const auto& [type, wire] : types) {
    pb::Attributes attributes = Sample();
    attributes.set_type(type);
    const std::string bytes = Encoded(attributes, MaskOf({FATTR4_TYPE}));
    CHECK(ToHex(bytes) == std::string("00000001 00000002 00000004 ") + wire);
  }
}

TEST_CASE("attributes: df shows 8.0E, less what is used, and never less than nothing") {
  pb::Attributes attributes = Sample();
  attributes.set_fs_bytes_used(0);
  CHECK(ToHex(Encoded(attributes, MaskOf({FATTR4_SPACE_AVAIL}))) ==
        "00000002 00000000 00000400 00000008 7fffffff fff00000");
  attributes.set_fs_bytes_used(~0ull);
  CHECK(ToHex(Encoded(attributes, MaskOf({FATTR4_SPACE_AVAIL}))) ==
        "00000002 00000000 00000400 00000008 00000000 00000000");
}

TEST_CASE("attributes: bitmaps of any length") {
  const auto decode = [](const std::string& bytes, bool* ok) {
    xdr::Reader reader(Buffer::Copy(bytes));
    const AttributeMask mask = DecodeAttributeMask(reader);
    *ok = reader.ok();
    return mask;
  };
  bool ok = false;
  CHECK(decode(Hex("00000000"), &ok).empty());
  CHECK(ok);
  CHECK(decode(Hex("00000001 00000010"), &ok) == MaskOf({FATTR4_SIZE}));
  CHECK(decode(Hex("00000003 00000000 00000000 00000800"), &ok) ==
        MaskOf({FATTR4_SUPPATTR_EXCLCREAT}));
  CHECK_FALSE(decode(Hex("00000004 00000000 00000000 00000000 00000000"), &ok).beyond);
  CHECK(decode(Hex("00000004 00000000 00000000 00000000 00000001"), &ok).beyond);
  CHECK(ok);
  decode(Hex("00000002 00000000"), &ok);
  CHECK_FALSE(ok);
  decode(Hex("ffffffff 00000000"), &ok);
  CHECK_FALSE(ok);
  decode(Wire().U32(33).Raw(std::string(33 * 4, '\0')), &ok);
  CHECK_FALSE(ok);
}

TEST_CASE("attributes to set: each one that can be set") {
  bool ok = false;
  AttributesToSet set = Decoded(Wire().Attributes({0x10}, Hex("00000001 00000002")), &ok);
  CHECK((ok && set.status == NFS4_OK && set.change.size() == 0x100000002));
  set = Decoded(Wire().Attributes({0, 0x2}, Hex("000001ed")), &ok);
  CHECK((ok && set.status == NFS4_OK && set.change.mode() == 0755));
  CHECK_FALSE(set.change.has_size());
  set = Decoded(Wire().Attributes({0, 0x10}, Hex("00000002 34320000")), &ok);
  CHECK((ok && set.status == NFS4_OK && set.change.uid() == 42));
  set = Decoded(Wire().Attributes({0, 0x20}, Hex("00000001 30000000")), &ok);
  CHECK((ok && set.status == NFS4_OK && set.change.has_gid() && set.change.gid() == 0));
  set = Decoded(Wire().Attributes({0, 0x10000}, Hex("00000000")), &ok);
  CHECK((ok && set.status == NFS4_OK && set.change.atime().server_time()));
  set = Decoded(Wire().Attributes({0, 0x400000}, Hex("00000001 ffffffff ffffffff 3b9ac9ff")), &ok);
  CHECK((ok && set.status == NFS4_OK));
  CHECK(set.change.mtime().time().seconds() == -1);
  CHECK(set.change.mtime().time().nanoseconds() == 999'999'999);
}

TEST_CASE("attributes to set: all settable ones at once") {
  const std::string values = Wire().U64(7).U32(0600).Opaque("1").Opaque("2").U32(0).U32(0);
  bool ok = false;
  const AttributesToSet set = Decoded(Wire().Attributes({0x10, 0x410032}, values), &ok);
  REQUIRE(ok);
  CHECK(set.status == NFS4_OK);
  CHECK(set.mask == SettableAttributes());
  CHECK(set.change.size() == 7);
  CHECK(set.change.mode() == 0600);
  CHECK(set.change.uid() == 1);
  CHECK(set.change.gid() == 2);
}

TEST_CASE("attributes to set: what is refused, and how") {
  const auto status = [](std::initializer_list<uint32_t> words, const std::string& values) {
    bool ok = false;
    const AttributesToSet set = Decoded(Wire().Attributes(words, values), &ok);
    CHECK(ok);
    return set.status;
  };
  CHECK(status({1u << FATTR4_ACL}, Hex("00000000")) == NFS4ERR_ATTRNOTSUPP);
  CHECK(status({0, 0, 0, 1}, "") == NFS4ERR_ATTRNOTSUPP);
  CHECK(status({0, 0, 1u << 10}, Hex("00000000 00000000")) == NFS4ERR_ATTRNOTSUPP);
  CHECK(status({1u << FATTR4_CHANGE}, Hex("00000000 00000000")) == NFS4ERR_INVAL);
  CHECK(status({0, 1u << (FATTR4_NUMLINKS - 32)}, Hex("00000001")) == NFS4ERR_INVAL);
  CHECK(status({0, 0x2}, Hex("00001000")) == NFS4ERR_INVAL);
  CHECK(status({0, 0x10000}, Hex("00000001 00000000 00000000 3b9aca00")) == NFS4ERR_INVAL);
  for (const char* owner : {"root", "", "-1", "+1", "1 ", " 1", "0x1", "4294967296", "nobody@x",
                            "99999999999999999999999999"}) {
    INFO(owner);
    CHECK(status({0, 0x10}, Wire().Opaque(owner)) == NFS4ERR_BADOWNER);
  }
  CHECK(status({0, 0x10}, Wire().Opaque(std::string_view("1\0", 2))) == NFS4ERR_BADOWNER);
}

TEST_CASE("attributes to set: values that are not XDR") {
  const auto ok = [](const std::string& bytes) {
    bool ok = false;
    Decoded(bytes, &ok);
    return ok;
  };
  CHECK_FALSE(ok(Wire().Attributes({0x10}, Hex("00000001"))));                    // short
  CHECK_FALSE(ok(Wire().Attributes({0x10}, Hex("00000001 00000002 00000003"))));  // long
  CHECK_FALSE(ok(Wire().Attributes({}, Hex("00000001"))));
  CHECK_FALSE(ok(Wire().Attributes({0, 0x10000}, Hex("00000002"))));  // no such time_how4
  CHECK_FALSE(ok(Wire().Attributes({0, 0x10}, Hex("7fffffff 31000000"))));
  CHECK_FALSE(ok(Wire().U32(1).U32(0x10).U32(0xffffffff)));
  CHECK_FALSE(ok(Wire().Attributes({0x10}, std::string(17 << 10, '\0'))));
  CHECK(ok(Wire().Attributes({}, "")));
}

TEST_CASE("attributes: an entry's error") {
  xdr::Writer writer;
  EncodeAttributeError(NFS4ERR_IO, writer);
  CHECK(ToHex(Flatten(writer.Finish())) == "00000001 00000800 00000004 00000005");
}

}  // namespace
}  // namespace openefs::nfs4
