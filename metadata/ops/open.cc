#include "metadata/ops/open.h"

#include <optional>

#include "common/check.h"
#include "metadata/ops/attributes.h"
#include "metadata/ops/directory.h"
#include "metadata/ops/inode.h"
#include "metadata/ops/permission.h"
#include "metadata/state/limits.h"
#include "metadata/state/share.h"
#include "metadata/state/state_table.h"

namespace openefs::metadata {
namespace {

// The file an OPEN found or made.
struct Target {
  Inode file;
  bool created = false;        // by this very operation
  bool own_exclusive = false;  // by an earlier try of this one: same verifier
  pb::ChangeInfo change;       // of the directory
};

pb::FsError CheckRequest(const OperationContext& context, const pb::Open& request) {
  if (context.client_id == 0) return pb::FS_STALE_CLIENTID;  // an open belongs to a session
  const bool valid = request.share_access() >= kShareRead && request.share_access() <= kShareBoth &&
                     request.share_deny() <= kShareBoth &&
                     request.owner().owner().size() <= kMaxOwnerBytes;
  if (!valid) return pb::FS_INVAL;
  // CLAIM_FH names a file that is there.
  const bool create = request.create_mode() != pb::Open::NO_CREATE;
  return create && request.claim() != pb::Open::NULL_NAME ? pb::FS_INVAL : pb::FS_OK;
}

// A name that is there already, under each way to create (18.16.3).
pb::FsError MeetExisting(const pb::Open& request, Target* target) {
  switch (request.create_mode()) {
    case pb::Open::GUARDED:
      return pb::FS_EXIST;
    case pb::Open::EXCLUSIVE:
      target->own_exclusive = request.verifier() != 0 && target->file.IsRegular() &&
                              target->file.record.exclusive_verifier() == request.verifier();
      return target->own_exclusive ? pb::FS_OK : pb::FS_EXIST;
    default:
      return pb::FS_OK;
  }
}

pb::FsError CreateFile(OperationContext& context, const pb::Open& request, Inode* directory,
                       Target* target) {
  if (request.create_mode() == pb::Open::NO_CREATE) return pb::FS_NOENT;
  pb::FsError error = CreateEntry(context, directory, request.name(), pb::REGULAR,
                                  request.attributes(), &target->file);
  if (error != pb::FS_OK) return error;
  if (request.create_mode() == pb::Open::EXCLUSIVE) {
    target->file.record.set_exclusive_verifier(request.verifier());
    StoreInode(context.txn, &target->file);
  }
  target->created = true;
  return pb::FS_OK;
}

pb::FsError FindOrCreate(OperationContext& context, const pb::Open& request, Target* target) {
  Inode directory;
  pb::FsError error = LoadCurrentDirectory(context, &directory);
  if (error != pb::FS_OK) return error;
  error = CheckName(request.name());
  if (error != pb::FS_OK) return error;
  error = CheckMode(context.credentials, directory.record, kMayExecute);
  if (error != pb::FS_OK) return error;
  target->change.set_before(directory.record.change());
  pb::DirentRecord entry;
  if (FindEntry(context.txn, directory, request.name(), &entry)) {
    target->file = MustLoad(context.txn, directory.fs, entry.inode());
    error = MeetExisting(request, target);
  } else {
    error = CreateFile(context, request, &directory, target);
  }
  target->change.set_after(directory.record.change());
  return error;
}

bool Truncates(const pb::Open& request) {
  return request.create_mode() == pb::Open::UNCHECKED && request.attributes().has_size() &&
         request.attributes().size() == 0;
}

// Who may execute a file may read it: the server cannot tell the two apart (18.16.3 leaves it to
// ACCESS, and Linux asks that).
pb::FsError CheckPermission(const OperationContext& context, const pb::Open& request,
                            const Inode& file) {
  const pb::Credentials& who = context.credentials;
  if ((request.share_access() & kShareRead) != 0 &&
      Granted(who, file.record, kMayRead | kMayExecute) == 0) {
    return pb::FS_ACCESS;
  }
  const bool writes = (request.share_access() & kShareWrite) != 0 || Truncates(request);
  return writes ? CheckMode(who, file.record, kMayWrite) : pb::FS_OK;
}

// All that may stand between the caller and a file it has not just made.
pb::FsError CheckExisting(OperationContext& context, const pb::Open& request, Target* target) {
  pb::FsError error = RequireRegular(target->file);
  if (error != pb::FS_OK) return error;
  if (!target->own_exclusive) error = CheckPermission(context, request, target->file);
  if (error != pb::FS_OK) return error;
  const pb::FileRef file = target->file.Ref();
  if (ShareConflict(context, file, request.share_access(), request.share_deny(),
                    request.owner().owner())) {
    return pb::FS_SHARE_DENIED;
  }
  // An unlinked file may have gone just now, with the lapsed client that had it open.
  return LoadFile(context.txn, file, &target->file);
}

pb::FsError Truncate(OperationContext& context, Target* target) {
  if (FindDenial(context, target->file.Ref(), kShareWrite)) return pb::FS_SHARE_DENIED;
  pb::FsError error = TruncateFile(context, 0, &target->file);
  if (error == pb::FS_OK) StoreInode(context.txn, &target->file);
  return error;
}

void AddShares(const pb::Open& request, pb::StateRecord* record) {
  record->set_share_access(record->share_access() | request.share_access());
  record->set_share_deny(record->share_deny() | request.share_deny());
  record->set_access_history(record->access_history() | 1u << request.share_access());
  record->set_deny_history(record->deny_history() | 1u << request.share_deny());
  record->set_seqid(NextSeqid(record->seqid()));
}

// One open per owner and file: opening again adds to it (9.10). Nobody has opened a file that was
// created just now.
pb::FsError OpenState(OperationContext& context, const pb::Open& request, const Target& target,
                      HeldState* open) {
  const std::string& owner = request.owner().owner();
  const pb::FileRef file = target.file.Ref();
  std::optional<HeldState> known;
  if (!target.created) {
    known = FindByOwner(context.txn, pb::StateRecord::OPEN, context.client_id, owner, file);
  }
  if (known.has_value()) {
    *open = *std::move(known);
    AddShares(request, &open->record);
    UpdateState(context.txn, *open);
    return pb::FS_OK;
  }
  open->record.set_kind(pb::StateRecord::OPEN);
  open->record.set_client_id(context.client_id);
  open->record.set_owner(owner);
  *open->record.mutable_file() = file;
  AddShares(request, &open->record);
  return InsertState(context, open);
}

}  // namespace

pb::FsError OpenOp::Apply(OperationContext& context, const Request& request,
                          pb::OperationResult* result) {
  pb::FsError error = CheckRequest(context, request);
  if (error != pb::FS_OK) return error;
  Target target;
  error = request.claim() == pb::Open::NULL_NAME ? FindOrCreate(context, request, &target)
                                                 : LoadCurrent(context, &target.file);
  if (error != pb::FS_OK) return error;
  if (!target.created) {
    error = CheckExisting(context, request, &target);
    if (error == pb::FS_OK && Truncates(request)) error = Truncate(context, &target);
    if (error != pb::FS_OK) return error;
  }
  HeldState open;
  error = OpenState(context, request, target, &open);
  if (error != pb::FS_OK) return error;
  pb::OpenResult* answer = result->mutable_open();
  *answer->mutable_stateid() = StateidOf(context, open);
  *answer->mutable_change() = target.change;
  answer->set_created(target.created || target.own_exclusive);
  answer->set_attributes_applied(answer->created());
  *context.registers.mutable_current() = target.file.Ref();
  *context.registers.mutable_current_stateid() = answer->stateid();
  return pb::FS_OK;
}

}  // namespace openefs::metadata
