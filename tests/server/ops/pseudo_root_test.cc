// The root where there are several file systems.
#include "server/nfs4/pseudo_root.h"

#include <catch2/catch.hpp>

#include "tests/server/ops/fixture.h"
#include "tests/server/ops/wire.h"

namespace openefs::nfs4::testing {
namespace {

// Two file systems; the metadata knows their roots.
class TwoFileSystems : public Fixture {
 public:
  TwoFileSystems() : Fixture({kFs, kOtherFs}) {
    metadata.handler = [this](const pb::SegmentRequest& request) { return Answer(request); };
    CHECK(Run(kPutRootFhEntry, "").status == NFS4_OK);
    CHECK(context.current_is_pseudo_root);
  }

  std::vector<pb::SegmentRequest> asked;

 private:
  absl::StatusOr<pb::SegmentResponse> Answer(const pb::SegmentRequest& request) {
    asked.push_back(request);
    pb::SegmentResponse response;
    *response.mutable_registers() = request.registers();
    for (const pb::Operation& operation : request.operations()) {
      pb::OperationResult* result = response.add_results();
      if (operation.has_put_root()) {
        pb::FileRef* current = response.mutable_registers()->mutable_current();
        current->set_fs_id(operation.put_root().fs_id());
        current->set_inode(kRootInode);
      } else if (operation.has_get_attr()) {
        result->mutable_attributes()->set_type(pb::DIRECTORY);
        *result->mutable_attributes()->mutable_file() = response.registers().current();
      } else if (operation.has_lookup_parent()) {
        response.mutable_registers()->mutable_current()->set_inode(kRootInode);
      }
    }
    return response;
  }
};

TEST_CASE("pseudo root: its handle comes back as itself") {
  TwoFileSystems fixture;
  const Outcome got = fixture.Run(kGetFhEntry, "");
  CHECK_FALSE(got.planned.has_value());
  CHECK(got.reply == Wire().Opaque(fixture.HandleOf(kPseudoFileSystem, kRootInode)).bytes());
  fixture.context.current_is_pseudo_root = false;
  CHECK(fixture.Run(kPutFhEntry, got.reply).status == NFS4_OK);
  CHECK(fixture.context.current_is_pseudo_root);
  // It stays valid when there is only one file system left.
  fixture.SetFileSystems({kFs});
  CHECK(fixture.Run(kPutFhEntry, got.reply).status == NFS4_OK);
  CHECK(fixture.context.current_is_pseudo_root);
}

TEST_CASE("pseudo root: attributes of a read-only directory of its own file system") {
  TwoFileSystems fixture;
  // type, fsid, fileid; mode, mounted_on_fileid
  const Outcome outcome = fixture.Run(kGetAttrEntry, Hex("00000002 00100102 00800002"));
  CHECK(ToHex(outcome.reply) ==
        "00000002 00100102 00800002 00000028 00000002 00000000 00000000 00000000 00000000 00000000 "
        "00000001 0000016d 00000000 00000001");
  const auto change = [&] {
    return ToHex(fixture.Run(kGetAttrEntry, Hex("00000001 00000008")).reply);
  };
  const std::string before = change();
  CHECK(change() == before);
  fixture.SetFileSystems({kOtherFs, kFs});
  CHECK(change() == before);
  fixture.SetFileSystems({kFs, kOtherFs, 99});
  CHECK(change() != before);
}

TEST_CASE("pseudo root: a look-up leads into a file system") {
  TwoFileSystems fixture;
  const Outcome outcome = fixture.Run(kLookupEntry, Wire().Opaque(Fixture::NameOf(kOtherFs)));
  CHECK(outcome.status == NFS4_OK);
  CHECK(outcome.planned->put_root().fs_id() == kOtherFs);
  CHECK_FALSE(fixture.context.current_is_pseudo_root);
}

TEST_CASE("pseudo root: names that are not there, and those that cannot be") {
  TwoFileSystems fixture;
  CHECK(fixture.Run(kLookupEntry, Wire().Opaque("fs-none")).status == NFS4ERR_NOENT);
  CHECK(fixture.Run(kLookupEntry, Wire().Opaque("..")).status == NFS4ERR_BADNAME);
  CHECK(fixture.context.current_is_pseudo_root);
}

TEST_CASE("pseudo root: the way up") {
  TwoFileSystems fixture;
  CHECK(fixture.Run(kLookupPEntry, "").status == NFS4ERR_NOENT);

  fixture.context.current_is_pseudo_root = false;
  CHECK(fixture.Run(kLookupPEntry, "").status == NFS4ERR_NOFILEHANDLE);

  // From below a root: the metadata says where.
  fixture.context.registers.mutable_current()->set_fs_id(kFs);
  fixture.context.registers.mutable_current()->set_inode(55);
  CHECK(fixture.Run(kLookupPEntry, "").status == NFS4_OK);
  REQUIRE(fixture.asked.size() == 1);
  CHECK(fixture.asked[0].operations(0).has_lookup_parent());
  CHECK_FALSE(fixture.context.current_is_pseudo_root);
  CHECK(fixture.context.registers.current().inode() == kRootInode);

  // From a root: out of the file system.
  CHECK(fixture.Run(kLookupPEntry, "").status == NFS4_OK);
  CHECK(fixture.context.current_is_pseudo_root);
  CHECK_FALSE(fixture.context.registers.has_current());

  fixture.context.current_is_pseudo_root = false;
  fixture.context.registers.mutable_current()->set_inode(55);
  fixture.metadata.handler = [](const pb::SegmentRequest&) {
    return absl::UnavailableError("no leader");
  };
  CHECK(fixture.Run(kLookupPEntry, "").status == NFS4ERR_DELAY);
}

TEST_CASE("pseudo root: READDIR lists the file systems in a stable order") {
  TwoFileSystems fixture;
  const auto arguments = [](uint64_t cookie, uint32_t max_count) {
    return Wire()
        .U64(cookie)
        .U64(0)
        .U32(0)
        .U32(max_count)
        .U32(2)
        .U32(1u << FATTR4_FSID)
        .U32(1u << (FATTR4_MOUNTED_ON_FILEID - 32));
  };
  const auto entry = [](Wire& wire, FileSystemId fs) {
    wire.U32(1).U64(fs).Opaque(Fixture::NameOf(fs));
    wire.Attributes({1u << FATTR4_FSID, 1u << (FATTR4_MOUNTED_ON_FILEID - 32)},
                    Wire().U64(fs).U64(0).U64(fs).bytes());
  };
  Wire all;
  all.U64(0);
  entry(all, kFs);
  entry(all, kOtherFs);
  CHECK(ToHex(fixture.Run(kReadDirEntry, arguments(0, 8192)).reply) ==
        ToHex(all.U32(0).U32(1).bytes()));

  Wire rest;
  rest.U64(0);
  entry(rest, kOtherFs);
  CHECK(ToHex(fixture.Run(kReadDirEntry, arguments(kFs, 8192)).reply) ==
        ToHex(rest.U32(0).U32(1).bytes()));

  // One fits: not the end.
  Wire first;
  first.U64(0);
  entry(first, kFs);
  first.U32(0).U32(0);
  CHECK(ToHex(fixture.Run(kReadDirEntry, arguments(0, static_cast<uint32_t>(first.bytes().size())))
                  .reply) == ToHex(first.bytes()));
  CHECK(fixture.Run(kReadDirEntry, arguments(0, 40)).status == NFS4ERR_TOOSMALL);
}

TEST_CASE("pseudo root: nobody changes it, and it is no file") {
  TwoFileSystems fixture;
  const auto status = [&](const TableEntry& entry, const std::string& arguments) {
    const Outcome outcome = fixture.Run(entry, arguments);
    CHECK_FALSE(outcome.planned.has_value());
    return outcome.status;
  };
  CHECK(status(kCreateEntry, Wire().U32(NF4DIR).Opaque("d").Attributes({}, "")) == NFS4ERR_ROFS);
  CHECK(status(kRemoveEntry, Wire().Opaque("x")) == NFS4ERR_ROFS);
  CHECK(status(kLinkEntry, Wire().Opaque("x")) == NFS4ERR_ROFS);
  CHECK(status(kSetAttrEntry, Wire().Stateid(0, 0).Attributes({0, 2}, Hex("000001ff"))) ==
        NFS4ERR_ROFS);
  CHECK(status(kReadEntry, Wire().Stateid(0, 0).U64(0).U32(10)) == NFS4ERR_ISDIR);
  CHECK(status(kWriteEntry, Wire().Stateid(0, 0).U64(0).U32(0).Opaque(std::string(20'000, 'x'))) ==
        NFS4ERR_ISDIR);
  CHECK(fixture.blobs.blobs.empty());
  CHECK(status(kCommitEntry, Wire().U64(0).U32(0)) == NFS4ERR_ISDIR);
  CHECK(status(kReadLinkEntry, "") == NFS4ERR_INVAL);
  CHECK(status(kCloseEntry, Wire().U32(0).Stateid(0, 0)) == NFS4ERR_BAD_STATEID);
  const Wire open = Wire().U32(0).U32(1).U32(0).U64(0).Opaque("o");
  const auto by_name = [&](uint32_t how, const std::string& name) {
    Wire wire = open;
    wire.U32(how);
    if (how == OPEN4_CREATE) wire.U32(UNCHECKED4).Attributes({}, "");
    return wire.U32(CLAIM_NULL).Opaque(name).bytes();
  };
  CHECK(status(kOpenEntry, by_name(OPEN4_NOCREATE, "none")) == NFS4ERR_NOENT);
  CHECK(status(kOpenEntry, by_name(OPEN4_CREATE, "none")) == NFS4ERR_ROFS);
  CHECK(status(kOpenEntry, by_name(OPEN4_CREATE, Fixture::NameOf(kFs))) == NFS4ERR_ISDIR);

  const Outcome access = fixture.Run(kAccessEntry, Hex("0000003f"));
  CHECK(ToHex(access.reply) == "0000003f 00000023");
  CHECK(fixture.context.current_is_pseudo_root);
}

TEST_CASE("pseudo root: saved and restored") {
  TwoFileSystems fixture;
  CHECK(fixture.Run(kSaveFhEntry, "").status == NFS4_OK);
  CHECK(fixture.context.saved_is_pseudo_root);
  fixture.Run(kLookupEntry, Wire().Opaque(Fixture::NameOf(kFs)));
  CHECK_FALSE(fixture.context.current_is_pseudo_root);
  // Across file systems nothing is renamed or linked.
  CHECK(fixture.Run(kRenameEntry, Wire().Opaque("a").Opaque("b")).status == NFS4ERR_XDEV);
  CHECK(fixture.Run(kLinkEntry, Wire().Opaque("a")).status == NFS4ERR_ISDIR);
  CHECK(fixture.Run(kRestoreFhEntry, "").status == NFS4_OK);
  CHECK(fixture.context.current_is_pseudo_root);
  CHECK(fixture.Run(kRenameEntry, Wire().Opaque("a").Opaque("b")).status == NFS4ERR_ROFS);

  // A saved file that is none of it makes it forgotten.
  fixture.context.current_is_pseudo_root = false;
  CHECK(fixture.Run(kSaveFhEntry, "").planned->has_save_file());
  CHECK_FALSE(fixture.context.saved_is_pseudo_root);
  CHECK(fixture.Run(kRestoreFhEntry, "").planned->has_restore_file());
}

TEST_CASE("pseudo root: where there is no file system at all") {
  Fixture fixture({});
  CHECK(fixture.Run(kPutRootFhEntry, "").status == NFS4_OK);
  CHECK(fixture.context.current_is_pseudo_root);
  CHECK(ToHex(fixture.Run(kReadDirEntry, Wire().U64(0).U64(0).U32(0).U32(8192).U32(0)).reply) ==
        "00000000 00000000 00000000 00000001");
}

}  // namespace
}  // namespace openefs::nfs4::testing
