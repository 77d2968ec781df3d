// What an NFS operation is to the COMPOUND driver (compound.h).
//
// A COMPOUND is decoded whole into Operation objects. The driver cuts them into runs; a run becomes
// one metadata segment, so that nearly every COMPOUND costs one hop:
//
//   Prepare()  for each operation of the run, in order: what must happen before the metadata knows
//              (WRITE stores its blob). Usually nothing.
//   Plan()     for each: appends exactly one pb::Operation to the segment.
//   ...one MetadataClient::Execute...
//   Finish()   for each that ran, in order: turns its result into the reply's bytes (READ first
//              fetches the blobs). After an error result only the status is written, by the driver.
//
// A local operation (Kind() kLocal) has no Plan: the driver flushes the run before it and calls
// Finish with an empty result. VERIFY and NVERIFY end their run, because what follows depends on
// Finish.
//
// Whatever an operation changes of the CompoundContext for those behind it, it changes in Plan (of
// what is known while planning) or in Finish of an operation that ended its run.
#pragma once

#include <boost/asio/awaitable.hpp>
#include <concepts>
#include <cstdint>
#include <memory>
#include <string_view>

#include "proto/metadata.pb.h"
#include "proto/nfs4.h"
#include "server/xdr/xdr.h"

namespace openefs::nfs4 {

struct CompoundContext;  // server/nfs4/compound_context.h

enum class OperationKind {
  kMetadata,        // Plan appends one metadata operation
  kMetadataEndRun,  // the same, and the run ends behind it
  kMetadataAlone,   // a run of its own, sent without a slot: makes, finds or ends sessions and
                    // clients, where the metadata has other means against executing twice
  kLocal,           // answered by the front-end alone
};

struct OperationInfo {
  nfs_opnum4 opcode;
  std::string_view name;  // as in RFC 8881, upper case: for logs and metrics
  OperationKind kind;
  bool mutating;             // its metadata operation changes replicated state
  uint32_t max_reply_bytes;  // bound of what Finish writes after the status; READ and READDIR add
                             // what their arguments ask for, see ReplyBytes
};

class Operation {
 public:
  virtual ~Operation() = default;
  virtual const OperationInfo& info() const = 0;

  // Asked once, after Prepare and Plan of all operations before it. Differs from info().kind where
  // the current file decides: in the pseudo root everything is local.
  virtual OperationKind Kind(const CompoundContext&) const { return info().kind; }

  // Upper bound of the reply's bytes for these arguments, for NFS4ERR_REP_TOO_BIG.
  virtual uint32_t ReplyBytes() const { return info().max_reply_bytes; }

  // Not NFS4_OK: the operation fails with that status and nothing after it runs. What runs before
  // it in the same COMPOUND still does.
  virtual boost::asio::awaitable<nfsstat4> Prepare(CompoundContext&) { co_return NFS4_OK; }

  virtual void Plan(CompoundContext&, pb::Operation*) {}

  // `result.error()` is FS_OK.
  virtual boost::asio::awaitable<nfsstat4> Finish(CompoundContext&,
                                                  const pb::OperationResult& result,
                                                  xdr::Writer& reply) = 0;
  // Whatever the reason, the operation failed with that status; most write nothing behind it, LOCK
  // its DENIED and SETATTR its bitmap. `result` is empty where the metadata was not asked.
  virtual void FinishError(CompoundContext&, nfsstat4, const pb::OperationResult&, xdr::Writer&) {}

  // It was prepared, but its metadata operation certainly did not run or failed (WRITE drops its
  // blob). Not called when the outcome is open: then the collector finds what nobody refers to.
  virtual void Abandon(CompoundContext&) {}
};

// What every operation class must have: its own info, and a decoder of its arguments that leaves
// the reader failed (reader.Fail()) on anything malformed. A decoder may store a status in the
// operation to be returned by Prepare for arguments that are well-formed but wrong (NFS4ERR_INVAL,
// ...).
template <typename T>
concept NfsOperation = std::derived_from<T, Operation> && requires(xdr::Reader& reader) {
  { T::kInfo } -> std::convertible_to<const OperationInfo&>;
  { T::Decode(reader) } -> std::same_as<std::unique_ptr<Operation>>;
};

}  // namespace openefs::nfs4
