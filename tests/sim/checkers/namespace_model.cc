#include "tests/sim/checkers/namespace_model.h"

#include <algorithm>

namespace openefs::sim {
namespace {

void AppendNumber(std::string& out, uint64_t value) {
  out.append(reinterpret_cast<const char*>(&value), sizeof value);
}

// The error of an operation on the data of what is no regular file (RFC 8881 15.1).
pb::FsError DataError(FileKind kind) {
  switch (kind) {
    case FileKind::kDirectory:
      return pb::FS_ISDIR;
    case FileKind::kFifo:
      return pb::FS_WRONG_TYPE;
    case FileKind::kRegular:
      return pb::FS_OK;
  }
  return pb::FS_SERVERFAULT;
}

}  // namespace

bool NamespaceModel::Step(const Op& op, const Outcome& outcome) {
  switch (op.kind) {
    case OpKind::kCreate:
      return Make(op, outcome, FileKind::kFifo);
    case OpKind::kMkdir:
      return Make(op, outcome, FileKind::kDirectory);
    case OpKind::kOpen:
      return StepOpen(op, outcome);
    case OpKind::kRemove:
      return StepRemove(op, outcome);
    case OpKind::kRename:
      return StepRename(op, outcome);
    case OpKind::kLink:
      return StepLink(op, outcome);
    case OpKind::kSetMode:
      return StepSetMode(op, outcome);
    case OpKind::kWrite:
    case OpKind::kRead:
      return StepData(op, outcome);
    case OpKind::kLock:
      return StepLock(op, outcome);
    case OpKind::kUnlock:
      return StepUnlock(op, outcome);
    case OpKind::kClose:
      return StepClose(op, outcome);
    case OpKind::kLookup:
      return StepAttributes(Named(op.dir, op.name), outcome, pb::FS_NOENT);
    case OpKind::kGetAttr:
      return StepAttributes(Find(op.inode), outcome, pb::FS_STALE);
    case OpKind::kReadDir:
      return StepReadDir(op, outcome);
  }
  return false;
}

std::string NamespaceModel::Key() const {
  std::string key;
  for (const uint64_t inode : names_) AppendNumber(key, inode);
  for (const File& file : files_) {
    AppendNumber(key, file.inode);
    AppendNumber(key, static_cast<uint64_t>(file.kind));
    AppendNumber(key, file.nlink);
    AppendNumber(key, file.mode);
    AppendNumber(key, file.content);
    AppendNumber(key, file.locked_by);
    AppendNumber(key, file.openers.size());
    for (const uint32_t owner : file.openers) AppendNumber(key, owner);
  }
  return key;
}

NamespaceModel::File* NamespaceModel::Find(uint64_t inode) {
  const auto found = std::lower_bound(files_.begin(), files_.end(), inode,
                                      [](const File& f, uint64_t i) { return f.inode < i; });
  return found != files_.end() && found->inode == inode && inode != 0 ? &*found : nullptr;
}

// A new file has a number that none had before; one that is there now is told here, one that was
// there earlier by the checker of the store.
bool NamespaceModel::Make(const Op& op, const Outcome& outcome, FileKind kind) {
  if (Named(op.dir, op.name) != nullptr) return outcome.error == pb::FS_EXIST;
  if (outcome.error != pb::FS_OK || outcome.inode == 0) return false;
  if (Find(outcome.inode) != nullptr) return false;
  File file;
  file.inode = outcome.inode;
  file.kind = kind;
  file.nlink = kind == FileKind::kDirectory ? 2 : 1;
  file.mode = kModeOfNew;
  const auto place = std::lower_bound(files_.begin(), files_.end(), file.inode,
                                      [](const File& f, uint64_t i) { return f.inode < i; });
  files_.insert(place, file);
  At(op.dir, op.name) = outcome.inode;
  return true;
}

void NamespaceModel::Unlink(uint32_t dir, uint32_t name) {
  const uint64_t inode = At(dir, name);
  At(dir, name) = 0;
  File* file = Find(inode);
  file->nlink = file->kind == FileKind::kDirectory ? 0 : file->nlink - 1;
  DropIfGone(inode);
}

void NamespaceModel::DropIfGone(uint64_t inode) {
  const File* file = Find(inode);
  if (file->nlink > 0 || !file->openers.empty()) return;
  files_.erase(files_.begin() + (file - files_.data()));
}

bool NamespaceModel::StepOpen(const Op& op, const Outcome& outcome) {
  File* file = Named(op.dir, op.name);
  const bool created = file == nullptr;
  if (created) {
    if (outcome.error != pb::FS_OK || !Make(op, outcome, FileKind::kRegular)) return false;
    file = Named(op.dir, op.name);
  } else {
    const pb::FsError error = op.exclusive ? pb::FS_EXIST : DataError(file->kind);
    if (error != pb::FS_OK) return outcome.error == error;
  }
  if (outcome.error != pb::FS_OK || outcome.created != created) return false;
  if (outcome.inode != file->inode) return false;
  file->openers.insert(std::lower_bound(file->openers.begin(), file->openers.end(), op.owner),
                       op.owner);
  return true;
}

bool NamespaceModel::StepRemove(const Op& op, const Outcome& outcome) {
  if (Named(op.dir, op.name) == nullptr) return outcome.error == pb::FS_NOENT;
  if (outcome.error != pb::FS_OK) return false;
  Unlink(op.dir, op.name);
  return true;
}

bool NamespaceModel::StepRename(const Op& op, const Outcome& outcome) {
  const File* file = Named(op.dir, op.name);
  if (file == nullptr) return outcome.error == pb::FS_NOENT;
  const uint64_t inode = file->inode;
  const bool directory = file->kind == FileKind::kDirectory;
  if (const File* old = Named(op.to_dir, op.to_name)) {
    const bool old_directory = old->kind == FileKind::kDirectory;
    // Two names of one file: nothing happens (RFC 8881 18.26.3).
    if (old->inode == inode) return outcome.error == pb::FS_OK;
    if (directory && !old_directory) return outcome.error == pb::FS_NOTDIR;
    if (!directory && old_directory) return outcome.error == pb::FS_EXIST;
    Unlink(op.to_dir, op.to_name);
  }
  At(op.dir, op.name) = 0;
  At(op.to_dir, op.to_name) = inode;
  return outcome.error == pb::FS_OK;
}

bool NamespaceModel::StepLink(const Op& op, const Outcome& outcome) {
  File* file = Named(op.dir, op.name);
  if (file == nullptr) return outcome.error == pb::FS_NOENT;
  if (file->kind == FileKind::kDirectory) return outcome.error == pb::FS_ISDIR;
  if (At(op.to_dir, op.to_name) != 0) return outcome.error == pb::FS_EXIST;
  ++file->nlink;
  At(op.to_dir, op.to_name) = file->inode;
  return outcome.error == pb::FS_OK;
}

bool NamespaceModel::StepSetMode(const Op& op, const Outcome& outcome) {
  File* file = Named(op.dir, op.name);
  if (file == nullptr) return outcome.error == pb::FS_NOENT;
  file->mode = static_cast<uint32_t>(op.value);
  return outcome.error == pb::FS_OK;
}

bool NamespaceModel::StepData(const Op& op, const Outcome& outcome) {
  File* file = Named(op.dir, op.name);
  if (file == nullptr) return outcome.error == pb::FS_NOENT;
  const pb::FsError error = DataError(file->kind);
  if (error != pb::FS_OK) return outcome.error == error;
  if (outcome.error != pb::FS_OK) return false;
  if (op.kind == OpKind::kRead) return outcome.value == file->content;
  file->content = op.value;
  return true;
}

bool NamespaceModel::StepLock(const Op& op, const Outcome& outcome) {
  File* file = Find(op.inode);
  if (file == nullptr) return false;  // an open file does not go
  if (file->locked_by != 0 && file->locked_by != op.owner) return outcome.error == pb::FS_DENIED;
  file->locked_by = op.owner;
  return outcome.error == pb::FS_OK;
}

bool NamespaceModel::StepUnlock(const Op& op, const Outcome& outcome) {
  File* file = Find(op.inode);
  if (file == nullptr || file->locked_by != op.owner) return false;
  file->locked_by = 0;
  return outcome.error == pb::FS_OK;
}

// Locks go with the open they stand on.
bool NamespaceModel::StepClose(const Op& op, const Outcome& outcome) {
  File* file = Find(op.inode);
  if (file == nullptr || outcome.error != pb::FS_OK) return false;
  const auto found = std::find(file->openers.begin(), file->openers.end(), op.owner);
  if (found == file->openers.end()) return false;
  file->openers.erase(found);
  if (file->locked_by == op.owner) file->locked_by = 0;
  DropIfGone(op.inode);
  return true;
}

bool NamespaceModel::StepAttributes(const File* file, const Outcome& outcome,
                                    pb::FsError absent) const {
  if (file == nullptr) return outcome.error == absent;
  return outcome.error == pb::FS_OK && outcome.inode == file->inode && outcome.kind == file->kind &&
         outcome.nlink == file->nlink && outcome.mode == file->mode;
}

bool NamespaceModel::StepReadDir(const Op& op, const Outcome& outcome) {
  std::vector<std::pair<uint32_t, uint64_t>> names;
  for (uint32_t name = 0; name < kMaxNames; ++name) {
    if (At(op.dir, name) != 0) names.emplace_back(name, At(op.dir, name));
  }
  return outcome.error == pb::FS_OK && outcome.names == names;
}

}  // namespace openefs::sim
