#include "metadata/ops/table.h"

#include <array>

#include "common/check.h"
#include "google/protobuf/descriptor.h"
// Sorted: one include and one line of the list for each operation.
#include "metadata/ops/access.h"
#include "metadata/ops/acquire_job_lease.h"
#include "metadata/ops/check_blobs.h"
#include "metadata/ops/close.h"
#include "metadata/ops/create.h"
#include "metadata/ops/create_file_system.h"
#include "metadata/ops/create_session.h"
#include "metadata/ops/define_placement_group.h"
#include "metadata/ops/destroy_client_id.h"
#include "metadata/ops/destroy_session.h"
#include "metadata/ops/exchange_id.h"
#include "metadata/ops/expire_client.h"
#include "metadata/ops/finish_collect.h"
#include "metadata/ops/finish_repair.h"
#include "metadata/ops/format_cluster.h"
#include "metadata/ops/format_file_system.h"
#include "metadata/ops/free_stateid.h"
#include "metadata/ops/get_attr.h"
#include "metadata/ops/get_cluster_state.h"
#include "metadata/ops/get_file.h"
#include "metadata/ops/get_session.h"
#include "metadata/ops/link.h"
#include "metadata/ops/list_collectable.h"
#include "metadata/ops/list_repairs.h"
#include "metadata/ops/lock.h"
#include "metadata/ops/lock_test.h"
#include "metadata/ops/lookup.h"
#include "metadata/ops/lookup_parent.h"
#include "metadata/ops/open.h"
#include "metadata/ops/open_downgrade.h"
#include "metadata/ops/purge_orphans.h"
#include "metadata/ops/put_file.h"
#include "metadata/ops/put_root.h"
#include "metadata/ops/read_dir.h"
#include "metadata/ops/read_link.h"
#include "metadata/ops/read_plan.h"
#include "metadata/ops/reclaim_complete.h"
#include "metadata/ops/register_data_node.h"
#include "metadata/ops/remove.h"
#include "metadata/ops/rename.h"
#include "metadata/ops/restore_file.h"
#include "metadata/ops/save_file.h"
#include "metadata/ops/set_attr.h"
#include "metadata/ops/set_node_status.h"
#include "metadata/ops/test_stateid.h"
#include "metadata/ops/unlock.h"
#include "metadata/ops/write_commit.h"

namespace openefs::metadata {
namespace {

template <MetadataOperation... Ops>
struct OperationList {};

// clang-format off
using AllOperations = OperationList<
    AccessOp,
    AcquireJobLeaseOp,
    CheckBlobsOp,
    CloseOp,
    CreateOp,
    CreateFileSystemOp,
    CreateSessionOp,
    DefinePlacementGroupOp,
    DestroyClientIdOp,
    DestroySessionOp,
    ExchangeIdOp,
    ExpireClientOp,
    FinishCollectOp,
    FinishRepairOp,
    FormatClusterOp,
    FormatFileSystemOp,
    FreeStateidOp,
    GetAttrOp,
    GetClusterStateOp,
    GetFileOp,
    GetSessionOp,
    LinkOp,
    ListCollectableOp,
    ListRepairsOp,
    LockOp,
    LockTestOp,
    LookupOp,
    LookupParentOp,
    OpenOp,
    OpenDowngradeOp,
    PurgeOrphansOp,
    PutFileOp,
    PutRootOp,
    ReadDirOp,
    ReadLinkOp,
    ReadPlanOp,
    ReclaimCompleteOp,
    RegisterDataNodeOp,
    RemoveOp,
    RenameOp,
    RestoreFileOp,
    SaveFileOp,
    SetAttrOp,
    SetNodeStatusOp,
    TestStateidOp,
    UnlockOp,
    WriteCommitOp>;
// clang-format on

constexpr int kMaxKind = 128;  // field numbers of pb::Operation stay below
using Table = std::array<OperationRow, kMaxKind>;

// The member of pb::Operation's oneof that carries Op's request.
template <MetadataOperation Op>
const google::protobuf::FieldDescriptor* FieldOf() {
  static const google::protobuf::FieldDescriptor* const field = [] {
    const auto* oneof = pb::Operation::descriptor()->FindOneofByName("kind");
    for (int i = 0; i < oneof->field_count(); ++i) {
      if (oneof->field(i)->message_type() == Op::Request::descriptor()) return oneof->field(i);
    }
    OPENEFS_CHECK(!"an operation's Request is a member of pb::Operation");
  }();
  return field;
}

template <MetadataOperation Op>
pb::FsError ApplyAs(OperationContext& context, const pb::Operation& operation,
                    pb::OperationResult* result) {
  const auto& request = operation.GetReflection()->GetMessage(operation, FieldOf<Op>());
  return Op::Apply(context, static_cast<const typename Op::Request&>(request), result);
}

template <MetadataOperation Op>
constexpr bool KeepsChangesOnError() {
  if constexpr (requires { Op::kKeepsChangesOnError; }) return Op::kKeepsChangesOnError;
  return false;
}

template <MetadataOperation Op>
void AddRow(Table* table) {
  const auto* field = FieldOf<Op>();
  OPENEFS_CHECK(field->number() < kMaxKind);
  OperationRow& row = (*table)[field->number()];
  OPENEFS_CHECK(row.apply == nullptr);
  row = {field->name(), Op::kMutating, Op::kInSystemGroup, KeepsChangesOnError<Op>(), ApplyAs<Op>};
}

template <MetadataOperation... Ops>
Table MakeTable(OperationList<Ops...>) {
  Table table{};
  (AddRow<Ops>(&table), ...);
  return table;
}

}  // namespace

const OperationRow* FindOperation(const pb::Operation& operation) {
  static const Table table = MakeTable(AllOperations());
  const OperationRow& row = table[operation.kind_case()];
  return row.apply == nullptr ? nullptr : &row;
}

uint64_t ApplyEnvironment::NextRandom() {
  // SplitMix64: every value of the state gives a different output.
  uint64_t z = (random_state += 0x9e3779b97f4a7c15);
  z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9;
  z = (z ^ (z >> 27)) * 0x94d049bb133111eb;
  return z ^ (z >> 31);
}

bool IsMutating(const pb::Operation& operation) {
  const OperationRow* row = FindOperation(operation);
  return row != nullptr && row->mutating;
}

absl::string_view OperationName(const pb::Operation& operation) {
  const OperationRow* row = FindOperation(operation);
  return row == nullptr ? "unsupported" : row->name;
}

void ApplyOperation(OperationContext& context, const pb::Operation& operation,
                    pb::OperationResult* result) {
  const OperationRow* row = FindOperation(operation);
  if (row == nullptr) return result->set_error(pb::FS_NOTSUPP);
  const size_t mark = context.txn.Mark();
  pb::FsError error = row->apply(context, operation, result);
  if (error != pb::FS_OK && !row->keeps_changes_on_error) context.txn.RollbackTo(mark);
  result->set_error(error);
}

}  // namespace openefs::metadata
