#include "tests/sim/checkers/history.h"

#include "absl/strings/str_cat.h"

namespace openefs::sim {
namespace {

constexpr const char* kKindNames[] = {"create", "mkdir",  "open",    "remove", "rename",
                                      "link",   "chmod",  "write",   "lock",   "unlock",
                                      "close",  "lookup", "readdir", "read",   "getattr"};

}  // namespace

std::string ToString(const Operation& operation) {
  const Op& op = operation.op;
  const Outcome& outcome = operation.outcome;
  std::string text = absl::StrCat("[", operation.asked, ", ", operation.answered, "] ",
                                  kKindNames[static_cast<size_t>(op.kind)], " ", op.dir, "/",
                                  op.name, " to ", op.to_dir, "/", op.to_name, " owner ", op.owner);
  absl::StrAppend(&text, " value ", op.value, " handle ", op.inode,
                  op.exclusive ? " exclusive" : "", ": ", pb::FsError_Name(outcome.error),
                  " inode ", outcome.inode, outcome.created ? " created" : "", " nlink ",
                  outcome.nlink, " mode ", outcome.mode, " value ", outcome.value);
  for (const auto& [name, inode] : outcome.names) absl::StrAppend(&text, " ", name, "=", inode);
  return text;
}

}  // namespace openefs::sim
