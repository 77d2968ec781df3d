#include "tests/metadata/ops/model.h"

#include <vector>

#include "absl/strings/str_split.h"

namespace openefs::metadata {
namespace {

pb::FsError NeedDirectory(const ModelNode& node) {
  if (node.type == pb::DIRECTORY) return pb::FS_OK;
  return node.type == pb::SYMLINK ? pb::FS_SYMLINK : pb::FS_NOTDIR;
}

bool Contains(const ModelNode& node, const ModelNode* wanted) {
  if (&node == wanted) return true;
  for (const auto& [name, child] : node.children)
    if (Contains(*child, wanted)) return true;
  return false;
}

}  // namespace

Model::Model() : root_(std::make_shared<ModelNode>()) {
  root_->type = pb::DIRECTORY;
  root_->mode = 0755;
  root_->nlink = 2;
}

ModelNode* Model::Place::Child() const {
  auto it = directory->children.find(name);
  return it == directory->children.end() ? nullptr : it->second.get();
}

pb::FsError Model::Find(const std::string& path, std::shared_ptr<ModelNode>* node) const {
  *node = root_;
  const std::vector<std::string> parts = absl::StrSplit(path, '/', absl::SkipEmpty());
  for (const std::string& part : parts) {
    if (pb::FsError error = NeedDirectory(**node); error != pb::FS_OK) return error;
    auto it = (*node)->children.find(part);
    if (it == (*node)->children.end()) return pb::FS_NOENT;
    *node = std::shared_ptr<ModelNode>(it->second);
  }
  return pb::FS_OK;
}

pb::FsError Model::FindFile(const std::string& path, ModelNode** node) const {
  std::shared_ptr<ModelNode> found;
  if (pb::FsError error = Find(path, &found); error != pb::FS_OK) return error;
  *node = found.get();
  if (found->type == pb::DIRECTORY) return pb::FS_ISDIR;
  if (found->type == pb::SYMLINK) return pb::FS_SYMLINK;
  return found->type == pb::REGULAR ? pb::FS_OK : pb::FS_WRONG_TYPE;
}

std::shared_ptr<ModelNode> Model::File(const std::string& path) const {
  std::shared_ptr<ModelNode> node;
  const bool found = Find(path, &node) == pb::FS_OK && node->type == pb::REGULAR;
  return found ? node : nullptr;
}

pb::FsError Model::FindPlace(const std::string& path, Place* place) const {
  const size_t slash = path.rfind('/');
  place->name = path.substr(slash == std::string::npos ? 0 : slash + 1);
  const std::string parent = slash == std::string::npos ? "" : path.substr(0, slash);
  return Find(parent, &place->directory);
}

void Model::Detach(const Place& place) {
  ModelNode* child = place.Child();
  if (child->type == pb::DIRECTORY) --place.directory->nlink;
  --child->nlink;
  place.directory->children.erase(place.name);
}

pb::FsError Model::Make(pb::FileType type, const std::string& path, uint32_t mode) {
  Place place;
  if (pb::FsError error = FindPlace(path, &place); error != pb::FS_OK) return error;
  if (pb::FsError error = NeedDirectory(*place.directory); error != pb::FS_OK) return error;
  if (place.Child() != nullptr) return pb::FS_EXIST;
  auto child = std::make_shared<ModelNode>();
  child->type = type;
  child->mode = mode;
  child->nlink = type == pb::DIRECTORY ? 2 : 1;
  if (type == pb::DIRECTORY) {
    ++place.directory->nlink;
    child->mode |= place.directory->mode & 02000;  // set-group-id is handed down
  }
  place.directory->children[place.name] = child;
  return pb::FS_OK;
}

pb::FsError Model::Symlink(const std::string& target, const std::string& path) {
  pb::FsError error = Make(pb::SYMLINK, path, 0777);
  if (error != pb::FS_OK) return error;
  std::shared_ptr<ModelNode> node;
  error = Find(path, &node);
  node->data = target;
  return error;
}

pb::FsError Model::Remove(const std::string& path) {
  Place place;
  if (pb::FsError error = FindPlace(path, &place); error != pb::FS_OK) return error;
  if (pb::FsError error = NeedDirectory(*place.directory); error != pb::FS_OK) return error;
  if (place.Child() == nullptr) return pb::FS_NOENT;
  if (!place.Child()->children.empty()) return pb::FS_NOTEMPTY;
  Detach(place);
  return pb::FS_OK;
}

pb::FsError Model::Rename(const std::string& from, const std::string& to) {
  Place source, target;
  if (pb::FsError error = FindPlace(from, &source); error != pb::FS_OK) return error;
  if (pb::FsError error = FindPlace(to, &target); error != pb::FS_OK) return error;
  for (const Place* place : {&source, &target}) {
    if (pb::FsError error = NeedDirectory(*place->directory); error != pb::FS_OK) return error;
  }
  ModelNode* moved = source.Child();
  ModelNode* old = target.Child();
  if (moved == nullptr) return pb::FS_NOENT;
  if (moved == old) return pb::FS_OK;
  const bool directory = moved->type == pb::DIRECTORY;
  if (directory && Contains(*moved, target.directory.get())) return pb::FS_INVAL;
  if (old != nullptr) {
    if (directory && old->type != pb::DIRECTORY) return pb::FS_NOTDIR;
    if (!directory && old->type == pb::DIRECTORY) return pb::FS_EXIST;
    if (!old->children.empty()) return pb::FS_NOTEMPTY;
    Detach(target);
  }
  std::shared_ptr<ModelNode> kept = source.directory->children[source.name];
  source.directory->children.erase(source.name);
  target.directory->children[target.name] = kept;
  if (directory) --source.directory->nlink, ++target.directory->nlink;
  return pb::FS_OK;
}

pb::FsError Model::Link(const std::string& from, const std::string& to) {
  std::shared_ptr<ModelNode> node;
  Place place;
  if (pb::FsError error = Find(from, &node); error != pb::FS_OK) return error;
  if (pb::FsError error = FindPlace(to, &place); error != pb::FS_OK) return error;
  if (pb::FsError error = NeedDirectory(*place.directory); error != pb::FS_OK) return error;
  if (node->type == pb::DIRECTORY) return pb::FS_ISDIR;
  if (place.Child() != nullptr) return pb::FS_EXIST;
  place.directory->children[place.name] = node;
  ++node->nlink;
  return pb::FS_OK;
}

pb::FsError Model::Write(const std::string& path, uint64_t offset, const std::string& bytes) {
  ModelNode* node = nullptr;
  if (pb::FsError error = FindFile(path, &node); error != pb::FS_OK) return error;
  if (node->data.size() < offset + bytes.size()) node->data.resize(offset + bytes.size(), '\0');
  node->data.replace(offset, bytes.size(), bytes);
  return pb::FS_OK;
}

pb::FsError Model::Truncate(const std::string& path, uint64_t size) {
  ModelNode* node = nullptr;
  if (pb::FsError error = FindFile(path, &node); error != pb::FS_OK) return error;
  node->data.resize(size, '\0');
  return pb::FS_OK;
}

pb::FsError Model::Chmod(const std::string& path, uint32_t mode) {
  std::shared_ptr<ModelNode> node;
  if (pb::FsError error = Find(path, &node); error != pb::FS_OK) return error;
  if (node->type != pb::SYMLINK) node->mode = mode;
  return pb::FS_OK;
}

}  // namespace openefs::metadata
