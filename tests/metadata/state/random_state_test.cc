// Clients at random: whatever they do, in whatever order, the rows of state stay in step, conflicts
// are what a plain model says, and in the end nothing remains.
#include <algorithm>
#include <catch2/catch.hpp>
#include <map>
#include <memory>
#include <random>
#include <set>

#include "metadata/store/check.h"
#include "metadata/store/keys.h"
#include "tests/metadata/state/state_check.h"
#include "tests/metadata/state/test_group.h"

namespace openefs::metadata::testing {
namespace {

constexpr int kClients = 4;
constexpr int kFiles = 3;
constexpr int kOwners = 2;
constexpr int kSteps = 250;

class Storm {
 public:
  explicit Storm(uint32_t seed) : random_(seed) {
    for (int i = 0; i < kClients; ++i) Connect(i);
  }

  void Run() {
    for (int step = 0; step < kSteps; ++step) {
      INFO("step " << step);
      MaybeLapse();
      Act(static_cast<int>(Below(kClients)));
      if (step % 10 == 0) Check();
    }
    Check();
    for (auto& client : clients_) Expire(client->id());
    Check();
    CHECK(group_.CountKeys(0, static_cast<uint8_t>(KeyTag::kState)) == 0);
    CHECK(group_.CountKeys(0, static_cast<uint8_t>(KeyTag::kClient)) == 0);
    CHECK(group_.CountKeys(kFs, static_cast<uint8_t>(KeyTag::kOrphan)) == 0);
  }

 private:
  uint64_t Below(uint64_t n) { return random_() % n; }
  std::string File() { return "f" + std::to_string(Below(kFiles)); }
  std::string Owner() { return "o" + std::to_string(Below(kOwners)); }

  void Connect(int i) {
    clients_.resize(kClients);
    clients_[static_cast<size_t>(i)] =
        std::make_unique<TestClient>(&group_, "c" + std::to_string(i), ++boots_);
    opens_[i].clear();
    locks_[i].clear();
  }

  void Check() {
    const auto snapshot = group_.Snapshot();
    for (const std::string& problem : CheckState(*snapshot)) FAIL_CHECK(problem);
    for (const std::string& problem : CheckStore(*snapshot).problems) FAIL_CHECK(problem);
  }

  void MaybeLapse() {
    group_.lapsed.clear();
    for (const auto& client : clients_) {
      if (Below(6) == 0) group_.lapsed.push_back(client->id());
    }
  }

  void Expire(uint64_t client_id) {
    pb::Operation expire;
    expire.mutable_expire_client()->set_client_id(client_id);
    REQUIRE(group_.Run({expire}).error() == pb::FS_OK);
  }

  // The result of the last operation; a client that was pushed aside begins anew.
  pb::OperationResult Do(int who, std::vector<pb::Operation> operations) {
    TestClient& client = *clients_[static_cast<size_t>(who)];
    const pb::SegmentResponse first = client.Run(std::move(operations));
    if (Below(4) == 0) {
      // A retry, whatever the outcome was, answers the same.
      CHECK(first.SerializeAsString() == client.Repeat().SerializeAsString());
    }
    const pb::OperationResult& last = first.results(first.results_size() - 1);
    if (last.error() == pb::FS_BADSESSION) Connect(who);
    return last;
  }

  void Act(int who) {
    switch (Below(9)) {
      case 0:
      case 1:
        return OpenOne(who);
      case 2:
        return CloseOne(who);
      case 3:
        return DowngradeOne(who);
      case 4:
      case 5:
        return LockOne(who);
      case 6:
        return UnlockOne(who);
      case 7:
        return RemoveOne(who);
      default:
        return RarelyLeave(who);
    }
  }

  void OpenOne(int who) {
    const std::string name = File();
    const uint32_t access = 1 + static_cast<uint32_t>(Below(3));
    const uint32_t deny = Below(4) == 0 ? static_cast<uint32_t>(Below(4)) : 0;
    const pb::SegmentResponse response = clients_[static_cast<size_t>(who)]->Run(
        {Open(name, access, Owner(), pb::Open::UNCHECKED, deny), GetFile()});
    const pb::OperationResult& last = response.results(response.results_size() - 1);
    if (last.error() == pb::FS_BADSESSION) return Connect(who);
    if (last.error() != pb::FS_OK) {
      CHECK(last.error() == pb::FS_SHARE_DENIED);
      return;
    }
    opens_[who].push_back({last.file(), response.results(1).open().stateid()});
  }

  void CloseOne(int who) {
    if (opens_[who].empty()) return;
    const size_t i = Below(opens_[who].size());
    const Held held = opens_[who][i];
    opens_[who].erase(opens_[who].begin() + static_cast<ptrdiff_t>(i));
    (void)Do(who, {PutFile(held.file), Close(held.stateid)});
  }

  void DowngradeOne(int who) {
    if (opens_[who].empty()) return;
    Held& held = opens_[who][Below(opens_[who].size())];
    const pb::OperationResult result =
        Do(who, {PutFile(held.file), Downgrade(held.stateid, 1 + static_cast<uint32_t>(Below(3)))});
    if (result.error() == pb::FS_OK) held.stateid = result.stateid();
  }

  void LockOne(int who) {
    const uint64_t start = Below(20);
    const uint64_t length = Below(5) == 0 ? ~uint64_t{0} : 1 + Below(10);
    const bool exclusive = Below(2) == 0;
    if (!locks_[who].empty() && Below(2) == 0) {
      Held& held = locks_[who][Below(locks_[who].size())];
      const pb::OperationResult result =
          Do(who, {PutFile(held.file), LockMore(held.stateid, exclusive, start, length)});
      if (result.error() == pb::FS_OK) held.stateid = result.stateid();
    } else if (!opens_[who].empty()) {
      const Held held = opens_[who][Below(opens_[who].size())];
      const pb::OperationResult result =
          Do(who, {PutFile(held.file), LockNew(held.stateid, Owner(), exclusive, start, length)});
      if (result.error() == pb::FS_OK) locks_[who].push_back({held.file, result.stateid()});
    }
  }

  void UnlockOne(int who) {
    if (locks_[who].empty()) return;
    Held& held = locks_[who][Below(locks_[who].size())];
    const pb::OperationResult result =
        Do(who, {PutFile(held.file), Unlock(held.stateid, Below(20), 1 + Below(10))});
    if (result.error() == pb::FS_OK) held.stateid = result.stateid();
  }

  void RemoveOne(int who) { (void)Do(who, {Remove(File())}); }

  void RarelyLeave(int who) {
    TestClient& client = *clients_[static_cast<size_t>(who)];
    switch (Below(4)) {
      case 0:
        Expire(client.id());
        return Connect(who);
      case 1:
        return Connect(who);  // it restarted
      case 2:
        (void)client.Run({DestroySession(client.session())});
        return Connect(who);
      default:
        return;
    }
  }

  struct Held {
    pb::FileRef file;
    pb::Stateid stateid;
  };

  std::mt19937 random_;
  TestGroup group_;
  uint64_t boots_ = 0;
  std::vector<std::unique_ptr<TestClient>> clients_;
  std::map<int, std::vector<Held>> opens_;
  std::map<int, std::vector<Held>> locks_;
};

TEST_CASE("state stays in step under a storm of clients") {
  for (uint32_t seed = 1; seed <= 6; ++seed) {
    INFO("seed " << seed);
    Storm(seed).Run();
  }
}

TEST_CASE("the checker of state sees damage of each kind") {
  TestGroup group;
  TestClient client(&group, "c");
  const pb::Stateid open = client.MustOpen("f", 3, "o", 1);
  REQUIRE(client.Last({Lookup("f"), LockNew(open, "p", true, 0, 5)}).error() == pb::FS_OK);
  REQUIRE(CheckState(*group.Snapshot()).empty());
  const auto rows = group.Contents();
  for (const auto& [key, value] : rows) {
    const auto tag = static_cast<uint8_t>(key.at(8));
    const bool of_state = (tag >= 0x18 && tag <= 0x1A) || (tag >= 0x40 && tag <= 0x4C);
    const bool counter = tag == 0x48 || tag == 0x4A || tag == 0x4C || tag == 0x44;
    if (!of_state || counter) continue;
    INFO("tag " << static_cast<int>(tag));
    group.Damage(key, std::nullopt);
    CHECK_FALSE(CheckState(*group.Snapshot()).empty());
    group.Damage(key, value);
  }
  CHECK(CheckState(*group.Snapshot()).empty());
}

}  // namespace
}  // namespace openefs::metadata::testing
