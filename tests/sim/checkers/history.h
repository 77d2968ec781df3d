// What clients did and what they were told: the history that the linearizability checker judges.
// One history per domain, two directories that nothing else shares names or files with.
#pragma once

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "proto/common.pb.h"

namespace openefs::sim {

enum class OpKind : uint8_t {
  kCreate,  // a FIFO
  kMkdir,
  kOpen,  // by name, making a regular file
  kRemove,
  kRename,
  kLink,
  kSetMode,
  kWrite,
  kLock,  // the whole file, by handle of an open
  kUnlock,
  kClose,
  // These only read.
  kLookup,
  kReadDir,
  kRead,
  kGetAttr,  // by handle of an open
};

struct Op {
  OpKind kind = OpKind::kLookup;
  uint32_t dir = 0;  // 0 or 1
  uint32_t name = 0;
  uint32_t to_dir = 0;  // of kRename and kLink
  uint32_t to_name = 0;
  uint32_t owner = 0;      // of opens and locks: who asks
  uint64_t value = 0;      // mode or content
  uint64_t inode = 0;      // by handle
  bool exclusive = false;  // kOpen: the name must not be there
};

enum class FileKind : uint8_t { kFifo, kDirectory, kRegular };

struct Outcome {
  pb::FsError error = pb::FS_OK;
  uint64_t inode = 0;
  bool created = false;
  FileKind kind = FileKind::kFifo;
  uint32_t nlink = 0;
  uint32_t mode = 0;
  uint64_t value = 0;                                // content
  std::vector<std::pair<uint32_t, uint64_t>> names;  // of kReadDir: name and inode, by name
};

// One operation from the first time it was asked until it was first answered. Times are those of an
// order in which all of them differ.
struct Operation {
  Op op;
  Outcome outcome;
  uint64_t asked = 0;
  uint64_t answered = 0;
};

using History = std::vector<Operation>;

std::string ToString(const Operation& operation);

}  // namespace openefs::sim
