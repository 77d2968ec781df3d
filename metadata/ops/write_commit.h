// WRITE (RFC 8881 18.32), the metadata half: inline bytes or a blob become part of the current
// file, together with size and times. FS_INVAL (lengths that disagree), FS_FBIG, FS_ACCESS,
// FS_ISDIR, FS_SYMLINK, FS_WRONG_TYPE, those of CheckIoState; FS_DELAY: the blob is too old to be
// referred to.
#pragma once

#include "metadata/ops/operation.h"

namespace openefs::metadata {

struct WriteCommitOp {
  using Request = pb::WriteCommit;
  static constexpr bool kMutating = true;
  static constexpr bool kInSystemGroup = false;
  static pb::FsError Apply(OperationContext& context, const Request& request,
                           pb::OperationResult* result);
};

}  // namespace openefs::metadata
