#include "metadata/store/check/row_form.h"

#include "absl/strings/str_cat.h"
#include "common/limits.h"
#include "metadata/state/limits.h"
#include "metadata/store/transaction.h"
#include "proto/cluster.pb.h"
#include "proto/records.pb.h"

namespace openefs::metadata {
namespace {

constexpr size_t kPrefixBytes = 9;  // file system and tag

struct RowForm {
  KeyTag tag;
  bool cluster_wide;
  size_t min_bytes;  // of the key after its prefix
  size_t max_bytes;
  bool (*parses)(absl::string_view value);
};

template <typename Record>
bool Parses(absl::string_view value) {
  Record record;
  return ParseRecord(value, &record);
}
bool IsEmpty(absl::string_view value) { return value.empty(); }
bool IsNumber(absl::string_view value) { return value.size() == 8; }

constexpr size_t kMaxJobBytes = 4096;  // names of jobs are ours; any length would do

constexpr RowForm kForms[] = {
    {KeyTag::kInode, false, 8, 8, Parses<pb::InodeRecord>},
    {KeyTag::kDirentByName, false, 9, 8 + kMaxNameBytes, Parses<pb::DirentRecord>},
    {KeyTag::kDirentByCookie, false, 16, 16, Parses<pb::DirentRecord>},
    {KeyTag::kExtent, false, 16, 16, Parses<pb::ExtentRecord>},
    {KeyTag::kOrphan, false, 8, 8, IsEmpty},
    {KeyTag::kUsage, false, 0, 0, Parses<pb::UsageRecord>},
    {KeyTag::kInodeCounter, false, 4, 4, IsNumber},
    {KeyTag::kStateByFile, false, 16, 16, IsEmpty},
    {KeyTag::kLockRange, false, 24, 24, Parses<pb::LockRecord>},
    {KeyTag::kDenyByFile, false, 16, 16, IsEmpty},
    {KeyTag::kBlob, true, 16, 16, Parses<pb::BlobRecord>},
    {KeyTag::kCollectQueue, true, 24, 24, IsEmpty},
    {KeyTag::kRepairQueue, true, 16, 16, Parses<pb::RepairRecord>},
    {KeyTag::kPurgeQueue, true, 16, 16, Parses<pb::PurgeRecord>},
    {KeyTag::kStateHash, true, 0, 0, IsNumber},
    {KeyTag::kAppliedIndex, true, 0, 0, IsNumber},
    {KeyTag::kLastWallTime, true, 0, 0, IsNumber},
    {KeyTag::kClient, true, 8, 8, Parses<pb::ClientRecord>},
    {KeyTag::kClientByOwner, true, 0, kMaxOwnerBytes, Parses<pb::ClientOwnerRecord>},
    {KeyTag::kSession, true, 16, 16, Parses<pb::SessionRecord>},
    {KeyTag::kSessionByClient, true, 24, 24, IsEmpty},
    {KeyTag::kSlot, true, 20, 20, Parses<pb::SlotRecord>},
    {KeyTag::kState, true, 8, 8, Parses<pb::StateRecord>},
    {KeyTag::kStateByClient, true, 16, 16, IsEmpty},
    {KeyTag::kStateByOwner, true, 25, 25 + kMaxOwnerBytes, IsNumber},
    {KeyTag::kStateCounter, true, 0, 0, IsNumber},
    {KeyTag::kClientUsage, true, 8, 8, Parses<pb::ClientUsageRecord>},
    {KeyTag::kClientCounter, true, 0, 0, IsNumber},
    {KeyTag::kLockStateByOpen, true, 16, 16, IsEmpty},
    {KeyTag::kClientCount, true, 0, 0, IsNumber},
    {KeyTag::kClusterMap, true, 0, 0, Parses<pb::ClusterMap>},
    {KeyTag::kNode, true, 4, 4, Parses<pb::DataNode>},
    {KeyTag::kPlacementGroup, true, 4, 4, Parses<pb::PlacementGroup>},
    {KeyTag::kFileSystem, true, 8, 8, Parses<pb::FileSystem>},
    {KeyTag::kSecrets, true, 0, 0, Parses<pb::ClusterSecrets>},
    {KeyTag::kJobLease, true, 0, kMaxJobBytes, Parses<pb::JobLeaseRecord>},
};

const RowForm* FormOf(bool cluster_wide, KeyTag tag) {
  for (const RowForm& form : kForms) {
    if (form.tag == tag && form.cluster_wide == cluster_wide) return &form;
  }
  return nullptr;
}

}  // namespace

std::string FaultOfRow(absl::string_view key, absl::string_view value) {
  if (key.size() < kPrefixBytes) return "a key that is too short";
  KeyReader reader(key);
  const FileSystemId fs = reader.U64();
  const auto tag = static_cast<KeyTag>(reader.U8());
  const std::string name = absl::StrCat("tag ", absl::Hex(static_cast<uint8_t>(tag)));
  const RowForm* form = FormOf(fs == keys::kClusterWide, tag);
  if (form == nullptr) return absl::StrCat("a key of an unknown kind, ", name);
  if (reader.Rest().size() < form->min_bytes || reader.Rest().size() > form->max_bytes) {
    return absl::StrCat("a key of a wrong length, ", name);
  }
  return form->parses(value) ? "" : absl::StrCat("a value that does not parse, ", name);
}

SoundRows::SoundRows(const KvSnapshot& snapshot, FileSystemId fs, KeyTag tag) {
  const std::string prefix = keys::Prefix(fs, tag);
  it_ = snapshot.Scan(prefix, PrefixEnd(prefix));
  Settle();
}

void SoundRows::Settle() {
  while (it_->Valid() && !FaultOfRow(it_->Key(), it_->Value()).empty()) it_->Next();
}

uint64_t FindNumber(const KvSnapshot& snapshot, const std::string& key) {
  std::string value;
  return snapshot.Get(key, &value) && value.size() == 8 ? DecodeU64(value) : 0;
}

}  // namespace openefs::metadata
