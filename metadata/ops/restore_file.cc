#include "metadata/ops/restore_file.h"

namespace openefs::metadata {

pb::FsError RestoreFileOp::Apply(OperationContext& context, const Request&, pb::OperationResult*) {
  pb::Registers& registers = context.registers;
  if (!registers.has_saved()) return pb::FS_NO_SAVED_FILE;
  *registers.mutable_current() = registers.saved();
  registers.clear_current_stateid();
  if (registers.has_saved_stateid())
    *registers.mutable_current_stateid() = registers.saved_stateid();
  return pb::FS_OK;
}

}  // namespace openefs::metadata
