#include "replication/node/identity.h"

#include <isa-l/crc.h>

#include <utility>

#include "absl/strings/str_cat.h"
#include "common/files.h"

namespace openefs::replication {
namespace {

constexpr char kFileName[] = "IDENTITY";
constexpr size_t kChecksumBytes = sizeof(uint32_t);
// What is written must be readable at the next start: kMaxMembers as large as any may be, with what
// else there is.
constexpr size_t kMaxFileBytes = size_t{8} << 20;
static_assert(kMaxFileBytes > kMaxMembers * (kMaxMemberBytes + 16));

uint32_t Checksum(const std::string& bytes) {
  auto* data = reinterpret_cast<unsigned char*>(const_cast<char*>(bytes.data()));
  return ~crc32_iscsi(data, static_cast<int>(bytes.size()), ~0u);
}

}  // namespace

absl::StatusOr<std::unique_ptr<Identity>> Identity::Open(const std::string& directory,
                                                         NodeId node_id, RandomSource* random) {
  std::unique_ptr<Identity> identity(
      new Identity(absl::StrCat(directory, "/", kFileName), node_id));
  absl::Status status = identity->Read();
  if (absl::IsNotFound(status)) {
    identity->incarnation_ = random->Bytes(kIncarnationBytes);
    status = identity->Write();
  }
  if (!status.ok()) return status;
  return identity;
}

absl::Status Identity::Read() {
  absl::StatusOr<std::string> bytes = ReadSmallFile(path_, kMaxFileBytes);
  if (!bytes.ok()) return bytes.status();
  const absl::Status damaged = absl::DataLossError(absl::StrCat(path_, " is damaged"));
  if (bytes->size() < kChecksumBytes) return damaged;
  uint32_t written;
  __builtin_memcpy(&written, bytes->data() + bytes->size() - kChecksumBytes, kChecksumBytes);
  bytes->resize(bytes->size() - kChecksumBytes);
  pb::NodeIdentity identity;
  if (Checksum(*bytes) != written || !identity.ParseFromString(*bytes)) return damaged;
  incarnation_ = identity.incarnation();
  formed_ = identity.formed();
  first_voters_.assign(identity.first_voters().begin(), identity.first_voters().end());
  for (pb::ReplicaMember& member : *identity.mutable_members()) {
    members_[member.node_id()] = std::move(member);
  }
  for (pb::GroupRebuild& rebuild : *identity.mutable_rebuilds()) {
    rebuilds_[rebuild.group()] = std::move(rebuild);
  }
  return absl::OkStatus();
}

absl::Status Identity::Write() const {
  pb::NodeIdentity identity;
  identity.set_incarnation(incarnation_);
  identity.set_formed(formed_);
  for (const NodeId voter : first_voters_) identity.add_first_voters(voter);
  for (const auto& [node, member] : members_) *identity.add_members() = member;
  for (const auto& [group, rebuild] : rebuilds_) *identity.add_rebuilds() = rebuild;
  std::string bytes = identity.SerializeAsString();
  const uint32_t checksum = Checksum(bytes);
  bytes.append(reinterpret_cast<const char*>(&checksum), kChecksumBytes);
  if (bytes.size() > kMaxFileBytes) return absl::ResourceExhaustedError("too much on record");
  return WriteFileDurably(path_, bytes);
}

const pb::ReplicaMember* Identity::Find(NodeId node) const {
  const auto found = members_.find(node);
  return found == members_.end() ? nullptr : &found->second;
}

absl::Status Identity::Record(const std::vector<pb::ReplicaMember>& members) {
  auto before = members_;
  for (const pb::ReplicaMember& member : members) {
    if (member.node_id() != node_id_ && member.node_id() != 0) members_[member.node_id()] = member;
  }
  absl::Status status = members_.size() > kMaxMembers
                            ? absl::ResourceExhaustedError("too many members on record")
                            : Write();
  if (!status.ok()) members_ = std::move(before);
  return status;
}

const pb::GroupRebuild* Identity::FindRebuild(GroupId group) const {
  const auto found = rebuilds_.find(group);
  return found == rebuilds_.end() ? nullptr : &found->second;
}

absl::Status Identity::RecordRebuild(const pb::GroupRebuild& rebuild) {
  auto before = rebuilds_;
  rebuilds_[rebuild.group()] = rebuild;
  absl::Status status = Write();
  if (!status.ok()) rebuilds_ = std::move(before);
  return status;
}

absl::Status Identity::Form(const std::vector<NodeId>& first_voters,
                            const std::vector<pb::ReplicaMember>& members) {
  formed_ = true;
  first_voters_ = first_voters;
  absl::Status status = Record(members);
  if (status.ok()) return status;
  formed_ = false;
  first_voters_.clear();
  return status;
}

}  // namespace openefs::replication
