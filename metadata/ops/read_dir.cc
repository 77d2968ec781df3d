#include "metadata/ops/read_dir.h"

#include <algorithm>

#include "metadata/ops/directory.h"
#include "metadata/ops/permission.h"
#include "metadata/store/keys.h"

namespace openefs::metadata {
namespace {

// One reply; a client asks for 1 MiB at most, in which more entries than this do not fit.
constexpr uint32_t kMaxEntries = 16'384;
// What an entry costs the reply besides its name, roughly.
constexpr size_t kEntryBytes = 24;
constexpr size_t kAttributeBytes = 160;

class Page {
 public:
  Page(const pb::ReadDir& request, pb::ReadDirResult* result)
      : max_entries_(std::min(request.max_entries(), kMaxEntries)),
        max_bytes_(request.max_bytes()),
        entry_bytes_(kEntryBytes + (request.want_attributes() ? kAttributeBytes : 0)),
        result_(result) {}

  // The first entry always fits: the caller knows whether its reply is too small.
  bool Fits(const pb::DirentRecord& entry) {
    const auto count = static_cast<uint32_t>(result_->entries_size());
    bytes_ += entry_bytes_ + entry.name().size();
    return count == 0 || (count < max_entries_ && bytes_ <= max_bytes_);
  }

 private:
  const uint32_t max_entries_;
  const size_t max_bytes_;
  const size_t entry_bytes_;
  pb::ReadDirResult* const result_;
  size_t bytes_ = 0;
};

void AddToPage(const Transaction& txn, const Inode& directory, const pb::ReadDir& request,
               uint64_t fs_bytes_used, const pb::DirentRecord& entry, pb::ReadDirResult* result) {
  pb::ReadDirResult::Entry* added = result->add_entries();
  added->set_cookie(entry.cookie());
  added->set_name(entry.name());
  *added->mutable_file() = EntryRef(directory, entry);
  if (request.want_attributes())
    FillAttributes(MustLoad(txn, directory.fs, entry.inode()), added->mutable_attributes());
  if (request.want_usage()) added->mutable_attributes()->set_fs_bytes_used(fs_bytes_used);
}

void ReadEntries(const Transaction& txn, const Inode& directory, const pb::ReadDir& request,
                 pb::ReadDirResult* result) {
  Page page(request, result);
  const uint64_t fs_bytes_used =
      request.want_usage() ? MeteredFileSystemBytes(txn, directory.fs) : 0;
  const uint64_t after = std::max(request.cookie(), kFirstCookie - 1);
  auto it = txn.Scan(keys::DirentByCookie(directory.fs, directory.id, after + 1),
                     PrefixEnd(keys::DirentsByCookie(directory.fs, directory.id)));
  for (; it->Valid(); it->Next()) {
    pb::DirentRecord entry;
    if (!ParseRecord(it->Value(), &entry)) CorruptRecord(it->Key());
    if (!page.Fits(entry)) return;
    AddToPage(txn, directory, request, fs_bytes_used, entry, result);
  }
  result->set_end(true);
}

}  // namespace

pb::FsError ReadDirOp::Apply(OperationContext& context, const Request& request,
                             pb::OperationResult* result) {
  Inode directory;
  if (pb::FsError error = LoadCurrentDirectory(context, &directory); error != pb::FS_OK)
    return error;
  // RFC 8881 18.23.3: 1 and 2 are never handed out; the last one has nothing behind it.
  const bool ours = request.cookie() == 0 || request.cookie() >= kFirstCookie;
  if (!ours || request.cookie() == UINT64_MAX) return pb::FS_BAD_COOKIE;
  pb::FsError allowed = CheckMode(context.credentials, directory.record, kMayRead);
  if (allowed != pb::FS_OK) return allowed;
  ReadEntries(context.txn, directory, request, result->mutable_read_dir());
  return pb::FS_OK;
}

}  // namespace openefs::metadata
