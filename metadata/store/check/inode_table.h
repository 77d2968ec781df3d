// The inodes of one file system while it is checked: what must be at hand when a name refers to
// one, in a few bytes each.
#pragma once

#include <vector>

#include "metadata/store/check/reporter.h"

namespace openefs::metadata {

class InodeTable {
 public:
  struct Entry {
    InodeId inode = 0;
    uint32_t generation = 0;
    uint32_t nlink = 0;  // by the record; directories: 1 for the name that they must have
    uint32_t links = 0;  // names counted
    uint8_t type = 0;    // pb::FileType
  };

  // Inodes come in order.
  void Add(InodeId inode, const pb::InodeRecord& record);

  // Null: not there.
  Entry* Find(InodeId inode);
  // The first at or after `inode`; null: none.
  const Entry* After(InodeId inode) const;
  const std::vector<Entry>& entries() const { return entries_; }

  // Calls `lost(inode)` for every directory that does not hang below the root.
  template <typename Lost>
  void VisitLostDirectories(Lost lost);

 private:
  enum class Mark : uint8_t { kUnknown, kOnPath, kReached, kLost };
  struct Directory {
    InodeId inode = 0;
    InodeId parent = 0;
  };
  static constexpr size_t kNone = ~size_t{0};
  size_t FindDirectory(InodeId inode) const;
  Mark Walk(size_t from);

  std::vector<Entry> entries_;          // by inode
  std::vector<Directory> directories_;  // by inode
  std::vector<Mark> marks_;             // of directories_
};

template <typename Lost>
void InodeTable::VisitLostDirectories(Lost lost) {
  marks_.assign(directories_.size(), Mark::kUnknown);
  for (size_t i = 0; i < directories_.size(); ++i) {
    if (Walk(i) == Mark::kLost) lost(directories_[i].inode);
  }
}

}  // namespace openefs::metadata
