// Where tests stop the world while a snapshot comes or goes: called after each step, an error that
// it returns ends the work there, as a crash would.
#pragma once

#include <functional>

#include "absl/status/status.h"

namespace openefs::replication {

enum class SnapshotStep {
  kCheckpoint,  // sender: the copy is made
  kManifest,    // sender: all of it is hashed
  kBegun,       // receiver: manifest and directory are made
  kPart,        // receiver: a part is written
  kVerified,    // receiver: all files are there, right and durable
  kIntent,      // installing: `install` is there
  kMachine,     // installing: the state machine has it
  kLogReset,    // installing: the log is replaced
  kFinished,    // installing: `install` is gone
};
using SnapshotFaultHook = std::function<absl::Status(SnapshotStep)>;

}  // namespace openefs::replication
