#include "tests/metadata/ops/shell.h"

#include <catch2/catch.hpp>

#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "metadata/ops/segment.h"
#include "metadata/store/blobs.h"
#include "metadata/store/keys.h"

namespace openefs::metadata {
namespace {

std::vector<std::string> Parts(const std::string& path) {
  return absl::StrSplit(path, '/', absl::SkipEmpty());
}

}  // namespace

Shell::Shell(std::unique_ptr<KvEngine> engine)
    : machine_(std::make_unique<MetadataStateMachine>(kTestGroup, std::move(engine),
                                                      MetadataStateMachine::Callbacks{})) {
  next_index = machine_->AppliedIndex() + 1;
  if (machine_->Snapshot()->Scan("", "\xff")->Valid()) return;
  pb::SegmentRequest request;
  request.set_group(kTestGroup);
  request.add_operations()->mutable_format_file_system()->set_fs_id(kTestFs);
  REQUIRE(Last(request) == pb::FS_OK);
}

pb::SegmentResponse Shell::Apply(const pb::SegmentRequest& request) {
  pb::MetadataEntry entry;
  entry.set_wall_time_ns(static_cast<uint64_t>(wall_time_ns += 1'000'000));
  entry.set_random_seed(next_index * 7919);
  *entry.add_segments() = request;
  const std::string data = entry.SerializeAsString();
  std::vector<pb::SegmentResponse> responses;
  auto proposal = std::make_shared<SegmentProposal>(
      [&](absl::Status status, std::vector<pb::SegmentResponse> done) {
        REQUIRE(status.ok());
        responses = std::move(done);
      });
  const replication::CommittedEntry committed{next_index++, 1, data, proposal};
  REQUIRE(machine_->Apply({&committed, 1}).ok());
  proposal->OnApplied();
  REQUIRE(responses.size() == 1);
  if (check_every_entry) {
    CheckReport report = Check();
    INFO(absl::StrJoin(report.problems, "\n"));
    INFO(request.ShortDebugString());
    REQUIRE(report.Clean());
  }
  return responses[0];
}

pb::SegmentResponse Shell::Read(const pb::SegmentRequest& request) {
  REQUIRE(!SegmentMutates(request));
  Transaction txn(machine_->Snapshot());
  ApplyEnvironment environment;
  environment.wall_time_ns = wall_time_ns;
  environment.group = kTestGroup;
  pb::SegmentResponse response;
  ReadSegment(txn, environment, request, &response);
  return response;
}

pb::SegmentRequest Shell::At(const std::string& path) const {
  pb::SegmentRequest request;
  request.set_group(kTestGroup);
  *request.mutable_credentials() = who_;
  request.add_operations()->mutable_put_root()->set_fs_id(kTestFs);
  for (const std::string& part : Parts(path))
    request.add_operations()->mutable_lookup()->set_name(part);
  return request;
}

pb::SegmentRequest Shell::AtParent(const std::string& path, std::string* name) const {
  std::vector<std::string> parts = Parts(path);
  REQUIRE(!parts.empty());
  *name = parts.back();
  parts.pop_back();
  return At(absl::StrJoin(parts, "/"));
}

pb::FsError Shell::ErrorOf(const pb::SegmentResponse& response) {
  REQUIRE(response.results_size() > 0);
  return response.results(response.results_size() - 1).error();
}

void Shell::Become(uint32_t uid, uint32_t gid, std::vector<uint32_t> gids) {
  who_.Clear();
  who_.set_uid(uid);
  who_.set_gid(gid);
  for (uint32_t extra : gids) who_.add_gids(extra);
}

pb::FsError Shell::Mkdir(const std::string& path, uint32_t mode) {
  return MakeNode(pb::DIRECTORY, path, mode);
}

pb::FsError Shell::MakeNode(pb::FileType type, const std::string& path, uint32_t mode) {
  std::string name;
  pb::SegmentRequest request = AtParent(path, &name);
  pb::Create* create = request.add_operations()->mutable_create();
  create->set_type(type);
  create->set_name(name);
  create->mutable_attributes()->set_mode(mode);
  return Last(request);
}

pb::FsError Shell::Symlink(const std::string& target, const std::string& path) {
  std::string name;
  pb::SegmentRequest request = AtParent(path, &name);
  pb::Create* create = request.add_operations()->mutable_create();
  create->set_type(pb::SYMLINK);
  create->set_name(name);
  create->set_symlink_target(target);
  return Last(request);
}

pb::FsError Shell::MakeFile(const std::string& path, uint32_t mode) {
  std::string name;
  pb::SegmentRequest request = AtParent(path, &name);
  request.mutable_slot()->set_session_id(SessionId());
  request.mutable_slot()->set_sequence_id(next_sequence_++);
  pb::Open* open = request.add_operations()->mutable_open();
  open->set_share_access(3);
  open->mutable_owner()->set_owner("shell");
  open->set_name(name);
  open->set_create_mode(pb::Open::GUARDED);
  open->mutable_attributes()->set_mode(mode);
  const pb::SegmentResponse response = Apply(request);
  if (ErrorOf(response) != pb::FS_OK) return ErrorOf(response);
  return CloseFile(response.registers().current(), response.registers().current_stateid());
}

pb::FsError Shell::Remove(const std::string& path) {
  std::string name;
  pb::SegmentRequest request = AtParent(path, &name);
  request.add_operations()->mutable_remove()->set_name(name);
  return Last(request);
}

pb::FsError Shell::Rename(const std::string& from, const std::string& to) {
  std::string old_name, new_name;
  pb::SegmentRequest request = AtParent(from, &old_name);
  request.add_operations()->mutable_save_file();
  const pb::SegmentRequest target = AtParent(to, &new_name);
  request.mutable_operations()->MergeFrom(target.operations());
  pb::Rename* rename = request.add_operations()->mutable_rename();
  rename->set_old_name(old_name);
  rename->set_new_name(new_name);
  return Last(request);
}

pb::FsError Shell::Link(const std::string& from, const std::string& to) {
  std::string name;
  pb::SegmentRequest request = At(from);
  request.add_operations()->mutable_save_file();
  const pb::SegmentRequest target = AtParent(to, &name);
  request.mutable_operations()->MergeFrom(target.operations());
  request.add_operations()->mutable_link()->set_new_name(name);
  return Last(request);
}

pb::FsError Shell::SetAttr(const std::string& path, const pb::AttributeChange& change) {
  pb::SegmentRequest request = At(path);
  *request.add_operations()->mutable_set_attr()->mutable_change() = change;
  return Last(request);
}

pb::FsError Shell::Chmod(const std::string& path, uint32_t mode) {
  pb::AttributeChange change;
  change.set_mode(mode);
  return SetAttr(path, change);
}

pb::FsError Shell::Chown(const std::string& path, int64_t uid, int64_t gid) {
  pb::AttributeChange change;
  if (uid >= 0) change.set_uid(static_cast<uint32_t>(uid));
  if (gid >= 0) change.set_gid(static_cast<uint32_t>(gid));
  return SetAttr(path, change);
}

pb::FsError Shell::Truncate(const std::string& path, uint64_t size) {
  pb::AttributeChange change;
  change.set_size(size);
  return SetAttr(path, change);
}

pb::FsError Shell::WriteInline(const std::string& path, uint64_t offset, const std::string& bytes) {
  pb::SegmentRequest request = At(path);
  pb::WriteCommit* write = request.add_operations()->mutable_write_commit();
  write->set_offset(offset);
  write->set_length(static_cast<uint32_t>(bytes.size()));
  write->set_inline_data(bytes);
  return Last(request);
}

pb::BlobId Shell::MakeBlob(uint32_t length, std::string* bytes) {
  const uint64_t number = next_blob_++;
  const BlobId id = BlobId::Make(1, static_cast<uint64_t>(wall_time_ns / 1'000'000), number);
  bytes->clear();
  for (uint32_t i = 0; i < length; ++i)
    bytes->push_back(static_cast<char>('a' + (number * 31 + i * 7 + i / 251) % 26));
  blobs_[id] = *bytes;
  return ToProto(id);
}

pb::FsError Shell::WriteBlob(const std::string& path, uint64_t offset, uint32_t length,
                             std::string* bytes, uint32_t missing_mask) {
  pb::SegmentRequest request = At(path);
  pb::WriteCommit* write = request.add_operations()->mutable_write_commit();
  write->set_offset(offset);
  write->set_length(length);
  *write->mutable_blob()->mutable_id() = MakeBlob(length, bytes);
  write->mutable_blob()->set_length(length);
  write->mutable_blob()->set_missing_mask(missing_mask);
  return Last(request);
}

std::string Shell::Bytes(const pb::ReadPlanResult& plan) const {
  std::string bytes;
  for (const pb::ReadPlanResult::Piece& piece : plan.pieces()) {
    REQUIRE(piece.length() > 0);
    if (piece.has_inline_data()) {
      REQUIRE(piece.inline_data().size() == piece.length());
      bytes += piece.inline_data();
    } else if (piece.has_blob()) {
      const std::string& blob = blobs_.at(FromProto(piece.blob().id()));
      REQUIRE(blob.size() == piece.blob().blob_length());
      REQUIRE(piece.blob().blob_offset() + piece.length() <= blob.size());
      bytes += blob.substr(piece.blob().blob_offset(), piece.length());
    } else {
      REQUIRE(piece.hole());
      bytes.append(piece.length(), '\0');
    }
  }
  return bytes;
}

pb::FsError Shell::ReadFile(const std::string& path, uint64_t offset, uint32_t count,
                            std::string* bytes) {
  pb::SegmentRequest request = At(path);
  pb::ReadPlan* read = request.add_operations()->mutable_read_plan();
  read->set_offset(offset);
  read->set_count(count);
  const pb::SegmentResponse response = Read(request);
  if (ErrorOf(response) == pb::FS_OK)
    *bytes = Bytes(response.results(response.results_size() - 1).read_plan());
  return ErrorOf(response);
}

pb::FsError Shell::Stat(const std::string& path, pb::Attributes* attributes, bool usage) {
  pb::SegmentRequest request = At(path);
  request.add_operations()->mutable_get_attr()->set_want_usage(usage);
  const pb::SegmentResponse response = Read(request);
  *attributes = response.results(response.results_size() - 1).attributes();
  return ErrorOf(response);
}

pb::Attributes Shell::MustStat(const std::string& path) {
  pb::Attributes attributes;
  INFO(path);
  REQUIRE(Stat(path, &attributes, true) == pb::FS_OK);
  return attributes;
}

uint32_t Shell::AccessOf(const std::string& path, uint32_t mask) {
  pb::SegmentRequest request = At(path);
  request.add_operations()->mutable_access()->set_mask(mask);
  const pb::SegmentResponse response = Read(request);
  REQUIRE(ErrorOf(response) == pb::FS_OK);
  return response.results(response.results_size() - 1).access();
}

DirectoryListing Shell::List(const std::string& path, uint32_t max_entries) {
  DirectoryListing listing;
  uint64_t cookie = 0;
  for (bool end = false; !end;) {
    pb::SegmentRequest request = At(path);
    pb::ReadDir* read = request.add_operations()->mutable_read_dir();
    read->set_cookie(cookie);
    read->set_max_entries(max_entries);
    read->set_max_bytes(1 << 20);
    read->set_want_attributes(true);
    const pb::SegmentResponse response = Read(request);
    listing.error = ErrorOf(response);
    if (listing.error != pb::FS_OK) return listing;
    const pb::ReadDirResult& page = response.results(response.results_size() - 1).read_dir();
    REQUIRE((page.end() || page.entries_size() > 0));
    for (const auto& entry : page.entries()) {
      REQUIRE(entry.cookie() > cookie);
      cookie = entry.cookie();
      listing.entries.push_back(entry);
    }
    end = page.end();
  }
  return listing;
}

pb::FsError Shell::ReadLink(const std::string& path, std::string* target) {
  pb::SegmentRequest request = At(path);
  request.add_operations()->mutable_read_link();
  const pb::SegmentResponse response = Read(request);
  *target = response.results(response.results_size() - 1).link_target();
  return ErrorOf(response);
}

const std::string& Shell::SessionId() {
  if (!session_id_.empty()) return session_id_;
  pb::SegmentRequest request;
  request.set_group(kTestGroup);
  request.add_operations()->mutable_exchange_id()->set_owner_id("shell");
  pb::SegmentResponse response = Apply(request);
  REQUIRE(ErrorOf(response) == pb::FS_OK);
  const pb::ExchangeIdResult client = response.results(0).exchange_id();
  request.clear_operations();
  pb::CreateSession* create = request.add_operations()->mutable_create_session();
  create->set_client_id(client.client_id());
  create->set_sequence_id(client.sequence_id());
  create->mutable_fore_channel()->set_max_requests(8);
  create->mutable_back_channel()->set_max_requests(1);
  response = Apply(request);
  REQUIRE(ErrorOf(response) == pb::FS_OK);
  session_id_ = response.results(0).create_session().session_id();
  return session_id_;
}

pb::FsError Shell::OpenFile(const std::string& path, uint32_t share_access, pb::Stateid* stateid,
                            pb::FileRef* file) {
  std::string name;
  pb::SegmentRequest request = AtParent(path, &name);
  request.mutable_slot()->set_session_id(SessionId());
  request.mutable_slot()->set_sequence_id(next_sequence_++);
  pb::Open* open = request.add_operations()->mutable_open();
  open->set_share_access(share_access);
  open->mutable_owner()->set_owner("shell");
  open->set_name(name);
  const pb::SegmentResponse response = Apply(request);
  *stateid = response.registers().current_stateid();
  *file = response.registers().current();
  return ErrorOf(response);
}

pb::FsError Shell::CloseFile(const pb::FileRef& file, const pb::Stateid& stateid) {
  pb::SegmentRequest request;
  request.set_group(kTestGroup);
  *request.mutable_credentials() = who_;
  request.mutable_slot()->set_session_id(SessionId());
  request.mutable_slot()->set_sequence_id(next_sequence_++);
  *request.add_operations()->mutable_put_file()->mutable_file() = file;
  *request.add_operations()->mutable_close()->mutable_stateid() = stateid;
  return Last(request);
}

pb::OperationResult Shell::Background(const pb::Operation& operation) {
  pb::SegmentRequest request;
  request.set_group(kTestGroup);
  *request.add_operations() = operation;
  const pb::SegmentResponse response = IsMutating(operation) ? Apply(request) : Read(request);
  REQUIRE(response.results_size() == 1);
  return response.results(0);
}

void Shell::PurgeAll() {
  pb::Operation operation;
  operation.mutable_purge_orphans()->set_max_extents(1000);
  for (bool more = true; more;) {
    const pb::OperationResult result = Background(operation);
    REQUIRE(result.error() == pb::FS_OK);
    more = result.purge().more();
  }
}

CheckReport Shell::Check() { return CheckStore(*machine_->Snapshot()); }

}  // namespace openefs::metadata
