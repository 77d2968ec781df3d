// Names in directories. An entry stands twice: by name for look-ups and by cookie for READDIR.
#pragma once

#include "metadata/ops/inode.h"

namespace openefs::metadata {

// Cookies 0, 1 and 2 mean something else in RFC 8881 18.23.3.
inline constexpr uint64_t kFirstCookie = 3;

// FS_INVAL: empty. FS_NAMETOOLONG: over kMaxNameBytes. FS_BADNAME: ".", "..", or '/' or NUL in it.
[[nodiscard]] pb::FsError CheckName(absl::string_view name);

// False: no such name.
bool FindEntry(const Transaction& txn, const Inode& directory, absl::string_view name,
               pb::DirentRecord* entry);

pb::FileRef EntryRef(const Inode& directory, const pb::DirentRecord& entry);

// A name and the file behind it.
struct NamedFile {
  pb::DirentRecord entry;
  Inode inode;
};
// FS_NOENT, FS_ACCESS (search permission), and those of CheckName.
[[nodiscard]] pb::FsError FindNamed(const OperationContext& context, const Inode& directory,
                                    absl::string_view name, NamedFile* found);

// The name must not be there. Changes the directory's record (entries, size, next cookie, nlink for
// a directory, times); the caller stores it. `cookie` 0: the next one; otherwise that of the entry
// it takes the place of, so that a READDIR under way does not meet the name twice.
void AddEntry(OperationContext& context, Inode* directory, absl::string_view name,
              const Inode& child, uint64_t cookie = 0);
// The name must be there.
void RemoveEntry(OperationContext& context, Inode* directory, absl::string_view name,
                 const pb::DirentRecord& entry);

// CREATE and OPEN: makes a file of `type` named `name`, owned by the caller (group and set-group-id
// as Linux inherits them from a set-group-id directory), with `attributes` applied. Checks the name
// and write permission, stores both inodes. The name must not be there. A symlink's target is the
// caller's to set.
//   FS_ACCESS, FS_INVAL, FS_NAMETOOLONG, FS_BADNAME, FS_PERM (attributes), FS_STALE (the directory
//   is gone)
[[nodiscard]] pb::FsError CreateEntry(OperationContext& context, Inode* directory,
                                      absl::string_view name, pb::FileType type,
                                      const pb::AttributeChange& attributes, Inode* child);

}  // namespace openefs::metadata
