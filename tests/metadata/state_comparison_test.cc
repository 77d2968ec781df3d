// Who is odd, and from what on: the comparison of replicas' states without any replica.
#include "metadata/state_comparison.h"

#include <catch2/catch.hpp>

#include "metadata/store/state_hash.h"

namespace openefs::metadata {
namespace {

using replication::StateDigest;
using Kind = StateVerdict::Kind;

uint64_t HashAt(uint64_t index) { return index * 0x9e3779b97f4a7c15; }

void ApplyUpTo(StateComparison* replica, uint64_t last, uint64_t first = 1, uint64_t error = 0) {
  for (uint64_t index = first; index <= last; ++index) {
    const StateDigest digest{index, HashAt(index) + error};
    replica->Note({&digest, 1});
  }
}

std::vector<StateDigest> Digests(uint64_t index, uint64_t error = 0) {
  return {{index, HashAt(index) + error}};
}

TEST_CASE("equal replicas agree, and know how far") {
  StateComparison replica(1, {1, 2, 3});
  CHECK(replica.Latest().empty());
  ApplyUpTo(&replica, 300);
  REQUIRE(replica.Latest().size() == 2);
  CHECK(replica.Latest()[0].index == 300);
  CHECK(replica.Latest()[1].index == 256);
  CHECK(replica.OnPeer(2, Digests(290)).kind == Kind::kNothing);
  CHECK(replica.AgreedIndex() == 290);
  CHECK(replica.OnPeer(2, Digests(301)).kind == Kind::kNothing);  // not there yet
  CHECK(replica.OnPeer(2, Digests(100)).kind == Kind::kNothing);  // forgotten
  CHECK(replica.OnPeer(2, Digests(256)).kind == Kind::kNothing);
  CHECK(replica.AgreedIndex() == 290);
}

TEST_CASE("a majority decides who is odd") {
  StateComparison replica(1, {1, 2, 3});
  ApplyUpTo(&replica, 10);
  SECTION("a peer") {
    CHECK(replica.OnPeer(2, Digests(10, 7)).kind == Kind::kUndecided);
    CHECK(replica.OnPeer(2, Digests(10, 7)).kind == Kind::kNothing);  // said already
    const StateVerdict verdict = replica.OnPeer(3, Digests(10));
    CHECK(verdict.kind == Kind::kPeerOdd);
    CHECK(verdict.peer == 2);
    CHECK(verdict.index == 10);
    CHECK(replica.OnPeer(3, Digests(10)).kind == Kind::kNothing);
  }
  SECTION("this one") {
    CHECK(replica.OnPeer(2, Digests(10, 7)).kind == Kind::kUndecided);
    CHECK(replica.OnPeer(3, Digests(10, 7)).kind == Kind::kSelfOdd);
  }
  SECTION("nobody, if all differ") {
    CHECK(replica.OnPeer(2, Digests(10, 7)).kind == Kind::kUndecided);
    CHECK(replica.OnPeer(3, Digests(10, 8)).kind == Kind::kUndecided);
    CHECK(replica.AgreedIndex() == 0);
  }
  SECTION("not voices about different entries") {
    CHECK(replica.OnPeer(2, Digests(9, 7)).kind == Kind::kUndecided);
    CHECK(replica.OnPeer(3, Digests(10, 7)).kind == Kind::kUndecided);
  }
  SECTION("not strangers, nor itself, nor floods") {
    CHECK(replica.OnPeer(2, Digests(10, 7)).kind == Kind::kUndecided);
    CHECK(replica.OnPeer(9, Digests(10, 7)).kind == Kind::kNothing);
    CHECK(replica.OnPeer(1, Digests(10, 7)).kind == Kind::kNothing);
    CHECK(replica.OnPeer(3, std::vector<StateDigest>(100, Digests(10, 7)[0])).kind ==
          Kind::kNothing);
  }
}

TEST_CASE("a learner hears from the voters what it is, and has no voice") {
  StateComparison learner(4, {1, 2, 3});
  ApplyUpTo(&learner, 10);
  CHECK(learner.OnPeer(1, Digests(10, 7)).kind == Kind::kUndecided);
  CHECK(learner.OnPeer(2, Digests(10, 7)).kind == Kind::kSelfOdd);
  StateComparison voter(1, {1, 2, 3});
  ApplyUpTo(&voter, 10);
  CHECK(voter.OnPeer(4, Digests(10, 7)).kind == Kind::kNothing);
  voter.SetVoters({1, 2, 4});
  CHECK(voter.OnPeer(4, Digests(10, 7)).kind == Kind::kUndecided);
}

TEST_CASE("replicas far apart and fast find an index that all of them told") {
  // Each applies some thousands of entries between two tellings, one is 200,000 behind.
  StateComparison replica(1, {1, 2, 3});
  StateComparison ahead(2, {1, 2, 3});
  StateComparison odd(3, {1, 2, 3});
  ApplyUpTo(&ahead, 262'144 + 70'001);
  ApplyUpTo(&replica, 262'144 + 65'777);
  ApplyUpTo(&odd, 1000);
  ApplyUpTo(&odd, 262'144 + 65'540, 1001, 5);
  CHECK(replica.OnPeer(2, ahead.Latest()).kind == Kind::kNothing);
  CHECK(replica.AgreedIndex() == 262'144 + 65'536);
  CHECK(replica.OnPeer(3, odd.Latest()).kind == Kind::kPeerOdd);
  CHECK(odd.OnPeer(1, replica.Latest()).kind == Kind::kUndecided);
  CHECK(odd.OnPeer(2, ahead.Latest()).kind == Kind::kSelfOdd);
}

TEST_CASE("what was remembered ends with the state it was of") {
  StateComparison replica(1, {1, 2, 3});
  ApplyUpTo(&replica, 10, 1, 5);
  CHECK(replica.OnPeer(2, Digests(10)).kind == Kind::kUndecided);
  replica.Restart();  // a snapshot took the place of the state
  CHECK(replica.Latest().empty());
  CHECK(replica.OnPeer(3, Digests(10)).kind == Kind::kNothing);
  ApplyUpTo(&replica, 12, 11);
  CHECK(replica.OnPeer(2, Digests(12)).kind == Kind::kNothing);
  CHECK(replica.AgreedIndex() == 12);
}

uint64_t HashOf(const KvWrites& writes, uint64_t hash = 0, uint64_t index = 1) {
  const auto engine = MakeMemoryKv();
  Transaction txn(engine->Snapshot());
  for (const auto& [key, value] : writes) {
    if (value.has_value()) {
      txn.Put(key, *value);
    } else {
      txn.Delete(key);
    }
  }
  return ExtendStateHash(hash, index, txn, 0);
}

TEST_CASE("the state hash tells any two lists of changes apart") {
  const std::vector<KvWrites> different = {
      {},
      {{"a", "1"}},
      {{"a", "2"}},
      {{"a1", ""}},
      {{"a", ""}},
      {{"a", std::nullopt}},
      {{"b", "1"}},
      {{"a", "1"}, {"b", "1"}},
      {{"a", "1b1"}},
      {{"a", std::string("\0", 1)}},
      {{"a", std::string("1\0", 2)}},
  };
  for (size_t i = 0; i < different.size(); ++i) {
    for (size_t j = 0; j < i; ++j) CHECK(HashOf(different[i]) != HashOf(different[j]));
    CHECK(HashOf(different[i], 0, 1) != HashOf(different[i], 0, 2));
    CHECK(HashOf(different[i], 1, 1) != HashOf(different[i], 2, 1));
  }
}

TEST_CASE("the state hash is of what an entry leaves behind, not of how it got there") {
  const uint64_t plain = HashOf({{"a", "1"}, {"b", "2"}});
  CHECK(HashOf({{"b", "2"}, {"a", "1"}}) == plain);
  CHECK(HashOf({{"a", "0"}, {"b", "2"}, {"a", "1"}}) == plain);
  const auto engine = MakeMemoryKv();
  Transaction txn(engine->Snapshot());
  txn.Put("0", "an earlier entry");
  const size_t mark = txn.Mark();
  txn.Put("a", "1");
  const size_t failed = txn.Mark();
  txn.Put("c", "3");
  txn.Put("a", "9");
  txn.RollbackTo(failed);
  txn.Put("b", "2");
  CHECK(ExtendStateHash(0, 1, txn, mark) == plain);
}

}  // namespace
}  // namespace openefs::metadata
