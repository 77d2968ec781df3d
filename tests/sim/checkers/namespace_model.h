// What a domain must look like to a client if operations happen one after the other: POSIX as far
// as the workload goes.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <vector>

#include "tests/sim/checkers/history.h"

namespace openefs::sim {

class NamespaceModel {
 public:
  static constexpr uint32_t kDirectories = 2;
  static constexpr uint32_t kMaxNames = 8;  // in each

  // Whether `op` may have this outcome now; if so, it takes effect.
  bool Step(const Op& op, const Outcome& outcome);

  // Equal for equal states.
  std::string Key() const;

 private:
  struct File {
    uint64_t inode = 0;
    FileKind kind = FileKind::kFifo;
    uint32_t nlink = 0;
    uint32_t mode = 0;
    uint64_t content = 0;
    std::vector<uint32_t> openers;  // sorted
    uint32_t locked_by = 0;         // an owner; 0: nobody
  };

  uint64_t& At(uint32_t dir, uint32_t name) { return names_[dir * kMaxNames + name]; }
  File* Find(uint64_t inode);
  File* Named(uint32_t dir, uint32_t name) { return Find(At(dir, name)); }
  bool Make(const Op& op, const Outcome& outcome, FileKind kind);
  void Unlink(uint32_t dir, uint32_t name);
  void DropIfGone(uint64_t inode);

  bool StepOpen(const Op& op, const Outcome& outcome);
  bool StepRemove(const Op& op, const Outcome& outcome);
  bool StepRename(const Op& op, const Outcome& outcome);
  bool StepLink(const Op& op, const Outcome& outcome);
  bool StepSetMode(const Op& op, const Outcome& outcome);
  bool StepData(const Op& op, const Outcome& outcome);
  bool StepLock(const Op& op, const Outcome& outcome);
  bool StepUnlock(const Op& op, const Outcome& outcome);
  bool StepClose(const Op& op, const Outcome& outcome);
  bool StepAttributes(const File* file, const Outcome& outcome, pb::FsError absent) const;
  bool StepReadDir(const Op& op, const Outcome& outcome);

  std::array<uint64_t, kDirectories * kMaxNames> names_{};  // inode; 0: none
  std::vector<File> files_;                                 // by inode
};

// The modes that files are made with.
inline constexpr uint32_t kModeOfNew = 0644;

}  // namespace openefs::sim
