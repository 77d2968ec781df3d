#include "metadata/state/stateid.h"

#include <catch2/catch.hpp>

namespace openefs::metadata {
namespace {

pb::Stateid Raw(uint32_t seqid, std::string other) {
  pb::Stateid stateid;
  stateid.set_seqid(seqid);
  stateid.set_other(std::move(other));
  return stateid;
}

TEST_CASE("a stateid names what it was made for") {
  const pb::Stateid made = MakeStateid(pb::StateRecord::LOCK, 513, 0x0123456789abcdef, 9);
  REQUIRE(made.other().size() == kStateidOtherBytes);
  const ParsedStateid parsed = ParseStateid(made);
  CHECK(parsed.kind == StateidClass::kOrdinary);
  CHECK(parsed.state_kind == pb::StateRecord::LOCK);
  CHECK(parsed.group == 513);
  CHECK(parsed.state == 0x0123456789abcdef);
  CHECK(parsed.seqid == 9);
}

TEST_CASE("special stateids are told apart as RFC 8881 8.2.3 says") {
  const std::string zero(12, '\0');
  const std::string ones(12, '\xff');
  CHECK(ParseStateid(Raw(0, zero)).kind == StateidClass::kAnonymous);
  CHECK(ParseStateid(Raw(1, zero)).kind == StateidClass::kCurrent);
  CHECK(ParseStateid(Raw(~0u, zero)).kind == StateidClass::kInvalid);
  CHECK(ParseStateid(Raw(2, zero)).kind == StateidClass::kMalformed);
  CHECK(ParseStateid(Raw(~0u, ones)).kind == StateidClass::kBypass);
  CHECK(ParseStateid(Raw(0, ones)).kind == StateidClass::kMalformed);
  CHECK(ParseStateid(InvalidStateid()).kind == StateidClass::kInvalid);
}

TEST_CASE("bytes that we never made are malformed") {
  CHECK(ParseStateid(Raw(1, "")).kind == StateidClass::kMalformed);
  CHECK(ParseStateid(Raw(1, "short")).kind == StateidClass::kMalformed);
  CHECK(ParseStateid(Raw(1, std::string(13, '\1'))).kind == StateidClass::kMalformed);
  std::string other = MakeStateid(pb::StateRecord::OPEN, 1, 1, 1).other();
  other[0] = 2;  // another version
  CHECK(ParseStateid(Raw(1, other)).kind == StateidClass::kMalformed);
  other[0] = 1;
  other[1] = 3;  // no such kind
  CHECK(ParseStateid(Raw(1, other)).kind == StateidClass::kMalformed);
}

TEST_CASE("an unset stateid is the anonymous one") {
  CHECK(ParseStateid(pb::Stateid()).kind == StateidClass::kAnonymous);
}

TEST_CASE("seqids wrap around past 0") {
  CHECK(NextSeqid(0) == 1);
  CHECK(NextSeqid(41) == 42);
  CHECK(NextSeqid(~0u) == 1);
}

}  // namespace
}  // namespace openefs::metadata
