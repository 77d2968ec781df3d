#include "metadata/ops/save_file.h"

namespace openefs::metadata {

pb::FsError SaveFileOp::Apply(OperationContext& context, const Request&, pb::OperationResult*) {
  pb::Registers& registers = context.registers;
  if (!registers.has_current()) return pb::FS_NO_CURRENT_FILE;
  *registers.mutable_saved() = registers.current();
  registers.clear_saved_stateid();
  if (registers.has_current_stateid())
    *registers.mutable_saved_stateid() = registers.current_stateid();
  return pb::FS_OK;
}

}  // namespace openefs::metadata
