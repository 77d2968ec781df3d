#include "metadata/ops/segment.h"

#include <algorithm>
#include <array>
#include <optional>
#include <utility>
#include <vector>

#include "common/limits.h"
#include "google/protobuf/arena.h"
#include "google/protobuf/io/coded_stream.h"
#include "google/protobuf/wire_format_lite.h"
#include "metadata/ops/table.h"
#include "metadata/state/limits.h"
#include "metadata/store/keys.h"
#include "proto/records.pb.h"

namespace openefs::metadata {
namespace {

using google::protobuf::Arena;

constexpr size_t kSessionIdBytes = 16;  // RFC 8881 2.10.3.1

// What LOOKUPs and GETATTRs beside a mutation answer takes a few hundred bytes; a slot's
// record is written with every mutation and shall not carry directories.
constexpr size_t kMaxKeptReadBytes = 4096;

// FNV-1a: the same on every replica and in every version, which is all that is asked of it.
uint64_t Hash(absl::string_view bytes) {
  uint64_t hash = 0xcbf29ce484222325;
  for (char c : bytes) hash = (hash ^ static_cast<uint8_t>(c)) * 0x100000001b3;
  return hash;
}

// Equal for a request and its retry. A retried write may come with another blob.
uint64_t Fingerprint(const pb::Operation& operation) {
  if (!operation.has_write_commit()) return Hash(operation.SerializeAsString());
  pb::WriteCommit write;
  write.set_offset(operation.write_commit().offset());
  write.set_length(operation.write_commit().length());
  return Hash(write.SerializeAsString());
}

void Fail(pb::FsError error, pb::SegmentResponse* response) {
  response->add_results()->set_error(error);
}

bool Misplaced(const OperationRow* row, uint32_t group) {
  return row != nullptr && row->in_system_group != (group == kSystemGroup);
}

// One operation, refused where the group is of the wrong kind.
void RunOne(OperationContext& context, uint32_t group, const pb::Operation& operation,
            pb::OperationResult* result) {
  if (Misplaced(FindOperation(operation), group)) return result->set_error(pb::FS_NOTSUPP);
  ApplyOperation(context, operation, result);
}

// Whether a mutation of the slot's request behind the segment has a result.
bool Overtaken(const pb::SlotRecord& record, const pb::SegmentRequest& request) {
  if (!request.tell_overtaken() || record.sequence_id() != request.slot().sequence_id()) {
    return false;
  }
  const uint32_t behind =
      request.first_operation_index() + static_cast<uint32_t>(request.operations_size());
  return std::any_of(record.done().begin(), record.done().end(),
                     [behind](const auto& done) { return done.operation_index() >= behind; });
}

// Where a stored slot's record begins with it; it need not, and then the record has to be parsed.
std::optional<uint32_t> SequenceIdOf(const std::string& stored) {
  using google::protobuf::internal::WireFormatLite;
  constexpr uint32_t kTag = WireFormatLite::MakeTag(pb::SlotRecord::kSequenceIdFieldNumber,
                                                    WireFormatLite::WIRETYPE_VARINT);
  google::protobuf::io::CodedInputStream in(reinterpret_cast<const uint8_t*>(stored.data()),
                                            static_cast<int>(stored.size()));
  uint32_t id = 0;
  if (in.ReadTag() != kTag || !in.ReadVarint32(&id)) return std::nullopt;
  return id;
}

// The request's slot: which of its operations have run before.
class SlotReplay {
 public:
  // FS_OK: Find, Store and Save may be used.
  static pb::FsError Open(Transaction& txn, const pb::SlotRef& slot, SlotReplay* replay) {
    if (slot.session_id().size() != kSessionIdBytes) return pb::FS_BADSESSION;
    auto& session = *Arena::CreateMessage<pb::SessionRecord>(&replay->arena_);
    if (!txn.GetRecord(keys::Session(slot.session_id()), &session)) return pb::FS_BADSESSION;
    if (slot.slot() >= kMaxSlots) return pb::FS_INVAL;
    replay->client_id_ = session.client_id();
    replay->slot_ = &slot;
    return replay->Load(txn, keys::Slot(slot.session_id(), slot.slot()));
  }

  uint64_t client_id() const { return client_id_; }
  const pb::SlotRecord& record() const { return record_; }

  // Null: that operation has not run yet.
  const pb::SlotRecord::Done* Find(uint32_t index) const {
    for (const auto& done : record_.done())
      if (done.operation_index() == index) return &done;
    return nullptr;
  }

  bool Full() const { return record_.done_size() >= static_cast<int>(kMaxOperations); }

  // A read beside a mutation: its answer is kept with that mutation's, because in a retry the way
  // may be gone (perhaps it was what removed it), and so may what was made. Reads with long answers
  // are run again. `registers`: after the read; a read behind the last mutation has to bring them
  // back by itself.
  void Remember(uint32_t index, const pb::Operation& operation, const pb::OperationResult& result,
                const pb::Registers& registers) {
    Read read{index, &operation, &result, {}};
    if (changed_) read.registers = registers;
    read_bytes_ += result.ByteSizeLong();
    reads_.push_back(std::move(read));
  }

  // That read failed, and so ends a request that would have changed something. That must stay so: a
  // copy of it that comes late shall not find otherwise and go on, when the client has long been
  // told.
  void StoreFailure(uint32_t index, const pb::Registers& registers) {
    if (reads_.empty() || reads_.back().index != index) return;  // it was a stored answer
    const Read failed = reads_.back();
    StoreReads();
    if (Find(index) == nullptr && !Full()) StoreRead(failed);
    if (Find(index) == nullptr) return;
    *record_.mutable_done(record_.done_size() - 1)->mutable_registers() = registers;
    changed_ = true;
  }

  void Store(uint32_t index, const pb::Operation& operation, const pb::OperationResult& result,
             const pb::Registers& registers) {
    StoreReads();
    pb::SlotRecord::Done* done = record_.add_done();
    done->set_operation_index(index);
    *done->mutable_result() = result;
    *done->mutable_registers() = registers;
    done->set_fingerprint(Fingerprint(operation));
    changed_ = true;
  }

  // Puts the record beside the effects, unless the session went with this very segment.
  void Save(Transaction& txn) {
    if (!changed_ || !txn.Contains(keys::Session(slot_->session_id()))) return;
    StoreReads();
    txn.PutRecord(keys::Slot(slot_->session_id(), slot_->slot()), record_);
  }

 private:
  struct Read {
    uint32_t index = 0;
    const pb::Operation* operation = nullptr;
    const pb::OperationResult* result = nullptr;  // in the response
    std::optional<pb::Registers> registers;
  };

  // The record of an earlier request is of no use but for its sequence id, and seldom is it that of
  // this one: then alone is it parsed.
  pb::FsError Load(const Transaction& txn, const std::string& key) {
    const uint32_t sequence_id = slot_->sequence_id();
    std::string stored;
    if (!txn.Get(key, &stored)) {
      record_.set_sequence_id(sequence_id);
      return pb::FS_OK;
    }
    const uint32_t last = SequenceIdOf(stored).value_or(sequence_id);
    if (last == sequence_id && !record_.ParseFromString(stored)) CorruptRecord(key);
    if (last != sequence_id) record_.set_sequence_id(last);
    return Advance(sequence_id);
  }

  // RFC 8881 2.10.6.1: sequence ids wrap around, so their distance decides.
  pb::FsError Advance(uint32_t sequence_id) {
    const int32_t distance = static_cast<int32_t>(sequence_id - record_.sequence_id());
    if (distance < 0) return pb::FS_SEQ_MISORDERED;
    if (distance > 0) {
      record_.Clear();
      record_.set_sequence_id(sequence_id);
    }
    return pb::FS_OK;
  }

  // All of them or none: what is not kept runs again and needs the registers that all set.
  void StoreReads() {
    const bool fits = read_bytes_ <= kMaxKeptReadBytes &&
                      record_.ByteSizeLong() + read_bytes_ <= kMaxSlotRecordBytes &&
                      static_cast<size_t>(record_.done_size()) + reads_.size() < kMaxOperations;
    for (size_t i = 0; fits && i < reads_.size(); ++i) StoreRead(reads_[i]);
    reads_.clear();
    read_bytes_ = 0;
  }

  void StoreRead(const Read& read) {
    pb::SlotRecord::Done* done = record_.add_done();
    done->set_operation_index(read.index);
    *done->mutable_result() = *read.result;
    done->set_fingerprint(Fingerprint(*read.operation));
    if (read.registers.has_value()) *done->mutable_registers() = *read.registers;
  }

  // What most requests need, so that their records take no memory from the heap.
  static constexpr size_t kArenaBytes = 4096;

  alignas(8) std::array<char, kArenaBytes> arena_block_;
  Arena arena_{arena_block_.data(), arena_block_.size()};
  uint64_t client_id_ = 0;
  const pb::SlotRef* slot_ = nullptr;
  pb::SlotRecord& record_ = *Arena::CreateMessage<pb::SlotRecord>(&arena_);
  bool changed_ = false;
  std::vector<Read> reads_;  // since the last mutation
  size_t read_bytes_ = 0;
};

// Runs or replays a mutation of a request with a slot.
void RunOnce(OperationContext& context, uint32_t group, uint32_t index,
             const pb::Operation& operation, SlotReplay* replay, pb::OperationResult* result) {
  if (const auto* done = replay->Find(index)) {
    if (done->fingerprint() != Fingerprint(operation))
      return result->set_error(pb::FS_SEQ_FALSE_RETRY);
    *result = done->result();
    context.registers = done->registers();
    return;
  }
  if (replay->Full()) return result->set_error(pb::FS_RESOURCE);
  RunOne(context, group, operation, result);
  replay->Store(index, operation, *result, context.registers);
}

// Runs a read, or answers it as it was answered when the mutation beside it ran.
void RunRead(OperationContext& context, uint32_t group, uint32_t index,
             const pb::Operation& operation, SlotReplay* replay, pb::OperationResult* result) {
  if (const auto* done = replay->Find(index)) {
    if (done->fingerprint() != Fingerprint(operation))
      return result->set_error(pb::FS_SEQ_FALSE_RETRY);
    *result = done->result();
    if (done->has_registers()) context.registers = done->registers();
    return;
  }
  RunOne(context, group, operation, result);
  replay->Remember(index, operation, *result, context.registers);
}

}  // namespace

bool SegmentMutates(const pb::SegmentRequest& request) {
  for (const pb::Operation& operation : request.operations())
    if (IsMutating(operation)) return true;
  return false;
}

void ApplySegment(Transaction& txn, ApplyEnvironment& environment,
                  const pb::SegmentRequest& request, pb::SegmentResponse* response) {
  SlotReplay replay;
  if (request.has_slot()) {
    pb::FsError error = SlotReplay::Open(txn, request.slot(), &replay);
    if (error != pb::FS_OK) return Fail(error, response);
    response->set_overtaken(Overtaken(replay.record(), request));
  }
  *response->mutable_registers() = request.registers();
  OperationContext context{txn, environment, request.credentials(), *response->mutable_registers(),
                           replay.client_id()};
  for (int i = 0; i < request.operations_size(); ++i) {
    const pb::Operation& operation = request.operations(i);
    pb::OperationResult* result = response->add_results();
    const uint32_t index = request.first_operation_index() + static_cast<uint32_t>(i);
    if (request.has_slot() && IsMutating(operation)) {
      RunOnce(context, request.group(), index, operation, &replay, result);
    } else {
      RunRead(context, request.group(), index, operation, &replay, result);
      if (request.has_slot() && result->error() != pb::FS_OK)
        replay.StoreFailure(index, context.registers);
    }
    if (result->error() != pb::FS_OK) break;
  }
  replay.Save(txn);
}

void ReadSegment(Transaction& txn, ApplyEnvironment& environment, const pb::SegmentRequest& request,
                 pb::SegmentResponse* response) {
  pb::SessionRecord session;
  if (request.has_slot() && !txn.GetRecord(keys::Session(request.slot().session_id()), &session))
    return Fail(pb::FS_BADSESSION, response);
  pb::SlotRecord slot;
  if (request.has_slot() && request.tell_overtaken() &&
      txn.GetRecord(keys::Slot(request.slot().session_id(), request.slot().slot()), &slot)) {
    response->set_overtaken(Overtaken(slot, request));
  }
  *response->mutable_registers() = request.registers();
  OperationContext context{txn, environment, request.credentials(), *response->mutable_registers(),
                           session.client_id()};
  for (const pb::Operation& operation : request.operations()) {
    pb::OperationResult* result = response->add_results();
    if (IsMutating(operation)) return result->set_error(pb::FS_SERVERFAULT);
    RunOne(context, request.group(), operation, result);
    if (result->error() != pb::FS_OK) return;
  }
}

}  // namespace openefs::metadata
