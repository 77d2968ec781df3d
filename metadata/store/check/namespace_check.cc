#include "metadata/store/check/namespace_check.h"

#include <algorithm>
#include <limits>
#include <optional>
#include <set>

#include "absl/hash/hash.h"
#include "absl/strings/escaping.h"
#include "common/limits.h"
#include "metadata/store/blobs.h"
#include "metadata/store/check/inode_table.h"
#include "metadata/store/check/row_form.h"
#include "metadata/store/extents.h"

namespace openefs::metadata {
namespace {

// The rows of one tag, whose keys begin with an inode, beside those of the other tags.
class Cursor {
 public:
  Cursor(const KvSnapshot& snapshot, FileSystemId fs, KeyTag tag) : rows_(snapshot, fs, tag) {}

  // Past the last one when there are no more rows.
  InodeId inode() const {
    return rows_.Valid() ? rows_.Key().U64() : std::numeric_limits<InodeId>::max();
  }
  // The key after the inode.
  KeyReader Key() const {
    KeyReader key = rows_.Key();
    (void)key.U64();
    return key;
  }
  absl::string_view Value() const { return rows_.Value(); }

  // Calls `row` for each row of `inode`. An inode with the largest number cannot be told from the
  // end; ids do not get there.
  template <typename OnRow>
  void ForEach(InodeId inode, Reporter* reporter, OnRow row) {
    for (; rows_.Valid() && this->inode() == inode && reporter->Row(); rows_.Next()) row();
  }

 private:
  SoundRows rows_;
};

// What the rows of one inode come to.
struct Counted {
  uint64_t names = 0;
  uint64_t cookies = 0;
  uint64_t name_bytes = 0;
  uint64_t subdirectories = 0;
  uint64_t extent_bytes = 0;
  uint64_t last_extent_end = 0;
  // Sums over the entries by name and by cookie: equal where the two indices are.
  uint64_t names_sum = 0;
  uint64_t cookies_sum = 0;
};

uint64_t EntryHash(absl::string_view name, const pb::DirentRecord& entry) {
  return absl::HashOf(name, entry.cookie(), entry.inode(), entry.generation(),
                      static_cast<int>(entry.type()));
}

class NamespaceCheck {
 public:
  NamespaceCheck(const KvSnapshot& snapshot, FileSystemId fs, BlobTable* blobs, Reporter* reporter)
      : snapshot_(snapshot),
        fs_(fs),
        blobs_(*blobs),
        reporter_(*reporter),
        inode_rows_(snapshot, fs, KeyTag::kInode),
        names_(snapshot, fs, KeyTag::kDirentByName),
        cookies_(snapshot, fs, KeyTag::kDirentByCookie),
        extents_(snapshot, fs, KeyTag::kExtent),
        orphans_(snapshot, fs, KeyTag::kOrphan),
        opens_(snapshot, fs, KeyTag::kStateByFile) {}

  void Run() {
    LoadInodes();
    while (!reporter_.ended()) {
      const InodeId next = std::min({inode_rows_.inode(), names_.inode(), cookies_.inode(),
                                     extents_.inode(), orphans_.inode(), opens_.inode()});
      if (next == std::numeric_limits<InodeId>::max()) break;
      CheckOne(next);
    }
    if (reporter_.ended()) return;  // nothing is counted to its end
    CheckLinks();
    inodes_.VisitLostDirectories(
        [this](InodeId inode) { Problem(inode, "directory does not hang below the root"); });
    CheckCounters();
  }

 private:
  template <typename... Parts>
  void Problem(InodeId inode, const Parts&... parts) {
    reporter_.FileProblem(fs_, inode, parts...);
  }

  void LoadInodes();
  void CheckOne(InodeId inode);
  void CheckNothing(InodeId inode, bool orphan, bool open, const Counted& counted);
  void ReadName(InodeId directory, Counted* counted);
  void ReadCookie(InodeId directory, const pb::InodeRecord* record, Counted* counted);
  void ReadExtent(InodeId inode, const pb::InodeRecord* record, Counted* counted);
  void CheckExtent(InodeId inode, uint64_t begin, uint64_t end, const pb::ExtentRecord& extent);
  bool ToBeFreed(InodeId inode, uint64_t end) const;
  void CompareIndices(InodeId directory);
  void CheckDirectory(InodeId inode, const pb::InodeRecord& record, const Counted& counted);
  void CheckPlace(InodeId directory, const pb::InodeRecord& record);
  void CheckFile(InodeId inode, const pb::InodeRecord& record, const Counted& counted, bool orphan,
                 bool open);
  void CheckData(InodeId inode, const pb::InodeRecord& record, const Counted& counted);
  void CheckLinks();
  void CheckCounters();

  const KvSnapshot& snapshot_;
  const FileSystemId fs_;
  BlobTable& blobs_;
  Reporter& reporter_;
  InodeTable inodes_;
  pb::UsageRecord usage_;
  // In step, inode by inode.
  Cursor inode_rows_, names_, cookies_, extents_, orphans_, opens_;
};

void NamespaceCheck::LoadInodes() {
  Cursor rows(snapshot_, fs_, KeyTag::kInode);
  for (InodeId inode = rows.inode();
       inode != std::numeric_limits<InodeId>::max() && !reporter_.ended(); inode = rows.inode()) {
    rows.ForEach(inode, &reporter_, [&] {
      pb::InodeRecord record;
      if (!ParseRecord(rows.Value(), &record)) return;
      inodes_.Add(inode, record);
      usage_.set_bytes(usage_.bytes() + static_cast<int64_t>(record.space_used()));
      usage_.set_inodes(usage_.inodes() + 1);
    });
  }
  reporter_.report.inodes += inodes_.entries().size();
}

void NamespaceCheck::CheckOne(InodeId inode) {
  std::optional<pb::InodeRecord> record;
  inode_rows_.ForEach(inode, &reporter_, [&] {
    if (!ParseRecord(inode_rows_.Value(), &record.emplace())) record.reset();
  });
  const pb::InodeRecord* known = record.has_value() ? &*record : nullptr;
  Counted counted;
  bool orphan = false, open = false;
  names_.ForEach(inode, &reporter_, [&] { ReadName(inode, &counted); });
  cookies_.ForEach(inode, &reporter_, [&] { ReadCookie(inode, known, &counted); });
  extents_.ForEach(inode, &reporter_, [&] { ReadExtent(inode, known, &counted); });
  orphans_.ForEach(inode, &reporter_, [&] { orphan = true; });
  opens_.ForEach(inode, &reporter_, [&] { open = true; });
  if (reporter_.ended()) return;
  if (known == nullptr) return CheckNothing(inode, orphan, open, counted);
  if (record->type() == pb::DIRECTORY) {
    CheckDirectory(inode, *record, counted);
  } else {
    CheckFile(inode, *record, counted, orphan, open);
  }
  CheckData(inode, *record, counted);
}

// Rows of an inode that is not there.
void NamespaceCheck::CheckNothing(InodeId inode, bool orphan, bool open, const Counted& counted) {
  if (counted.names > 0) Problem(inode, counted.names, " names in a directory that is not there");
  if (counted.cookies > 0) {
    Problem(inode, counted.cookies, " cookies of a directory that is not there");
  }
  if (orphan) Problem(inode, "orphan row of an inode that is not there");
  if (open) Problem(inode, "open of an inode that is not there");
}

void NamespaceCheck::ReadName(InodeId directory, Counted* counted) {
  ++reporter_.report.entries;
  const absl::string_view name = names_.Key().Rest();
  pb::DirentRecord entry;
  if (!ParseRecord(names_.Value(), &entry)) return;
  ++counted->names;
  counted->name_bytes += name.size();
  counted->names_sum += EntryHash(name, entry);
  if (entry.type() == pb::DIRECTORY) ++counted->subdirectories;
  InodeTable::Entry* child = inodes_.Find(entry.inode());
  if (child == nullptr) {
    return Problem(directory, "entry ", absl::CHexEscape(name), " of inode ", entry.inode(),
                   ", which is not there");
  }
  ++child->links;
  if (child->generation != entry.generation() || child->type != entry.type()) {
    Problem(directory, "entry ", absl::CHexEscape(name), " disagrees with its inode");
  }
}

void NamespaceCheck::ReadCookie(InodeId directory, const pb::InodeRecord* record,
                                Counted* counted) {
  const uint64_t cookie = cookies_.Key().U64();
  pb::DirentRecord entry;
  if (!ParseRecord(cookies_.Value(), &entry)) return;
  ++counted->cookies;
  counted->cookies_sum += EntryHash(entry.name(), entry);
  if (entry.cookie() != cookie) Problem(directory, "cookie ", cookie, " stands under another");
  if (record != nullptr && cookie >= record->next_cookie()) {
    Problem(directory, "cookie ", cookie, " has not been handed out");
  }
}

// Only where the sums differ: looks up the name behind every cookie.
void NamespaceCheck::CompareIndices(InodeId directory) {
  const std::string prefix = keys::DirentsByCookie(fs_, directory);
  for (auto it = snapshot_.Scan(prefix, PrefixEnd(prefix)); it->Valid(); it->Next()) {
    pb::DirentRecord entry, named;
    if (!ParseRecord(it->Value(), &entry)) continue;
    const bool found =
        FindRecord(snapshot_, keys::DirentByName(fs_, directory, entry.name()), &named);
    if (!found || EntryHash("", named) != EntryHash("", entry)) {
      Problem(directory, "cookie ", entry.cookie(), " and the name behind it disagree");
    }
  }
}

void NamespaceCheck::ReadExtent(InodeId inode, const pb::InodeRecord* record, Counted* counted) {
  ++reporter_.report.extents;
  const uint64_t end = extents_.Key().U64();
  pb::ExtentRecord extent;
  if (!ParseRecord(extents_.Value(), &extent)) return;
  if (extent.length() == 0 || extent.length() > end) {
    return Problem(inode, "extent that ends at ", end, " has a wrong length");
  }
  const uint64_t begin = end - extent.length();
  reporter_.report.data_bytes += extent.length();
  CheckExtent(inode, begin, end, extent);
  if (record == nullptr) {
    if (!ToBeFreed(inode, end)) Problem(inode, "extent at ", begin, " belongs to nothing");
    return;
  }
  counted->extent_bytes += extent.length();
  if (begin < counted->last_extent_end) Problem(inode, "extents overlap at ", begin);
  counted->last_extent_end = end;
  if (ExtentIsDead(*record, begin, extent)) {
    if (!ToBeFreed(inode, end)) {
      Problem(inode, "dead extent at ", begin, " is not queued to be freed");
    }
  } else if (end > record->size()) {
    Problem(inode, "extent at ", begin, " reaches beyond the end of the file");
  }
}

void NamespaceCheck::CheckExtent(InodeId inode, uint64_t begin, uint64_t end,
                                 const pb::ExtentRecord& extent) {
  if (!extent.has_blob()) {
    if (extent.inline_data().size() != end - begin || extent.length() > kInlineBytes) {
      Problem(inode, "inline extent at ", begin, " has another length than its bytes");
    }
    return;
  }
  const pb::BlobExtent& blob = extent.blob();
  if (blob.blob_offset() + extent.length() > blob.blob_length()) {
    Problem(inode, "extent at ", begin, " reaches beyond its blob");
  }
  if (!blobs_.Refer(FromProto(blob.id()), blob.blob_length())) {
    Problem(inode, "extent at ", begin, " has no blob record that fits");
  }
}

// Whether the purge queue has the file, and has not come past `end`.
bool NamespaceCheck::ToBeFreed(InodeId inode, uint64_t end) const {
  pb::PurgeRecord purge;
  return FindRecord(snapshot_, keys::Purge(fs_, inode), &purge) && end > purge.next_offset();
}

void NamespaceCheck::CheckDirectory(InodeId inode, const pb::InodeRecord& record,
                                    const Counted& counted) {
  if (counted.names != record.entries() || counted.cookies != record.entries()) {
    Problem(inode, "has ", counted.names, " names and ", counted.cookies,
            " cookies, its record says ", record.entries());
  }
  if (counted.names_sum != counted.cookies_sum) CompareIndices(inode);
  if (counted.name_bytes != record.size()) Problem(inode, "size is not that of its names");
  if (record.nlink() != 2 + counted.subdirectories) {
    Problem(inode, "nlink is ", record.nlink(), " with ", counted.subdirectories,
            " subdirectories");
  }
  if (inode != kRootInode) CheckPlace(inode, record);
}

// The entry that a directory says it stands in.
void NamespaceCheck::CheckPlace(InodeId directory, const pb::InodeRecord& record) {
  pb::DirentRecord entry;
  const bool found = FindRecord(
      snapshot_, keys::DirentByName(fs_, record.parent(), record.name_in_parent()), &entry);
  if (!found || entry.inode() != directory) {
    Problem(directory, "does not stand in inode ", record.parent(), " as it says");
  }
}

void NamespaceCheck::CheckFile(InodeId inode, const pb::InodeRecord& record, const Counted& counted,
                               bool orphan, bool open) {
  if (counted.names != 0 || counted.cookies != 0) Problem(inode, "entries below a file");
  if (orphan != (record.nlink() == 0)) {
    Problem(inode, "is unlinked without an orphan row, or the other way round");
  }
  if (orphan && !open) Problem(inode, "orphan that nobody has open");
  if (record.type() == pb::SYMLINK && record.size() != record.symlink_target().size()) {
    Problem(inode, "size is not that of its target");
  }
}

void NamespaceCheck::CheckData(InodeId inode, const pb::InodeRecord& record,
                               const Counted& counted) {
  if (counted.extent_bytes != record.data_bytes()) {
    Problem(inode, "has ", counted.extent_bytes, " bytes in extents, its record says ",
            record.data_bytes());
  }
  for (int i = 1; i < record.cuts_size(); ++i) {
    const pb::Cut& before = record.cuts(i - 1);
    const pb::Cut& cut = record.cuts(i);
    if (before.offset() >= cut.offset() || before.generation() >= cut.generation()) {
      Problem(inode, "cuts are out of order");
    }
  }
}

void NamespaceCheck::CheckLinks() {
  for (const InodeTable::Entry& entry : inodes_.entries()) {
    if (entry.links == entry.nlink) continue;
    if (entry.type == pb::DIRECTORY) {
      Problem(entry.inode, "directory stands in ", entry.links, " directories");
    } else {
      Problem(entry.inode, "nlink is ", entry.nlink, " with ", entry.links, " names");
    }
  }
}

void NamespaceCheck::CheckCounters() {
  pb::UsageRecord said;
  (void)FindRecord(snapshot_, keys::Usage(fs_), &said);  // none: all zero
  if (said.bytes() != usage_.bytes() || said.inodes() != usage_.inodes()) {
    reporter_.Problem("fs ", absl::Hex(fs_), ": usage says ", said.bytes(), " bytes and ",
                      said.inodes(), " inodes, counted ", usage_.bytes(), " and ", usage_.inodes());
  }
  if (inodes_.Find(kRootInode) == nullptr) {
    reporter_.Problem("fs ", absl::Hex(fs_), ": no root directory");
  }
  // The last inode of each shard must be below the shard's counter.
  const auto& entries = inodes_.entries();
  for (size_t i = 0; i < entries.size(); ++i) {
    const uint16_t shard = ShardOf(entries[i].inode);
    if (i + 1 < entries.size() && ShardOf(entries[i + 1].inode) == shard) continue;
    const uint64_t counter = FindNumber(snapshot_, keys::InodeCounter(fs_, shard));
    if (entries[i].inode >= MakeInodeId(shard, counter)) {
      Problem(entries[i].inode, "is not below its shard's inode counter");
    }
  }
}

}  // namespace

void CheckNamespace(const KvSnapshot& snapshot, FileSystemId fs, BlobTable* blobs,
                    Reporter* reporter) {
  ++reporter->report.file_systems;
  NamespaceCheck(snapshot, fs, blobs, reporter).Run();
}

}  // namespace openefs::metadata
