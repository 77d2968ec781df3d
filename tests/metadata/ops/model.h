// A file system as POSIX describes it, in plain memory: what the real one is compared with. The
// superuser is its only user. Errors are given where the real one gives them.
#pragma once

#include <map>
#include <memory>
#include <string>

#include "proto/common.pb.h"

namespace openefs::metadata {

struct ModelNode {
  pb::FileType type = pb::FILE_TYPE_NONE;
  uint32_t mode = 0;
  uint32_t nlink = 0;
  std::string data;  // of a file; target of a symlink
  std::map<std::string, std::shared_ptr<ModelNode>> children;
};

class Model {
 public:
  Model();

  pb::FsError Make(pb::FileType type, const std::string& path, uint32_t mode);
  pb::FsError Symlink(const std::string& target, const std::string& path);
  pb::FsError Remove(const std::string& path);
  pb::FsError Rename(const std::string& from, const std::string& to);
  pb::FsError Link(const std::string& from, const std::string& to);
  pb::FsError Write(const std::string& path, uint64_t offset, const std::string& bytes);
  pb::FsError Truncate(const std::string& path, uint64_t size);
  pb::FsError Chmod(const std::string& path, uint32_t mode);

  std::shared_ptr<ModelNode> root() const { return root_; }
  // Null unless a regular file has that name.
  std::shared_ptr<ModelNode> File(const std::string& path) const;

 private:
  struct Place {
    std::shared_ptr<ModelNode> directory;
    std::string name;
    ModelNode* Child() const;
  };
  pb::FsError Find(const std::string& path, std::shared_ptr<ModelNode>* node) const;
  pb::FsError FindFile(const std::string& path, ModelNode** node) const;
  pb::FsError FindPlace(const std::string& path, Place* place) const;
  void Detach(const Place& place);

  std::shared_ptr<ModelNode> root_;
};

}  // namespace openefs::metadata
