// ACCESS, CREATE, GETATTR, GETFH, LINK, LOOKUP, LOOKUPP, PUTFH, PUTROOTFH, READLINK, REMOVE,
// RENAME, RESTOREFH, SAVEFH, SETATTR, COMMIT with one file system.
#include <catch2/catch.hpp>

#include "tests/server/ops/fixture.h"
#include "tests/server/ops/wire.h"

namespace openefs::nfs4::testing {
namespace {

pb::OperationResult Change(uint64_t before, uint64_t after) {
  pb::OperationResult result;
  result.mutable_change()->set_before(before);
  result.mutable_change()->set_after(after);
  return result;
}

constexpr const char* kChange12 = "00000001 00000000 00000001 00000000 00000002";

TEST_CASE("ACCESS") {
  Fixture fixture;
  pb::OperationResult result;
  result.set_access(0x3);
  const Outcome outcome = fixture.Run(kAccessEntry, Hex("0000001f"), result);
  CHECK(outcome.status == NFS4_OK);
  CHECK(outcome.planned->access().mask() == 0x1f);
  CHECK(ToHex(outcome.reply) == "0000001f 00000003");
  CHECK(fixture.Run(kAccessEntry, Hex("00000040")).status == NFS4ERR_INVAL);
  CHECK_FALSE(fixture.Run(kAccessEntry, Hex("000000")).decoded);
}

TEST_CASE("COMMIT answers the cluster's verifier for a regular file, and for nothing else") {
  Fixture fixture;
  const auto run = [&](pb::FileType type) {
    pb::OperationResult result;
    result.mutable_attributes()->set_type(type);
    return fixture.Run(kCommitEntry, Wire().U64(0).U32(0), result);
  };
  CHECK(run(pb::REGULAR).planned->has_get_attr());
  CHECK(run(pb::REGULAR).reply == "VERIFIER");
  CHECK(run(pb::DIRECTORY).status == NFS4ERR_ISDIR);
  CHECK(run(pb::SYMLINK).status == NFS4ERR_SYMLINK);
  CHECK(run(pb::FIFO).status == NFS4ERR_WRONG_TYPE);
}

TEST_CASE("CREATE: a directory") {
  Fixture fixture;
  const Outcome outcome = fixture.Run(
      kCreateEntry, Wire().U32(NF4DIR).Opaque("dir").Attributes({0, 2}, Hex("000001c0")),
      Change(1, 2));
  REQUIRE(outcome.status == NFS4_OK);
  CHECK(outcome.planned->create().type() == pb::DIRECTORY);
  CHECK(outcome.planned->create().name() == "dir");
  CHECK(outcome.planned->create().attributes().mode() == 0700);
  CHECK(ToHex(outcome.reply) == std::string(kChange12) + " 00000002 00000000 00000002");
}

TEST_CASE("CREATE: a symbolic link") {
  Fixture fixture;
  const auto run = [&](const std::string& target) {
    return fixture.Run(kCreateEntry,
                       Wire().U32(NF4LNK).Opaque(target).Opaque("link").Attributes({}, ""),
                       Change(1, 2));
  };
  const Outcome outcome = run("../a/b");
  CHECK(outcome.planned->create().symlink_target() == "../a/b");
  CHECK(ToHex(outcome.reply) == std::string(kChange12) + " 00000000");
  CHECK(run(std::string(4080, 'x')).status == NFS4_OK);
  CHECK(run(std::string(4081, 'x')).status == NFS4ERR_NAMETOOLONG);
  CHECK(run("").status == NFS4ERR_INVAL);
  CHECK(run(std::string("a\0b", 3)).status == NFS4ERR_BADCHAR);
}

TEST_CASE("CREATE: FIFOs and sockets yes, devices and what is no file no") {
  Fixture fixture;
  const auto run = [&](uint32_t type, bool device) {
    Wire wire;
    wire.U32(type);
    if (device) wire.U32(1).U32(2);
    return fixture.Run(kCreateEntry, wire.Opaque("x").Attributes({}, "").bytes(), Change(1, 2));
  };
  CHECK(run(NF4FIFO, false).planned->create().type() == pb::FIFO);
  CHECK(run(NF4SOCK, false).planned->create().type() == pb::SOCKET);
  CHECK(run(NF4BLK, true).status == NFS4ERR_BADTYPE);
  CHECK(run(NF4CHR, true).status == NFS4ERR_BADTYPE);
  CHECK(run(NF4REG, false).status == NFS4ERR_BADTYPE);
  CHECK(run(NF4ATTRDIR, false).status == NFS4ERR_BADTYPE);
  CHECK(run(NF4NAMEDATTR, false).status == NFS4ERR_BADTYPE);
  CHECK(run(4711, false).status == NFS4ERR_BADTYPE);
}

TEST_CASE("names: what no directory can hold, by every operation that takes one") {
  Fixture fixture;
  const std::pair<std::string, nfsstat4> names[] = {
      {"", NFS4ERR_INVAL},
      {".", NFS4ERR_BADNAME},
      {"..", NFS4ERR_BADNAME},
      {"a/b", NFS4ERR_BADCHAR},
      {std::string("a\0b", 3), NFS4ERR_BADCHAR},
      {std::string(256, 'n'), NFS4ERR_NAMETOOLONG},
      {std::string(100'000, '/'), NFS4ERR_NAMETOOLONG},
      {std::string(255, 'n'), NFS4_OK},
      {"...", NFS4_OK},
      {"\xff\xfe not UTF-8", NFS4_OK},
      {"new\nline", NFS4_OK},
  };
  for (const auto& [name, status] : names) {
    INFO(ToHex(name.substr(0, 16)));
    const std::string wire = Wire().Opaque(name);
    CHECK(fixture.Run(kLookupEntry, wire).status == status);
    CHECK(fixture.Run(kRemoveEntry, wire).status == status);
    CHECK(fixture.Run(kLinkEntry, wire).status == status);
    CHECK(fixture.Run(kRenameEntry, Wire().Raw(wire).Opaque("b")).status == status);
    CHECK(fixture.Run(kRenameEntry, Wire().Opaque("b").Raw(wire)).status == status);
    CHECK(fixture.Run(kCreateEntry, Wire().U32(NF4DIR).Raw(wire).Attributes({}, "")).status ==
          status);
    const std::string open =
        Wire().U32(0).U32(1).U32(0).U64(0).Opaque("o").U32(0).U32(CLAIM_NULL).Raw(wire);
    CHECK(fixture.Run(kOpenEntry, open).status == status);
  }
}

TEST_CASE("GETATTR") {
  Fixture fixture;
  pb::OperationResult result;
  result.mutable_attributes()->set_size(5);
  result.mutable_attributes()->set_type(pb::REGULAR);
  result.mutable_attributes()->mutable_file()->set_fs_id(kFs);
  result.mutable_attributes()->mutable_file()->set_inode(99);
  Outcome outcome = fixture.Run(kGetAttrEntry, Hex("00000001 00000012"), result);
  CHECK(outcome.status == NFS4_OK);
  CHECK_FALSE(outcome.planned->get_attr().want_usage());
  CHECK(ToHex(outcome.reply) == "00000001 00000012 0000000c 00000001 00000000 00000005");

  // mounted_on_fileid is the fileid, also of the only file system's root.
  outcome = fixture.Run(kGetAttrEntry, Hex("00000002 00000000 00800000"), result);
  CHECK(ToHex(outcome.reply) == "00000002 00000000 00800000 00000008 00000000 00000063");

  CHECK(fixture.Run(kGetAttrEntry, Hex("00000002 00000000 00000800"), result)
            .planned->get_attr()
            .want_usage());
  // Unknown attributes are left out; set-only ones are an error.
  outcome = fixture.Run(kGetAttrEntry, Hex("00000004 00003000 00000000 00000000 ffffffff"), result);
  CHECK(outcome.status == NFS4_OK);
  CHECK(ToHex(outcome.reply) == "00000000 00000000");
  CHECK(fixture.Run(kGetAttrEntry, Hex("00000002 00000000 00010000")).status == NFS4ERR_INVAL);
}

TEST_CASE("GETFH and PUTFH: a handle comes back as the file it was given for") {
  Fixture fixture;
  pb::OperationResult result;
  result.mutable_file()->set_fs_id(kFs);
  result.mutable_file()->set_inode(12);
  result.mutable_file()->set_generation(3);
  Outcome outcome = fixture.Run(kGetFhEntry, "", result);
  CHECK(outcome.planned->has_get_file());
  const std::string handle = fixture.HandleOf(kFs, 12, 3);
  CHECK(outcome.reply == Wire().Opaque(handle).bytes());

  fixture.context.current_is_pseudo_root = true;
  outcome = fixture.Run(kPutFhEntry, Wire().Opaque(handle));
  CHECK(outcome.status == NFS4_OK);
  CHECK(outcome.planned->put_file().file().inode() == 12);
  CHECK(outcome.planned->put_file().file().generation() == 3);
  CHECK_FALSE(fixture.context.current_is_pseudo_root);
}

TEST_CASE("PUTFH: what is no handle") {
  Fixture fixture;
  std::string handle = fixture.HandleOf(kFs, 12, 3);
  handle.back() = static_cast<char>(handle.back() ^ 1);
  CHECK(fixture.Run(kPutFhEntry, Wire().Opaque(handle)).status == NFS4ERR_BADHANDLE);
  CHECK(fixture.Run(kPutFhEntry, Wire().Opaque("")).status == NFS4ERR_BADHANDLE);
  CHECK(fixture.Run(kPutFhEntry, Wire().Opaque(std::string(128, 'x'))).status == NFS4ERR_BADHANDLE);
  CHECK_FALSE(fixture.Run(kPutFhEntry, Wire().Opaque(std::string(129, 'x'))).decoded);
  // Claiming to be the pseudo root takes the MAC too.
  std::string pseudo = fixture.HandleOf(kPseudoFileSystem, kRootInode);
  pseudo.back() = static_cast<char>(pseudo.back() ^ 1);
  CHECK(fixture.Run(kPutFhEntry, Wire().Opaque(pseudo)).status == NFS4ERR_BADHANDLE);
  CHECK_FALSE(fixture.context.current_is_pseudo_root);
}

TEST_CASE("PUTROOTFH and PUTPUBFH lead to the only file system") {
  Fixture fixture;
  for (const TableEntry* entry : {&kPutRootFhEntry, &kPutPubFhEntry}) {
    const Outcome outcome = fixture.Run(*entry, "");
    CHECK(outcome.status == NFS4_OK);
    CHECK(outcome.planned->put_root().fs_id() == kFs);
    CHECK(outcome.reply.empty());
    CHECK_FALSE(fixture.context.current_is_pseudo_root);
  }
}

TEST_CASE("LOOKUP, LOOKUPP, SAVEFH, RESTOREFH") {
  Fixture fixture;
  Outcome outcome = fixture.Run(kLookupEntry, Wire().Opaque("name"));
  CHECK(outcome.planned->lookup().name() == "name");
  CHECK(outcome.reply.empty());
  CHECK(fixture.Run(kLookupPEntry, "").planned->has_lookup_parent());
  CHECK(fixture.Run(kSaveFhEntry, "").planned->has_save_file());
  CHECK(fixture.Run(kRestoreFhEntry, "").planned->has_restore_file());
  pb::OperationResult missing;
  missing.set_error(pb::FS_NOENT);
  outcome = fixture.Run(kLookupEntry, Wire().Opaque("name"), missing);
  CHECK(outcome.status == NFS4ERR_NOENT);
  CHECK(outcome.reply.empty());
}

TEST_CASE("LINK, REMOVE and RENAME answer how the directories changed") {
  Fixture fixture;
  Outcome outcome = fixture.Run(kLinkEntry, Wire().Opaque("new"), Change(1, 2));
  CHECK(outcome.planned->link().new_name() == "new");
  CHECK(ToHex(outcome.reply) == kChange12);
  outcome = fixture.Run(kRemoveEntry, Wire().Opaque("old"), Change(1, 2));
  CHECK(outcome.planned->remove().name() == "old");
  CHECK(ToHex(outcome.reply) == kChange12);
  pb::OperationResult renamed;
  *renamed.mutable_rename()->mutable_source() = Change(1, 2).change();
  *renamed.mutable_rename()->mutable_target() = Change(3, 4).change();
  outcome = fixture.Run(kRenameEntry, Wire().Opaque("old").Opaque("new"), renamed);
  CHECK(outcome.planned->rename().old_name() == "old");
  CHECK(outcome.planned->rename().new_name() == "new");
  CHECK(ToHex(outcome.reply) ==
        std::string(kChange12) + " 00000001 00000000 00000003 00000000 00000004");
}

TEST_CASE("READLINK") {
  Fixture fixture;
  pb::OperationResult result;
  result.set_link_target("target");
  CHECK(ToHex(fixture.Run(kReadLinkEntry, "", result).reply) == "00000006 74617267 65740000");
}

TEST_CASE("SETATTR says what was set, also when that is nothing") {
  Fixture fixture;
  const std::string arguments =
      Wire().Stateid(7, 's').Attributes({0x10, 2}, Wire().U64(9).U32(0644).bytes());
  Outcome outcome = fixture.Run(kSetAttrEntry, arguments);
  CHECK(outcome.planned->set_attr().stateid().seqid() == 7);
  CHECK(outcome.planned->set_attr().stateid().other() == std::string(12, 's'));
  CHECK(outcome.planned->set_attr().change().size() == 9);
  CHECK(outcome.planned->set_attr().change().mode() == 0644);
  CHECK_FALSE(outcome.planned->set_attr().change().has_uid());
  CHECK(ToHex(outcome.reply) == "00000002 00000010 00000002");

  pb::OperationResult refused;
  refused.set_error(pb::FS_PERM);
  outcome = fixture.Run(kSetAttrEntry, arguments, refused);
  CHECK(outcome.status == NFS4ERR_PERM);
  CHECK(ToHex(outcome.reply) == "00000000");
  outcome = fixture.Run(kSetAttrEntry, Wire().Stateid(0, 0).Attributes({1}, ""));
  CHECK(outcome.status == NFS4ERR_INVAL);
  CHECK_FALSE(outcome.planned.has_value());
  CHECK(ToHex(outcome.reply) == "00000000");
}

}  // namespace
}  // namespace openefs::nfs4::testing
