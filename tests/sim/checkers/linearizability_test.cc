// The checker of histories, on histories known to be good and bad.
#include "tests/sim/checkers/linearizability.h"

#include <catch2/catch.hpp>

#include "tests/sim/checkers/namespace_model.h"
#include "tests/sim/kernel/random.h"

namespace openefs::sim {
namespace {

Operation At(uint64_t asked, uint64_t answered, Op op, Outcome outcome) {
  return {op, std::move(outcome), asked, answered};
}

Op Named(OpKind kind, uint32_t name = 0) { return {.kind = kind, .name = name}; }

Outcome Error(pb::FsError error) { return {.error = error}; }

Outcome Made(uint64_t inode) { return {.inode = inode}; }

Outcome Seen(uint64_t inode, uint32_t nlink = 1, uint32_t mode = kModeOfNew) {
  return {.inode = inode, .nlink = nlink, .mode = mode};
}

Outcome Opened(uint64_t inode, bool created) { return {.inode = inode, .created = created}; }

bool Good(const History& history) { return CheckLinearizability(history).linearizable; }

TEST_CASE("histories that one after the other explains are linearizable") {
  CHECK(Good({}));
  CHECK(Good({At(1, 2, Named(OpKind::kCreate), Made(7)), At(3, 4, Named(OpKind::kLookup), Seen(7)),
              At(5, 6, Named(OpKind::kRemove), {}),
              At(7, 8, Named(OpKind::kLookup), Error(pb::FS_NOENT))}));
}

TEST_CASE("operations that overlap may be in either order") {
  const Operation create = At(1, 10, Named(OpKind::kCreate), Made(7));
  CHECK(Good({create, At(2, 3, Named(OpKind::kLookup), Error(pb::FS_NOENT)),
              At(4, 5, Named(OpKind::kLookup), Seen(7))}));
  // But once somebody has seen it, everybody does.
  CHECK_FALSE(Good({create, At(2, 3, Named(OpKind::kLookup), Seen(7)),
                    At(4, 5, Named(OpKind::kLookup), Error(pb::FS_NOENT))}));
}

TEST_CASE("a stale read is refused") {
  CHECK_FALSE(Good({At(1, 2, Named(OpKind::kCreate), Made(7)),
                    At(3, 4, Named(OpKind::kLookup), Error(pb::FS_NOENT))}));
  Op write = Named(OpKind::kWrite);
  write.value = 5;
  History history = {At(1, 2, Named(OpKind::kOpen), Opened(7, true)), At(3, 4, write, {})};
  history.push_back(At(5, 6, Named(OpKind::kRead), {.value = 5}));
  CHECK(Good(history));
  history.back().outcome.value = 0;
  CHECK_FALSE(Good(history));
}

TEST_CASE("an effect that comes late, twice or never is refused") {
  const Operation create = At(1, 2, Named(OpKind::kCreate), Made(7));
  // Never: acknowledged, and gone.
  CHECK_FALSE(Good({create, At(3, 4, Named(OpKind::kCreate), Made(8))}));
  // Twice: somebody removed it in between, and it is there again.
  CHECK_FALSE(Good(
      {create, At(3, 4, Named(OpKind::kRemove), {}), At(5, 6, Named(OpKind::kLookup), Seen(8))}));
  // Late: it was told that it failed.
  CHECK_FALSE(Good({create, At(3, 4, Named(OpKind::kCreate), Error(pb::FS_EXIST)),
                    At(5, 6, Named(OpKind::kLookup), Seen(9))}));
}

TEST_CASE("two that were told to have made the same name are refused") {
  Op exclusive = Named(OpKind::kOpen);
  exclusive.exclusive = true;
  CHECK_FALSE(Good({At(1, 10, exclusive, Opened(7, true)), At(2, 9, exclusive, Opened(8, true))}));
  CHECK(Good({At(1, 10, exclusive, Opened(7, true)), At(2, 9, exclusive, Error(pb::FS_EXIST))}));
}

TEST_CASE("renames and links keep the file") {
  Op rename = Named(OpKind::kRename, 0);
  rename.to_dir = 1;
  rename.to_name = 1;
  Op link = rename;
  link.kind = OpKind::kLink;
  Op target = Named(OpKind::kLookup, 1);
  target.dir = 1;
  const Operation create = At(1, 2, Named(OpKind::kCreate), Made(7));
  CHECK(Good({create, At(3, 4, rename, {}), At(5, 6, target, Seen(7)),
              At(7, 8, Named(OpKind::kLookup), Error(pb::FS_NOENT))}));
  CHECK(Good({create, At(3, 4, link, {}), At(5, 6, target, Seen(7, 2)),
              At(7, 8, Named(OpKind::kLookup), Seen(7, 2))}));
  // Half a rename.
  CHECK_FALSE(Good({create, At(3, 10, rename, {}), At(4, 5, target, Seen(7)),
                    At(6, 7, Named(OpKind::kLookup), Seen(7))}));
  CHECK_FALSE(Good({create, At(3, 4, link, {}), At(5, 6, target, Seen(7, 1))}));
}

TEST_CASE("a listing shows one moment") {
  History history = {At(1, 2, Named(OpKind::kCreate, 0), Made(7)),
                     At(3, 4, Named(OpKind::kRemove, 0), {}),
                     At(5, 6, Named(OpKind::kCreate, 1), Made(8))};
  history.push_back(At(0, 20, Named(OpKind::kReadDir), {.names = {{0, 7}}}));
  CHECK(Good(history));
  history.back().outcome.names = {{0, 7}, {1, 8}};  // never at the same time
  CHECK_FALSE(Good(history));
}

TEST_CASE("a lock has one holder") {
  const auto on_handle = [](OpKind kind, uint32_t owner) {
    return Op{.kind = kind, .owner = owner, .inode = 7};
  };
  Op open1 = Named(OpKind::kOpen);
  open1.owner = 1;
  Op open2 = open1;
  open2.owner = 2;
  History history = {At(1, 2, open1, Opened(7, true)), At(3, 4, open2, Opened(7, false)),
                     At(5, 6, on_handle(OpKind::kLock, 1), {})};
  history.push_back(At(7, 8, on_handle(OpKind::kLock, 2), Error(pb::FS_DENIED)));
  CHECK(Good(history));
  history.back().outcome.error = pb::FS_OK;
  CHECK_FALSE(Good(history));
  history.insert(history.end() - 1, At(6, 7, on_handle(OpKind::kClose, 1), {}));
  history.back() = At(8, 9, on_handle(OpKind::kLock, 2), {});
  CHECK(Good(history));
}

TEST_CASE("an open file outlives its name, a closed one does not") {
  Op open = Named(OpKind::kOpen);
  open.owner = 1;
  const Op attributes{.kind = OpKind::kGetAttr, .inode = 7};
  const Op close{.kind = OpKind::kClose, .owner = 1, .inode = 7};
  Outcome unlinked = Seen(7, 0);
  unlinked.kind = FileKind::kRegular;
  History history = {At(1, 2, open, Opened(7, true)), At(3, 4, Named(OpKind::kRemove), {}),
                     At(5, 6, attributes, unlinked), At(7, 8, close, {}),
                     At(9, 10, attributes, Error(pb::FS_STALE))};
  CHECK(Good(history));
  history.back().outcome = unlinked;
  CHECK_FALSE(Good(history));
}

// Histories made from an order that is known, stretched so that they overlap: all are good. With
// one outcome changed to what no order gives, none is.
TEST_CASE("random histories of a known order are good, and bad with one lie") {
  SimRandom random(1);
  for (int round = 0; round < 50; ++round) {
    History history;
    uint64_t inode = 0;
    bool there = false;
    for (uint64_t moment = 1'000; moment < 5'000; moment += 100) {
      Operation operation;
      operation.op = Named(random.Chance(500) ? OpKind::kLookup
                           : there            ? OpKind::kRemove
                                              : OpKind::kCreate);
      if (operation.op.kind == OpKind::kCreate) operation.outcome = Made(++inode);
      if (operation.op.kind == OpKind::kLookup) {
        operation.outcome = there ? Seen(inode) : Error(pb::FS_NOENT);
      } else {
        there = operation.op.kind == OpKind::kCreate;
      }
      const uint64_t number = history.size();
      operation.asked = 1'000 * (moment - random.Below(100) * (round % 5)) + 2 * number;
      operation.answered = 1'000 * (moment + random.Below(100) * (round % 5)) + 2 * number + 1;
      history.push_back(operation);
    }
    REQUIRE(Good(history));
    Operation& liar = history[random.Below(history.size())];
    liar.op.kind = OpKind::kLookup;
    liar.outcome = Seen(inode + 1);  // a file that never was
    REQUIRE_FALSE(Good(history));
  }
}

TEST_CASE("what is too much to follow is refused, not guessed") {
  History history;
  for (uint64_t i = 0; i <= kMaxConcurrent; ++i) {
    history.push_back(At(i, 1'000 + i, Named(OpKind::kLookup), Error(pb::FS_NOENT)));
  }
  const LinearizabilityResult result = CheckLinearizability(history);
  CHECK_FALSE(result.linearizable);
  CHECK(result.why.find("too many") != std::string::npos);
}

}  // namespace
}  // namespace openefs::sim
