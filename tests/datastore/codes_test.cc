#include <bit>
#include <catch2/catch.hpp>
#include <cstring>
#include <string>
#include <vector>

#include "common/random.h"
#include "datastore/codes/code_table.h"
#include "datastore/codes/crc32c.h"
#include "datastore/codes/reed_solomon.h"
#include "datastore/codes/stripe.h"
#include "tests/datastore/bytes.h"

namespace openefs::datastore {
namespace {

std::string Join(const BufferList& list) {
  std::string joined;
  for (const Buffer& piece : list) joined += piece.view();
  return joined;
}

// `bytes` in pieces of varying sizes, some of them empty.
BufferList Cut(const std::string& bytes, SeededRandom& random) {
  BufferList list;
  const Buffer whole = Buffer::Copy(bytes);
  for (size_t at = 0; at < bytes.size();) {
    const size_t size = random.Next64() % (bytes.size() / 3 + 2);
    list.push_back(whole.Slice(at, size));
    at += size;
  }
  return list;
}

// Rebuilds every fragment of `erased` from the first k others and compares.
void CheckErasure(const CodeSpec& spec, const Stripe& stripe,
                  const std::vector<BufferList>& fragments, uint32_t erased) {
  uint32_t sources = 0;
  std::vector<BufferList> columns;
  for (int i = 0; i < spec.n() && columns.size() < static_cast<size_t>(spec.k); ++i) {
    if (erased >> i & 1) continue;
    sources |= uint32_t{1} << i;
    columns.push_back(fragments[static_cast<size_t>(i)]);
  }
  const std::vector<Buffer> rebuilt =
      RebuildColumns(spec, sources, columns, erased, stripe.fragment_bytes);
  size_t next = 0;
  for (int i = 0; i < spec.n(); ++i) {
    if ((erased >> i & 1) == 0) continue;
    const Buffer& bytes = rebuilt[next++];
    const uint32_t length = stripe.LengthOf(i);
    const std::string expected = Join(fragments[static_cast<size_t>(i)]);
    if (bytes.Slice(0, length).view() != expected) {
      FAIL(spec.name << " length " << stripe.blob_length << " erased " << erased << " fragment "
                     << i);
    }
    // What a short data fragment lacks counts as zeros.
    if (bytes.Slice(length, stripe.fragment_bytes).view().find_first_not_of('\0') !=
        std::string_view::npos) {
      FAIL("padding is not zero");
    }
  }
}

void CheckAllErasures(const CodeSpec& spec, const BufferList& blob) {
  const Stripe stripe(spec, static_cast<uint32_t>(TotalBytes(blob)));
  const std::vector<BufferList> fragments = EncodeBlob(spec, blob);
  REQUIRE(fragments.size() == static_cast<size_t>(spec.n()));
  std::string data;
  for (int i = 0; i < spec.n(); ++i) {
    const BufferList& fragment = fragments[static_cast<size_t>(i)];
    if (TotalBytes(fragment) != stripe.LengthOf(i)) FAIL("fragment " << i << " of a wrong size");
    if (i < spec.k) data += Join(fragment);
  }
  if (data != Join(blob)) FAIL("data fragments are not the blob");
  for (uint32_t erased = 1; erased <= spec.AllMask(); ++erased) {
    if (std::popcount(erased) <= spec.m) CheckErasure(spec, stripe, fragments, erased);
  }
}

}  // namespace

TEST_CASE("every erasure pattern of every code is rebuilt, at every small size") {
  SeededRandom random(1);
  for (const CodeSpec& spec : kCodeTable) {
    const uint32_t last = static_cast<uint32_t>(spec.k) * kFragmentAlign + 1;
    for (uint32_t length = 1; length <= last; ++length) {
      // All patterns at some sizes of the large code, whose patterns are many.
      if (spec.n() == kMaxFragments && length % 7 > 1 && length < last - 2) continue;
      CheckAllErasures(spec, {Buffer::FromString(random.Bytes(length))});
    }
  }
}

TEST_CASE("every erasure pattern is rebuilt, at large sizes and from many pieces") {
  SeededRandom random(2);
  for (const CodeSpec& spec : kCodeTable) {
    for (const size_t length : {size_t{4096}, size_t{65536}, size_t{100'001}}) {
      const std::string bytes = random.Bytes(length);
      CheckAllErasures(spec, Cut(bytes, random));
    }
  }
}

TEST_CASE("a blob in very many pieces is coded as the same blob in one") {
  SeededRandom random(3);
  const std::string bytes = random.Bytes(5000);
  BufferList tiny;
  for (const char byte : bytes) tiny.push_back(Buffer::FromString(std::string(1, byte)));
  for (const CodeSpec& spec : kCodeTable) {
    const auto from_tiny = EncodeBlob(spec, tiny);
    const auto from_one = EncodeBlob(spec, {Buffer::Copy(bytes)});
    for (size_t i = 0; i < from_one.size(); ++i) CHECK(Join(from_tiny[i]) == Join(from_one[i]));
  }
}

TEST_CASE("data fragments are slices of the blob, not copies") {
  const Buffer blob = Buffer::FromString(TestBytes(100'000, 4));
  const auto fragments = EncodeBlob(kCodeTable[0], {blob});
  CHECK(fragments[0][0].data() == blob.data());
  CHECK(fragments[2].back().data() + fragments[2].back().size() == blob.data() + blob.size());
}

TEST_CASE("three-way replication stores plain copies") {
  const std::string bytes = TestBytes(1000, 5);
  const auto fragments = EncodeBlob(*FindCode(pb::RS_1_2), {Buffer::Copy(bytes)});
  for (const BufferList& fragment : fragments) CHECK(Join(fragment).substr(0, 1000) == bytes);
}

TEST_CASE("CRC32C is the one of iSCSI, however the bytes are cut") {
  CHECK(Crc32c("123456789") == 0xE3069283);  // the check value of the CRC catalogues
  CHECK(Crc32c(std::string_view()) == 0);
  CHECK(Crc32c("6789", Crc32c("12345")) == 0xE3069283);
  CHECK(Crc32c(BufferList{Buffer::Copy("12"), Buffer(), Buffer::Copy("3456789")}) == 0xE3069283);
}

TEST_CASE("an unknown code is not found") {
  CHECK(FindCode(pb::CODE_UNSPECIFIED) == nullptr);
  CHECK(FindCode(static_cast<pb::Code>(77)) == nullptr);
  for (const CodeSpec& spec : kCodeTable) CHECK(FindCode(spec.code) == &spec);
}

}  // namespace openefs::datastore
