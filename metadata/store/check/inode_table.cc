#include "metadata/store/check/inode_table.h"

#include <algorithm>

namespace openefs::metadata {
namespace {

template <typename Table>
auto LowerBound(Table& table, InodeId inode) {
  return std::lower_bound(table.begin(), table.end(), inode,
                          [](const auto& entry, InodeId wanted) { return entry.inode < wanted; });
}

}  // namespace

void InodeTable::Add(InodeId inode, const pb::InodeRecord& record) {
  const bool directory = record.type() == pb::DIRECTORY;
  const uint32_t names = directory ? (inode == kRootInode ? 0 : 1) : record.nlink();
  entries_.push_back({inode, record.generation(), names, 0, static_cast<uint8_t>(record.type())});
  if (directory) directories_.push_back({inode, record.parent()});
}

InodeTable::Entry* InodeTable::Find(InodeId inode) {
  auto it = LowerBound(entries_, inode);
  return it == entries_.end() || it->inode != inode ? nullptr : &*it;
}

const InodeTable::Entry* InodeTable::After(InodeId inode) const {
  auto it = LowerBound(entries_, inode);
  return it == entries_.end() ? nullptr : &*it;
}

size_t InodeTable::FindDirectory(InodeId inode) const {
  auto it = LowerBound(directories_, inode);
  if (it == directories_.end() || it->inode != inode) return kNone;
  return static_cast<size_t>(it - directories_.begin());
}

// Up from a directory until one is met of which it is known, or that was met on this very way.
InodeTable::Mark InodeTable::Walk(size_t from) {
  std::vector<size_t> path;
  Mark end = Mark::kLost;
  for (size_t at = from; at != kNone; at = FindDirectory(directories_[at].parent)) {
    if (marks_[at] == Mark::kOnPath) break;  // a ring
    if (marks_[at] != Mark::kUnknown) {
      end = marks_[at];
      break;
    }
    path.push_back(at);
    marks_[at] = Mark::kOnPath;
    if (directories_[at].inode != kRootInode) continue;
    end = Mark::kReached;
    break;
  }
  for (size_t at : path) marks_[at] = end;
  return marks_[from];
}

}  // namespace openefs::metadata
