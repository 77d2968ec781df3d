#include "tests/metadata/state/test_group.h"

#include <catch2/catch.hpp>

#include "metadata/ops/segment.h"
#include "metadata/store/keys.h"
#include "proto/records.pb.h"

namespace openefs::metadata::testing {

TestGroup::TestGroup(GroupId group) : TestGroup(group, MakeMemoryKv()) {}

TestGroup::TestGroup(GroupId group, std::unique_ptr<KvEngine> engine)
    : group_(group), engine_(engine.get()), machine_(group, std::move(engine), {}) {
  if (group == kSystemGroup) return;
  pb::Operation format;
  format.mutable_format_file_system()->set_fs_id(kFs);
  REQUIRE(Run({format}).error() == pb::FS_OK);
  pb::Operation open_to_all;
  open_to_all.mutable_set_attr()->mutable_change()->set_mode(0777);
  REQUIRE(Run({PutRoot(), open_to_all}).error() == pb::FS_OK);
}

pb::SegmentResponse TestGroup::Apply(pb::SegmentRequest request) {
  request.set_group(group_);
  pb::MetadataEntry entry;
  entry.set_wall_time_ns(static_cast<uint64_t>(wall_ns_));
  entry.set_random_seed(index_ * 7919 + 1);
  for (uint64_t client : lapsed) entry.add_lapsed_clients(client);
  *entry.add_segments() = std::move(request);
  pb::SegmentResponse response;
  auto proposal = std::make_shared<SegmentProposal>(
      [&response](absl::Status status, std::vector<pb::SegmentResponse> responses) {
        REQUIRE(status.ok());
        response = std::move(responses.at(0));
      });
  const std::string data = entry.SerializeAsString();
  const replication::CommittedEntry committed{++index_, 1, data, proposal};
  REQUIRE(machine_.Apply({&committed, 1}).ok());
  proposal->OnApplied();
  return response;
}

pb::OperationResult TestGroup::Run(std::vector<pb::Operation> operations, uint32_t uid) {
  pb::SegmentRequest request;
  request.mutable_credentials()->set_uid(uid);
  for (pb::Operation& operation : operations) *request.add_operations() = std::move(operation);
  const pb::SegmentResponse response = Apply(std::move(request));
  return response.results(response.results_size() - 1);
}

pb::SegmentResponse TestGroup::Read(pb::SegmentRequest request) {
  request.set_group(group_);
  Transaction txn(machine_.Snapshot());
  const absl::flat_hash_set<uint64_t> out(lapsed.begin(), lapsed.end());
  ApplyEnvironment environment;
  environment.wall_time_ns = wall_ns_;
  environment.group = group_;
  environment.lapsed_clients = &out;
  pb::SegmentResponse response;
  ReadSegment(txn, environment, request, &response);
  return response;
}

std::vector<std::pair<std::string, std::string>> TestGroup::Contents() {
  std::vector<std::pair<std::string, std::string>> all;
  auto snapshot = machine_.Snapshot();
  for (auto it = snapshot->Scan("", std::string(9, '\xff')); it->Valid(); it->Next()) {
    const std::string key(it->Key());
    if (key == keys::AppliedIndex() || key == keys::LastWallTime() || key == keys::StateHash()) {
      continue;
    }
    all.emplace_back(key, std::string(it->Value()));
  }
  return all;
}

void TestGroup::SetUsage(uint64_t client_id, uint32_t states, uint32_t lock_ranges) {
  pb::ClientUsageRecord usage;
  usage.set_states(states);
  usage.set_lock_ranges(lock_ranges);
  Damage(keys::ClientUsage(client_id), usage.SerializeAsString());
}

void TestGroup::SetClientCount(uint64_t count) { Damage(keys::ClientCount(), EncodeU64(count)); }

void TestGroup::Damage(const std::string& key, std::optional<std::string> value) {
  REQUIRE(engine_->Write({{key, std::move(value)}}).ok());
  machine_.OnForeignWrite();
}

size_t TestGroup::CountKeys(uint64_t fs, uint8_t tag) {
  const std::string prefix = keys::Prefix(fs, static_cast<KeyTag>(tag));
  size_t count = 0;
  auto snapshot = machine_.Snapshot();
  for (auto it = snapshot->Scan(prefix, PrefixEnd(prefix)); it->Valid(); it->Next()) ++count;
  return count;
}

TestClient::TestClient(TestGroup* group, const std::string& owner_id, uint64_t verifier,
                       uint32_t uid)
    : group_(group) {
  credentials.set_uid(uid);
  credentials.set_gid(uid);
  const pb::OperationResult made = group->Run({ExchangeId(owner_id, verifier)}, uid);
  REQUIRE(made.error() == pb::FS_OK);
  id_ = made.exchange_id().client_id();
  const pb::OperationResult session =
      group->Run({CreateSession(id_, made.exchange_id().sequence_id())}, uid);
  REQUIRE(session.error() == pb::FS_OK);
  session_ = session.create_session().session_id();
}

pb::SegmentResponse TestClient::Run(std::vector<pb::Operation> operations) {
  last_.Clear();
  *last_.mutable_credentials() = credentials;
  last_.mutable_slot()->set_session_id(session_);
  last_.mutable_slot()->set_sequence_id(++sequence_);
  last_.set_first_operation_index(1);
  *last_.add_operations() = PutRoot();
  for (pb::Operation& operation : operations) *last_.add_operations() = std::move(operation);
  return group_->Apply(last_);
}

pb::OperationResult TestClient::Last(std::vector<pb::Operation> operations) {
  const pb::SegmentResponse response = Run(std::move(operations));
  return response.results(response.results_size() - 1);
}

pb::Stateid TestClient::MustOpen(const std::string& name, uint32_t access, const std::string& owner,
                                 uint32_t deny, bool create) {
  const pb::OperationResult result =
      Last({Open(name, access, owner, create ? pb::Open::UNCHECKED : pb::Open::NO_CREATE, deny)});
  REQUIRE(result.error() == pb::FS_OK);
  return result.open().stateid();
}

pb::ChannelAttributes Channel() {
  pb::ChannelAttributes channel;
  channel.set_max_request_bytes(1 << 20);
  channel.set_max_response_bytes(1 << 20);
  channel.set_max_cached_response_bytes(8192);
  channel.set_max_operations(16);
  channel.set_max_requests(64);
  return channel;
}

pb::Operation PutRoot() {
  pb::Operation operation;
  operation.mutable_put_root()->set_fs_id(kFs);
  return operation;
}

pb::Operation PutFile(const pb::FileRef& file) {
  pb::Operation operation;
  *operation.mutable_put_file()->mutable_file() = file;
  return operation;
}

pb::Operation Lookup(const std::string& name) {
  pb::Operation operation;
  operation.mutable_lookup()->set_name(name);
  return operation;
}

pb::Operation ExchangeId(const std::string& owner_id, uint64_t verifier, bool update) {
  pb::Operation operation;
  operation.mutable_exchange_id()->set_owner_id(owner_id);
  operation.mutable_exchange_id()->set_verifier(verifier);
  operation.mutable_exchange_id()->set_update(update);
  return operation;
}

pb::Operation CreateSession(uint64_t client_id, uint32_t sequence_id) {
  pb::Operation operation;
  pb::CreateSession* create = operation.mutable_create_session();
  create->set_client_id(client_id);
  create->set_sequence_id(sequence_id);
  *create->mutable_fore_channel() = Channel();
  *create->mutable_back_channel() = Channel();
  return operation;
}

pb::Operation DestroySession(const std::string& session_id) {
  pb::Operation operation;
  operation.mutable_destroy_session()->set_session_id(session_id);
  return operation;
}

pb::Operation Open(const std::string& name, uint32_t access, const std::string& owner,
                   pb::Open::CreateMode mode, uint32_t deny) {
  pb::Operation operation;
  pb::Open* open = operation.mutable_open();
  open->set_name(name);
  open->set_share_access(access);
  open->set_share_deny(deny);
  open->mutable_owner()->set_owner(owner);
  open->set_create_mode(mode);
  open->mutable_attributes()->set_mode(0644);
  return operation;
}

pb::Operation Downgrade(const pb::Stateid& stateid, uint32_t access, uint32_t deny) {
  pb::Operation operation;
  *operation.mutable_open_downgrade()->mutable_stateid() = stateid;
  operation.mutable_open_downgrade()->set_share_access(access);
  operation.mutable_open_downgrade()->set_share_deny(deny);
  return operation;
}

pb::Operation Close(const pb::Stateid& stateid) {
  pb::Operation operation;
  *operation.mutable_close()->mutable_stateid() = stateid;
  return operation;
}

namespace {
void SetRange(uint64_t offset, uint64_t length, pb::LockRange* range) {
  range->set_offset(offset);
  range->set_length(length);
}
}  // namespace

pb::Operation LockNew(const pb::Stateid& open, const std::string& owner, bool exclusive,
                      uint64_t offset, uint64_t length) {
  pb::Operation operation;
  pb::Lock* lock = operation.mutable_lock();
  lock->set_new_owner(true);
  *lock->mutable_open_stateid() = open;
  lock->mutable_owner()->set_owner(owner);
  lock->set_exclusive(exclusive);
  SetRange(offset, length, lock->mutable_range());
  return operation;
}

pb::Operation LockMore(const pb::Stateid& stateid, bool exclusive, uint64_t offset,
                       uint64_t length) {
  pb::Operation operation;
  pb::Lock* lock = operation.mutable_lock();
  *lock->mutable_lock_stateid() = stateid;
  lock->set_exclusive(exclusive);
  SetRange(offset, length, lock->mutable_range());
  return operation;
}

pb::Operation TestLock(const std::string& owner, bool exclusive, uint64_t offset, uint64_t length) {
  pb::Operation operation;
  pb::LockTest* test = operation.mutable_lock_test();
  test->mutable_owner()->set_owner(owner);
  test->set_exclusive(exclusive);
  SetRange(offset, length, test->mutable_range());
  return operation;
}

pb::Operation Unlock(const pb::Stateid& lock, uint64_t offset, uint64_t length) {
  pb::Operation operation;
  *operation.mutable_unlock()->mutable_stateid() = lock;
  SetRange(offset, length, operation.mutable_unlock()->mutable_range());
  return operation;
}

pb::Operation Remove(const std::string& name) {
  pb::Operation operation;
  operation.mutable_remove()->set_name(name);
  return operation;
}

pb::Operation GetFile() {
  pb::Operation operation;
  operation.mutable_get_file();
  return operation;
}

}  // namespace openefs::metadata::testing
