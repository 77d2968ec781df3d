#include <catch2/catch.hpp>

#include "tests/server/ops/fixture.h"
#include "tests/server/ops/wire.h"

namespace openefs::nfs4::testing {
namespace {

pb::OperationResult File(uint64_t size, uint32_t mode) {
  pb::OperationResult result;
  result.mutable_attributes()->set_size(size);
  result.mutable_attributes()->set_mode(mode);
  return result;
}

TEST_CASE("VERIFY and NVERIFY compare byte for byte") {
  Fixture fixture;
  const std::string given = Wire().Attributes({0x10, 2}, Wire().U64(5).U32(0644).bytes());
  const auto verify = [&](const pb::OperationResult& file) {
    return fixture.Run(kVerifyEntry, given, file).status;
  };
  const auto nverify = [&](const pb::OperationResult& file) {
    return fixture.Run(kNVerifyEntry, given, file).status;
  };
  CHECK(fixture.Run(kVerifyEntry, given, File(5, 0644)).planned->has_get_attr());
  CHECK(verify(File(5, 0644)) == NFS4_OK);
  CHECK(verify(File(6, 0644)) == NFS4ERR_NOT_SAME);
  CHECK(verify(File(5, 0645)) == NFS4ERR_NOT_SAME);
  CHECK(nverify(File(5, 0644)) == NFS4ERR_SAME);
  CHECK(nverify(File(6, 0644)) == NFS4_OK);
}

TEST_CASE("VERIFY: values of another length are other values") {
  Fixture fixture;
  CHECK(fixture.Run(kVerifyEntry, Wire().Attributes({0x10}, Wire().U32(5).bytes()), File(5, 0))
            .status == NFS4ERR_NOT_SAME);
  CHECK(fixture.Run(kVerifyEntry, Wire().Attributes({}, ""), File(5, 0)).status == NFS4_OK);
}

TEST_CASE("VERIFY and NVERIFY: attributes that cannot be compared") {
  Fixture fixture;
  for (const TableEntry* entry : {&kVerifyEntry, &kNVerifyEntry}) {
    const auto status = [&](std::initializer_list<uint32_t> mask) {
      return fixture.Run(*entry, Wire().Attributes(mask, "abcd")).status;
    };
    CHECK(status({1u << FATTR4_RDATTR_ERROR}) == NFS4ERR_INVAL);
    CHECK(status({0, 1u << (FATTR4_TIME_ACCESS_SET - 32)}) == NFS4ERR_INVAL);
    CHECK(status({1u << FATTR4_ACL}) == NFS4ERR_ATTRNOTSUPP);
    CHECK(status({0, 0, 0, 0x80000000}) == NFS4ERR_ATTRNOTSUPP);
  }
}

}  // namespace
}  // namespace openefs::nfs4::testing
