#include "tests/sim/workload/segments.h"

#include <algorithm>

#include "metadata/store/keys.h"
#include "tests/sim/checkers/namespace_model.h"

namespace openefs::sim {
namespace {

constexpr uint32_t kReadWrite = 3;
constexpr uint64_t kWholeFile = UINT64_MAX;
constexpr uint32_t kManyEntries = 1'000;

void PutDirectory(const Domain& domain, uint32_t dir, pb::SegmentRequest& request) {
  *request.add_operations()->mutable_put_file()->mutable_file() = domain.directories[dir];
}

void PutNamed(const Domain& domain, const Op& op, pb::SegmentRequest& request) {
  PutDirectory(domain, op.dir, request);
  request.add_operations()->mutable_lookup()->set_name(NameOf(op.name));
}

void AddCreate(const Op& op, pb::FileType type, pb::SegmentRequest& request) {
  pb::Create* create = request.add_operations()->mutable_create();
  create->set_type(type);
  create->set_name(NameOf(op.name));
  create->mutable_attributes()->set_mode(kModeOfNew);
}

std::string OwnerOf(const Op& op) { return "owner " + std::to_string(op.owner); }

void AddOpen(const Op& op, pb::SegmentRequest& request) {
  pb::Open* open = request.add_operations()->mutable_open();
  open->set_share_access(kReadWrite);
  open->mutable_owner()->set_owner(OwnerOf(op));
  open->set_name(NameOf(op.name));
  open->set_create_mode(op.exclusive ? pb::Open::GUARDED : pb::Open::UNCHECKED);
  open->mutable_attributes()->set_mode(kModeOfNew);
}

void AddLock(const Op& op, const HeldOpen& held, pb::SegmentRequest& request) {
  pb::Lock* lock = request.add_operations()->mutable_lock();
  lock->set_exclusive(true);
  lock->mutable_range()->set_length(kWholeFile);
  lock->set_new_owner(true);
  *lock->mutable_open_stateid() = held.open;
  lock->mutable_owner()->set_owner(OwnerOf(op));
}

// Of a file that `request` has made current.
void AddOnFile(const Op& op, pb::SegmentRequest& request) {
  switch (op.kind) {
    case OpKind::kSetMode:
      request.add_operations()->mutable_set_attr()->mutable_change()->set_mode(
          static_cast<uint32_t>(op.value));
      return;
    case OpKind::kWrite: {
      pb::WriteCommit* write = request.add_operations()->mutable_write_commit();
      write->set_inline_data(metadata::EncodeU64(op.value));
      write->set_length(sizeof op.value);
      return;
    }
    case OpKind::kRead:
      request.add_operations()->mutable_read_plan()->set_count(sizeof op.value);
      return;
    default:
      request.add_operations()->mutable_get_attr();
  }
}

void AddOnHandle(const Op& op, const HeldOpen& held, pb::SegmentRequest& request) {
  *request.add_operations()->mutable_put_file()->mutable_file() = held.file;
  switch (op.kind) {
    case OpKind::kLock:
      return AddLock(op, held, request);
    case OpKind::kUnlock: {
      pb::Unlock* unlock = request.add_operations()->mutable_unlock();
      *unlock->mutable_stateid() = held.lock;
      unlock->mutable_range()->set_length(kWholeFile);
      return;
    }
    case OpKind::kClose:
      *request.add_operations()->mutable_close()->mutable_stateid() = held.open;
      return;
    default:
      request.add_operations()->mutable_get_attr();
  }
}

void AddTwoNames(const Op& op, const Domain& domain, pb::SegmentRequest& request) {
  if (op.kind == OpKind::kLink) {
    PutNamed(domain, op, request);
  } else {
    PutDirectory(domain, op.dir, request);
  }
  request.add_operations()->mutable_save_file();
  PutDirectory(domain, op.to_dir, request);
  if (op.kind == OpKind::kLink) {
    request.add_operations()->mutable_link()->set_new_name(NameOf(op.to_name));
    return;
  }
  pb::Rename* rename = request.add_operations()->mutable_rename();
  rename->set_old_name(NameOf(op.name));
  rename->set_new_name(NameOf(op.to_name));
}

void AddInDirectory(const Op& op, const Domain& domain, pb::SegmentRequest& request) {
  PutDirectory(domain, op.dir, request);
  switch (op.kind) {
    case OpKind::kCreate:
      return AddCreate(op, pb::FIFO, request);
    case OpKind::kMkdir:
      return AddCreate(op, pb::DIRECTORY, request);
    case OpKind::kOpen:
      return AddOpen(op, request);
    case OpKind::kRemove:
      return request.add_operations()->mutable_remove()->set_name(NameOf(op.name));
    default: {
      pb::ReadDir* read = request.add_operations()->mutable_read_dir();
      read->set_max_entries(kManyEntries);
      read->set_max_bytes(1u << 20);
    }
  }
}

FileKind KindOf(pb::FileType type) {
  switch (type) {
    case pb::DIRECTORY:
      return FileKind::kDirectory;
    case pb::REGULAR:
      return FileKind::kRegular;
    default:
      return FileKind::kFifo;
  }
}

void TakeAttributes(const pb::Attributes& attributes, Outcome* outcome) {
  outcome->inode = attributes.file().inode();
  outcome->kind = KindOf(attributes.type());
  outcome->nlink = attributes.nlink();
  outcome->mode = attributes.mode();
}

void TakeNames(const pb::ReadDirResult& read, Outcome* outcome) {
  for (const auto& entry : read.entries()) {
    outcome->names.emplace_back(static_cast<uint32_t>(entry.name()[0] - 'a'), entry.file().inode());
  }
  std::sort(outcome->names.begin(), outcome->names.end());
}

void TakeContent(const pb::ReadPlanResult& plan, Outcome* outcome) {
  std::string bytes;
  for (const auto& piece : plan.pieces()) bytes += piece.inline_data();
  if (bytes.size() == sizeof outcome->value) outcome->value = metadata::DecodeU64(bytes);
}

}  // namespace

std::string NameOf(uint32_t name) { return std::string(1, static_cast<char>('a' + name)); }

bool OnlyReads(OpKind kind) { return kind >= OpKind::kLookup; }

pb::SegmentRequest MakeSegment(const Op& op, const Domain& domain, const HeldOpen& held) {
  pb::SegmentRequest request;
  request.set_group(domain.group);
  switch (op.kind) {
    case OpKind::kCreate:
    case OpKind::kMkdir:
    case OpKind::kOpen:
    case OpKind::kRemove:
    case OpKind::kReadDir:
      AddInDirectory(op, domain, request);
      break;
    case OpKind::kRename:
    case OpKind::kLink:
      AddTwoNames(op, domain, request);
      break;
    case OpKind::kLock:
    case OpKind::kUnlock:
    case OpKind::kClose:
    case OpKind::kGetAttr:
      AddOnHandle(op, held, request);
      break;
    case OpKind::kSetMode:
    case OpKind::kWrite:
    case OpKind::kRead:
    case OpKind::kLookup:
      PutNamed(domain, op, request);
      AddOnFile(op, request);
  }
  return request;
}

Outcome OutcomeOf(const Op& op, const pb::SegmentResponse& response) {
  Outcome outcome;
  const pb::OperationResult& last = response.results(response.results_size() - 1);
  outcome.error = last.error();
  if (outcome.error != pb::FS_OK) return outcome;
  switch (op.kind) {
    case OpKind::kCreate:
    case OpKind::kMkdir:
      outcome.inode = response.registers().current().inode();
      break;
    case OpKind::kOpen:
      outcome.inode = response.registers().current().inode();
      outcome.created = last.open().created();
      break;
    case OpKind::kLookup:
    case OpKind::kGetAttr:
      TakeAttributes(last.attributes(), &outcome);
      break;
    case OpKind::kReadDir:
      TakeNames(last.read_dir(), &outcome);
      break;
    case OpKind::kRead:
      TakeContent(last.read_plan(), &outcome);
      break;
    default:
      break;
  }
  return outcome;
}

void UpdateHeld(const Op& op, const pb::SegmentResponse& response, HeldOpen* held) {
  const pb::OperationResult& last = response.results(response.results_size() - 1);
  if (last.error() != pb::FS_OK) return;
  switch (op.kind) {
    case OpKind::kOpen:
      held->file = response.registers().current();
      held->open = last.open().stateid();
      break;
    case OpKind::kLock:
      held->lock = last.stateid();
      held->locked = true;
      break;
    case OpKind::kUnlock:
      held->locked = false;
      break;
    case OpKind::kClose:
      *held = HeldOpen();
      break;
    default:
      break;
  }
}

}  // namespace openefs::sim
