// LOOKUP (RFC 8881 18.13): a name in the current directory becomes current.
// FS_NOENT, FS_ACCESS (search permission), FS_NOTDIR, FS_SYMLINK, and those of CheckName.
#pragma once

#include "metadata/ops/operation.h"

namespace openefs::metadata {

struct LookupOp {
  using Request = pb::Lookup;
  static constexpr bool kMutating = false;
  static constexpr bool kInSystemGroup = false;
  static pb::FsError Apply(OperationContext& context, const Request& request,
                           pb::OperationResult* result);
};

}  // namespace openefs::metadata
