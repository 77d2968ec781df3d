// Which operations there are. The list in table.cc is the only place that names them all; adding
// one is its own file and one line there.
#pragma once

#include <concepts>

#include "metadata/ops/operation.h"

namespace openefs::metadata {

// What an operation declares; operation.h says what each part means.
template <typename Op>
concept MetadataOperation = requires(OperationContext& context, const typename Op::Request& request,
                                     pb::OperationResult* result) {
  { Op::Apply(context, request, result) } -> std::same_as<pb::FsError>;
  { Op::kMutating } -> std::convertible_to<bool>;
  { Op::kInSystemGroup } -> std::convertible_to<bool>;
};

// One row of the table. An operation that is not in the list has none and is answered FS_NOTSUPP.
struct OperationRow {
  absl::string_view name;
  bool mutating = false;
  bool in_system_group = false;
  // Its changes stay although it failed.
  bool keeps_changes_on_error = false;
  pb::FsError (*apply)(OperationContext&, const pb::Operation&, pb::OperationResult*) = nullptr;
};

// Null: not in the list.
const OperationRow* FindOperation(const pb::Operation& operation);

}  // namespace openefs::metadata
