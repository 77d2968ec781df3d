// One group's state machine over the memory engine, and NFS clients that talk to it: what the tests
// of state operations need. Everything goes the way it goes in production, through entries.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "common/ids.h"
#include "metadata/proposal.h"
#include "metadata/state_machine.h"
#include "proto/metadata.pb.h"

namespace openefs::metadata::testing {

inline constexpr uint64_t kFs = 77;
inline constexpr uint32_t kRoot = 0;  // a uid

class TestGroup {
 public:
  // A namespace group comes with file system kFs, whose root everybody may write.
  explicit TestGroup(GroupId group = kFirstNamespaceGroup);

  // One entry with one segment.
  pb::SegmentResponse Apply(pb::SegmentRequest request);
  // A segment without slot, as `uid`; its last result.
  pb::OperationResult Run(std::vector<pb::Operation> operations, uint32_t uid = kRoot);
  pb::SegmentResponse Read(pb::SegmentRequest request);

  void AdvanceMs(int64_t ms) { wall_ns_ += ms * 1'000'000; }
  // Leases that have run out, as the next entries say.
  std::vector<uint64_t> lapsed;

  // Every key and value, but those that change with every entry.
  std::vector<std::pair<std::string, std::string>> Contents();
  // Makes a client look as if it had this much.
  void SetUsage(uint64_t client_id, uint32_t states, uint32_t lock_ranges);
  void SetClientCount(uint64_t count);
  // Writes or deletes a row behind the machine's back.
  void Damage(const std::string& key, std::optional<std::string> value);
  std::unique_ptr<KvSnapshot> Snapshot() { return machine_.Snapshot(); }
  size_t CountKeys(uint64_t fs, uint8_t tag);

  GroupId group() const { return group_; }

 private:
  TestGroup(GroupId group, std::unique_ptr<KvEngine> engine);

  const GroupId group_;
  KvEngine* const engine_;  // the machine's
  MetadataStateMachine machine_;
  uint64_t index_ = 0;
  int64_t wall_ns_ = 1'700'000'000'000'000'000;
};

// An NFS client with one session.
class TestClient {
 public:
  TestClient(TestGroup* group, const std::string& owner_id, uint64_t verifier = 1,
             uint32_t uid = kRoot);

  // The next request of slot 0, after PUTROOT. All results.
  pb::SegmentResponse Run(std::vector<pb::Operation> operations);
  // The last of them.
  pb::OperationResult Last(std::vector<pb::Operation> operations);
  // The same request once more.
  pb::SegmentResponse Repeat() { return group_->Apply(last_); }

  // OPEN by name; FS_OK expected. Gives the stateid.
  pb::Stateid MustOpen(const std::string& name, uint32_t access = 3, const std::string& owner = "o",
                       uint32_t deny = 0, bool create = true);

  uint64_t id() const { return id_; }
  const std::string& session() const { return session_; }
  pb::Credentials credentials;

 private:
  TestGroup* const group_;
  uint64_t id_ = 0;
  std::string session_;
  uint32_t sequence_ = 0;
  pb::SegmentRequest last_;
};

pb::ChannelAttributes Channel();

// Operations. One by one what the protocol's arguments are.
pb::Operation PutRoot();
pb::Operation PutFile(const pb::FileRef& file);
pb::Operation Lookup(const std::string& name);
pb::Operation ExchangeId(const std::string& owner_id, uint64_t verifier, bool update = false);
pb::Operation CreateSession(uint64_t client_id, uint32_t sequence_id);
pb::Operation DestroySession(const std::string& session_id);
pb::Operation Open(const std::string& name, uint32_t access, const std::string& owner,
                   pb::Open::CreateMode mode = pb::Open::NO_CREATE, uint32_t deny = 0);
pb::Operation Downgrade(const pb::Stateid& stateid, uint32_t access, uint32_t deny = 0);
pb::Operation Close(const pb::Stateid& stateid);
pb::Operation LockNew(const pb::Stateid& open, const std::string& owner, bool exclusive,
                      uint64_t offset, uint64_t length);
pb::Operation LockMore(const pb::Stateid& lock, bool exclusive, uint64_t offset, uint64_t length);
pb::Operation TestLock(const std::string& owner, bool exclusive, uint64_t offset, uint64_t length);
pb::Operation Unlock(const pb::Stateid& lock, uint64_t offset, uint64_t length);
pb::Operation Remove(const std::string& name);
pb::Operation GetFile();

}  // namespace openefs::metadata::testing
