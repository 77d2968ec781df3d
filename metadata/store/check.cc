#include "metadata/store/check.h"

#include <algorithm>
#include <map>
#include <utility>

#include "absl/container/btree_map.h"
#include "absl/container/btree_set.h"
#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "common/ids.h"
#include "common/limits.h"
#include "metadata/store/blobs.h"
#include "metadata/store/extents.h"
#include "metadata/store/keys.h"
#include "metadata/store/transaction.h"

namespace openefs::metadata {
namespace {

using FileId = std::pair<FileSystemId, InodeId>;

// What the rows besides the inode's own say about it.
struct Counted {
  pb::InodeRecord record;
  uint64_t links = 0;
  uint64_t names = 0;
  uint64_t cookies = 0;
  uint64_t name_bytes = 0;
  uint64_t subdirectories = 0;
  uint64_t extent_bytes = 0;
  uint64_t last_extent_end = 0;
  bool orphan = false;
  bool open = false;
};

struct CountedBlob {
  pb::BlobRecord record;
  uint64_t references = 0;
  bool queued = false;
};

class StoreCheck {
 public:
  explicit StoreCheck(const KvSnapshot& snapshot) : snapshot_(snapshot) {}
  CheckReport Run();

 private:
  template <typename... Parts>
  void Problem(const Parts&... parts) {
    ++report_.problem_count;
    if (report_.problems.size() < kMaxProblems) report_.problems.push_back(absl::StrCat(parts...));
  }
  template <typename... Parts>
  void FileProblem(FileId file, const Parts&... parts) {
    Problem("fs ", absl::Hex(file.first), " inode ", file.second, ": ", parts...);
  }

  void ReadRow(absl::string_view key, absl::string_view value);
  void ReadPerFileSystem(FileSystemId fs, KeyTag tag, KeyReader key, absl::string_view value);
  void ReadClusterWide(KeyTag tag, KeyReader key, absl::string_view value);
  template <typename Record>
  bool Parse(absl::string_view value, Record* record);

  void ReadInode(FileId file, absl::string_view value);
  void ReadName(FileId directory, absl::string_view name, absl::string_view value);
  void ReadCookie(FileId directory, uint64_t cookie, absl::string_view value);
  void ReadExtent(FileId file, uint64_t end, absl::string_view value);
  void CheckExtentRecord(FileId file, uint64_t begin, uint64_t end, const pb::ExtentRecord& record);
  void CheckExtentPlace(FileId file, uint64_t begin, uint64_t end, const pb::ExtentRecord& record);
  void CheckChild(FileId directory, absl::string_view name, const pb::DirentRecord& entry);

  void CheckInode(FileId file, const Counted& counted);
  void CheckDirectory(FileId file, const Counted& counted);
  void CheckFile(FileId file, const Counted& counted);
  void CheckReachable(FileId file);
  void CheckBlob(BlobId id, const CountedBlob& counted);
  void CheckUsage();

  // Null, with a problem noted, if it is not there.
  Counted* Find(FileId file, absl::string_view what);

  const KvSnapshot& snapshot_;
  CheckReport report_;
  absl::btree_map<FileId, Counted> files_;
  std::map<BlobId, CountedBlob> blobs_;
  absl::btree_map<FileId, uint64_t> purges_;  // next_offset
  absl::btree_set<FileId> reachable_;
  absl::btree_map<FileSystemId, pb::UsageRecord> usage_;
  absl::btree_map<FileSystemId, pb::UsageRecord> counted_usage_;
};

template <typename Record>
bool StoreCheck::Parse(absl::string_view value, Record* record) {
  if (ParseRecord(value, record)) return true;
  Problem("a ", record->GetTypeName(), " does not parse");
  return false;
}

Counted* StoreCheck::Find(FileId file, absl::string_view what) {
  auto it = files_.find(file);
  if (it != files_.end()) return &it->second;
  FileProblem(file, what, " of an inode that is not there");
  return nullptr;
}

// Rows come in key order: the cluster-wide ones first, then of each file system the inodes before
// all that refers to them.
void StoreCheck::ReadRow(absl::string_view key, absl::string_view value) {
  KeyReader reader(key);
  const FileSystemId fs = reader.U64();
  const auto tag = static_cast<KeyTag>(reader.U8());
  if (fs == keys::kClusterWide) return ReadClusterWide(tag, reader, value);
  ReadPerFileSystem(fs, tag, reader, value);
}

void StoreCheck::ReadClusterWide(KeyTag tag, KeyReader key, absl::string_view value) {
  switch (tag) {
    case KeyTag::kBlob:
      ++report_.blobs;
      (void)Parse(value, &blobs_[key.Blob()].record);
      return;
    case KeyTag::kCollectQueue: {
      const uint64_t queued_ms = key.U64();
      auto it = blobs_.find(key.Blob());
      if (it == blobs_.end() || it->second.record.queued_ms() != queued_ms)
        return Problem("a collect queue entry has no blob record that names it");
      it->second.queued = true;
      return;
    }
    case KeyTag::kRepairQueue: {
      auto it = blobs_.find(key.Blob());
      if (it == blobs_.end() || it->second.record.references() == 0)
        Problem("a repair is queued for a blob that nobody refers to");
      return;
    }
    case KeyTag::kPurgeQueue: {
      pb::PurgeRecord purge;
      const FileSystemId fs = key.U64();
      if (Parse(value, &purge)) purges_[{fs, key.U64()}] = purge.next_offset();
      return;
    }
    default:
      return;  // not of the namespace
  }
}

void StoreCheck::ReadPerFileSystem(FileSystemId fs, KeyTag tag, KeyReader key,
                                   absl::string_view value) {
  switch (tag) {
    case KeyTag::kInode:
      return ReadInode({fs, key.U64()}, value);
    case KeyTag::kDirentByName: {
      const InodeId directory = key.U64();
      return ReadName({fs, directory}, key.Rest(), value);
    }
    case KeyTag::kDirentByCookie: {
      const InodeId directory = key.U64();
      return ReadCookie({fs, directory}, key.U64(), value);
    }
    case KeyTag::kExtent: {
      const InodeId inode = key.U64();
      return ReadExtent({fs, inode}, key.U64(), value);
    }
    case KeyTag::kOrphan:
      if (Counted* file = Find({fs, key.U64()}, "orphan row")) file->orphan = true;
      return;
    case KeyTag::kUsage:
      (void)Parse(value, &usage_[fs]);
      return;
    case KeyTag::kInodeCounter: {
      const auto shard = static_cast<uint16_t>(key.U32());
      auto beyond = files_.lower_bound({fs, MakeInodeId(shard, DecodeU64(value))});
      if (beyond != files_.end() && beyond->first.first == fs &&
          ShardOf(beyond->first.second) == shard)
        FileProblem(beyond->first, "is not below its shard's inode counter");
      return;
    }
    case KeyTag::kStateByFile:
      if (Counted* file = Find({fs, key.U64()}, "open or lock")) file->open = true;
      return;
    default:
      return;
  }
}

void StoreCheck::ReadInode(FileId file, absl::string_view value) {
  ++report_.inodes;
  Counted& counted = files_[file];
  if (!Parse(value, &counted.record)) return;
  pb::UsageRecord& usage = counted_usage_[file.first];
  usage.set_bytes(usage.bytes() + static_cast<int64_t>(counted.record.space_used()));
  usage.set_inodes(usage.inodes() + 1);
}

void StoreCheck::ReadName(FileId directory, absl::string_view name, absl::string_view value) {
  ++report_.entries;
  pb::DirentRecord entry;
  Counted* counted = Find(directory, "directory entry");
  if (counted == nullptr || !Parse(value, &entry)) return;
  ++counted->names;
  counted->name_bytes += name.size();
  if (entry.type() == pb::DIRECTORY) ++counted->subdirectories;
  CheckChild(directory, name, entry);
}

void StoreCheck::CheckChild(FileId directory, absl::string_view name,
                            const pb::DirentRecord& entry) {
  Counted* child = Find({directory.first, entry.inode()}, "directory entry");
  if (child == nullptr) return;
  ++child->links;
  const pb::InodeRecord& record = child->record;
  if (record.generation() != entry.generation() || record.type() != entry.type())
    FileProblem(directory, "entry ", absl::CHexEscape(name), " disagrees with its inode");
  if (record.type() != pb::DIRECTORY) return;
  if (record.parent() != directory.second || absl::string_view(record.name_in_parent()) != name)
    FileProblem({directory.first, entry.inode()}, "names another parent than the one it is in");
}

void StoreCheck::ReadCookie(FileId directory, uint64_t cookie, absl::string_view value) {
  pb::DirentRecord entry;
  Counted* counted = Find(directory, "cookie");
  if (counted == nullptr || !Parse(value, &entry)) return;
  ++counted->cookies;
  if (cookie >= counted->record.next_cookie())
    FileProblem(directory, "cookie ", cookie, " has not been handed out");
  std::string by_name;
  pb::DirentRecord named;
  const bool found =
      snapshot_.Get(keys::DirentByName(directory.first, directory.second, entry.name()), &by_name);
  if (!found || !Parse(by_name, &named) || named.cookie() != cookie ||
      named.inode() != entry.inode() || entry.cookie() != cookie)
    FileProblem(directory, "cookie ", cookie, " and the name behind it disagree");
}

void StoreCheck::ReadExtent(FileId file, uint64_t end, absl::string_view value) {
  ++report_.extents;
  pb::ExtentRecord record;
  if (!Parse(value, &record)) return;
  if (record.length() == 0 || record.length() > end)
    return FileProblem(file, "extent that ends at ", end, " has a wrong length");
  report_.data_bytes += record.length();
  CheckExtentRecord(file, end - record.length(), end, record);
  CheckExtentPlace(file, end - record.length(), end, record);
}

void StoreCheck::CheckExtentRecord(FileId file, uint64_t begin, uint64_t end,
                                   const pb::ExtentRecord& record) {
  if (!record.has_blob()) {
    if (record.inline_data().size() != end - begin || record.length() > kInlineBytes)
      FileProblem(file, "inline extent at ", begin, " has another length than its bytes");
    return;
  }
  const pb::BlobExtent& blob = record.blob();
  if (blob.blob_offset() + record.length() > blob.blob_length())
    FileProblem(file, "extent at ", begin, " reaches beyond its blob");
  auto it = blobs_.find(FromProto(blob.id()));
  if (it == blobs_.end() || it->second.record.blob_length() != blob.blob_length())
    return FileProblem(file, "extent at ", begin, " has no blob record that fits");
  ++it->second.references;
}

void StoreCheck::CheckExtentPlace(FileId file, uint64_t begin, uint64_t end,
                                  const pb::ExtentRecord& record) {
  auto purge = purges_.find(file);
  const bool to_be_freed = purge != purges_.end() && end > purge->second;
  auto it = files_.find(file);
  if (it == files_.end()) {
    if (!to_be_freed) FileProblem(file, "extent at ", begin, " belongs to nothing");
    return;
  }
  Counted& counted = it->second;
  counted.extent_bytes += record.length();
  if (begin < counted.last_extent_end) FileProblem(file, "extents overlap at ", begin);
  counted.last_extent_end = end;
  if (ExtentIsDead(counted.record, begin, record)) {
    if (!to_be_freed) FileProblem(file, "dead extent at ", begin, " is not queued to be freed");
  } else if (end > counted.record.size()) {
    FileProblem(file, "extent at ", begin, " reaches beyond the end of the file");
  }
}

void StoreCheck::CheckInode(FileId file, const Counted& counted) {
  if (counted.record.type() == pb::DIRECTORY) {
    CheckDirectory(file, counted);
  } else {
    CheckFile(file, counted);
  }
  if (counted.extent_bytes != counted.record.data_bytes())
    FileProblem(file, "has ", counted.extent_bytes, " bytes in extents, its record says ",
                counted.record.data_bytes());
  for (int i = 1; i < counted.record.cuts_size(); ++i) {
    const pb::Cut& before = counted.record.cuts(i - 1);
    const pb::Cut& cut = counted.record.cuts(i);
    if (before.offset() >= cut.offset() || before.generation() >= cut.generation())
      FileProblem(file, "cuts are out of order");
  }
}

void StoreCheck::CheckDirectory(FileId file, const Counted& counted) {
  const pb::InodeRecord& record = counted.record;
  if (counted.names != record.entries() || counted.cookies != record.entries())
    FileProblem(file, "has ", counted.names, " names and ", counted.cookies,
                " cookies, its record says ", record.entries());
  if (counted.name_bytes != record.size()) FileProblem(file, "size is not that of its names");
  if (record.nlink() != 2 + counted.subdirectories)
    FileProblem(file, "nlink is ", record.nlink(), " with ", counted.subdirectories,
                " subdirectories");
  if (counted.links != (file.second == kRootInode ? 0u : 1u))
    FileProblem(file, "directory stands in ", counted.links, " directories");
  CheckReachable(file);
}

void StoreCheck::CheckFile(FileId file, const Counted& counted) {
  const pb::InodeRecord& record = counted.record;
  if (counted.names != 0 || counted.cookies != 0) FileProblem(file, "entries below a file");
  if (counted.links != record.nlink())
    FileProblem(file, "nlink is ", record.nlink(), " with ", counted.links, " names");
  if (counted.orphan != (record.nlink() == 0))
    FileProblem(file, "is unlinked without an orphan row, or the other way round");
  if (counted.orphan && !counted.open) FileProblem(file, "orphan that nobody has open");
  if (record.type() == pb::SYMLINK && record.size() != record.symlink_target().size())
    FileProblem(file, "size is not that of its target");
}

// Walks up until it meets what is known to hang below the root, or itself.
void StoreCheck::CheckReachable(FileId file) {
  absl::btree_set<FileId> path;
  FileId at = file;
  while (at.second != kRootInode && !reachable_.contains(at)) {
    auto it = files_.find(at);
    if (it == files_.end() || !path.insert(at).second)
      return FileProblem(file, "directory does not hang below the root");
    at.second = it->second.record.parent();
  }
  reachable_.insert(path.begin(), path.end());
}

void StoreCheck::CheckBlob(BlobId id, const CountedBlob& counted) {
  const auto name = [&] { return absl::StrCat(absl::Hex(id.high), "-", absl::Hex(id.low)); };
  if (counted.references != counted.record.references())
    Problem("blob ", name(), " has ", counted.references, " references, its record says ",
            counted.record.references());
  if (counted.queued != (counted.record.references() == 0))
    Problem("blob ", name(), counted.queued ? " is queued though in use" : " is not queued");
}

void StoreCheck::CheckUsage() {
  report_.file_systems = counted_usage_.size();
  for (const auto& [fs, counted] : counted_usage_) {
    const pb::UsageRecord& said = usage_[fs];
    if (said.bytes() != counted.bytes() || said.inodes() != counted.inodes())
      Problem("fs ", absl::Hex(fs), ": usage says ", said.bytes(), " bytes and ", said.inodes(),
              " inodes, counted ", counted.bytes(), " and ", counted.inodes());
    if (!files_.contains({fs, kRootInode})) Problem("fs ", absl::Hex(fs), ": no root directory");
  }
}

CheckReport StoreCheck::Run() {
  // From the empty key to one that no file system id reaches.
  auto it = snapshot_.Scan("", std::string(9, '\xff'));
  for (; it->Valid(); it->Next()) ReadRow(it->Key(), it->Value());
  for (const auto& [file, counted] : files_) CheckInode(file, counted);
  for (const auto& [id, counted] : blobs_) CheckBlob(id, counted);
  CheckUsage();
  return std::move(report_);
}

}  // namespace

CheckReport CheckStore(const KvSnapshot& snapshot) { return StoreCheck(snapshot).Run(); }

}  // namespace openefs::metadata
