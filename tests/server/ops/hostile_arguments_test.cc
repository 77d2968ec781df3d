// Every operation against arguments that are cut short, too long in some length field, or noise.
#include <catch2/catch.hpp>
#include <random>

#include "tests/server/ops/fixture.h"
#include "tests/server/ops/wire.h"

namespace openefs::nfs4::testing {
namespace {

struct Sample {
  const TableEntry* entry;
  std::string arguments;
};

const std::vector<Sample>& Samples() {
  static const std::string attributes = Wire().Attributes(
      {0x10, 0x410032},
      Wire().U64(7).U32(0600).Opaque("1").Opaque("2").U32(0).U32(1).U64(5).U32(6).bytes());
  static const std::vector<Sample> samples = {
      {&kAccessEntry, Wire().U32(0x1f)},
      {&kCloseEntry, Wire().U32(0).Stateid(1, 'a')},
      {&kCommitEntry, Wire().U64(0).U32(0)},
      {&kCreateEntry, Wire().U32(NF4LNK).Opaque("target").Opaque("name").Raw(attributes)},
      {&kCreateEntry, Wire().U32(NF4BLK).U64(0).Opaque("name").Raw(attributes)},
      {&kGetAttrEntry, Wire().U32(2).U32(0x10).U32(2)},
      {&kGetFhEntry, ""},
      {&kLinkEntry, Wire().Opaque("name")},
      {&kLockEntry,
       Wire().U32(1).U32(0).U64(1).U64(2).U32(1).U32(0).Stateid(1, 'a').U32(0).U64(5).Opaque(
           "owner")},
      {&kLockEntry, Wire().U32(2).U32(1).U64(1).U64(2).U32(0).Stateid(1, 'a').U32(0)},
      {&kLockTEntry, Wire().U32(1).U64(1).U64(2).U64(5).Opaque("owner")},
      {&kLockUEntry, Wire().U32(1).U32(0).Stateid(1, 'a').U64(1).U64(2)},
      {&kLookupEntry, Wire().Opaque("name")},
      {&kLookupPEntry, ""},
      {&kNVerifyEntry, attributes},
      {&kVerifyEntry, attributes},
      {&kOpenEntry, Wire()
                        .U32(0)
                        .U32(1)
                        .U32(0)
                        .U64(0)
                        .Opaque("o")
                        .U32(1)
                        .U32(EXCLUSIVE4_1)
                        .U64(1)
                        .Raw(attributes)
                        .U32(CLAIM_NULL)
                        .Opaque("name")},
      {&kOpenEntry, Wire()
                        .U32(0)
                        .U32(1)
                        .U32(0)
                        .U64(0)
                        .Opaque("o")
                        .U32(0)
                        .U32(CLAIM_DELEGATE_CUR)
                        .Stateid(1, 'a')
                        .Opaque("name")},
      {&kOpenDowngradeEntry, Wire().Stateid(1, 'a').U32(0).U32(1).U32(0)},
      {&kPutFhEntry, Wire().Opaque(std::string(32, 'h'))},
      {&kPutPubFhEntry, ""},
      {&kPutRootFhEntry, ""},
      {&kReadEntry, Wire().Stateid(1, 'a').U64(0).U32(10)},
      {&kReadDirEntry, Wire().U64(0).U64(0).U32(10).U32(8192).U32(1).U32(0x10)},
      {&kReadLinkEntry, ""},
      {&kRemoveEntry, Wire().Opaque("name")},
      {&kRenameEntry, Wire().Opaque("old").Opaque("new")},
      {&kRestoreFhEntry, ""},
      {&kSaveFhEntry, ""},
      {&kSetAttrEntry, Wire().Stateid(1, 'a').Raw(attributes)},
      {&kWriteEntry, Wire().Stateid(1, 'a').U64(0).U32(2).Opaque("data")},
  };
  return samples;
}

TEST_CASE("hostile arguments: the samples themselves are good, and every operation has one") {
  std::set<uint32_t> opcodes;
  for (const Sample& sample : Samples()) {
    INFO(sample.entry->info->name);
    CHECK(Fixture::Decode(*sample.entry, sample.arguments) != nullptr);
    opcodes.insert(sample.entry->info->opcode);
  }
  size_t tested = 0;
#define X(Name) ++tested;
  OPENEFS_TESTED_OPERATIONS(X)
#undef X
  CHECK(opcodes.size() == tested);
}

TEST_CASE("hostile arguments: every truncation is noticed") {
  for (const Sample& sample : Samples()) {
    for (size_t length = 0; length < sample.arguments.size(); ++length) {
      INFO(sample.entry->info->name << " cut to " << length);
      CHECK(Fixture::Decode(*sample.entry, sample.arguments.substr(0, length)) == nullptr);
    }
  }
}

TEST_CASE("hostile arguments: huge numbers in every word") {
  Fixture fixture;
  for (const Sample& sample : Samples()) {
    for (size_t at = 0; at + 4 <= sample.arguments.size(); at += 4) {
      for (uint32_t value : {~0u, 0x7fffffffu, 0x80000000u, 0x10000u, 0u}) {
        std::string arguments = sample.arguments;
        arguments.replace(at, 4, Wire().U32(value).bytes());
        INFO(sample.entry->info->name << " word " << at / 4 << " = " << value);
        const Outcome outcome = fixture.Run(*sample.entry, arguments);
        // Whatever comes of it, nothing malformed is planned.
        if (outcome.planned.has_value()) CHECK(outcome.planned->kind_case() != 0);
      }
    }
  }
}

TEST_CASE("hostile arguments: noise") {
  Fixture fixture;
  std::mt19937 random(20261120);
  for (int round = 0; round < 200; ++round) {
    for (const Sample& sample : Samples()) {
      std::string arguments = sample.arguments;
      for (int flips = 0; flips < 3 && !arguments.empty(); ++flips) {
        arguments[random() % arguments.size()] = static_cast<char>(random());
      }
      const Outcome outcome = fixture.Run(*sample.entry, arguments);
      if (!outcome.decoded) CHECK(outcome.reply.empty());
    }
  }
}

}  // namespace
}  // namespace openefs::nfs4::testing
