// READDIR (RFC 8881 18.23).
#include <algorithm>
#include <boost/asio/any_io_executor.hpp>

#include "server/nfs4/attributes.h"
#include "server/nfs4/compound_context.h"
#include "server/nfs4/operation_table.h"
#include "server/nfs4/ops/directory_list.h"
#include "server/nfs4/pseudo_root.h"

namespace openefs::nfs4 {
namespace {

using boost::asio::awaitable;

// Cookies are good for as long as the directory is, so there is nothing to verify: it is all zeros.
constexpr uint64_t kCookieVerifier = 0;

// RFC 8881 18.23.3: 0 begins, 1 and 2 are never handed out.
constexpr uint64_t kFirstCookie = 3;

class ReadDir final : public Operation {
 public:
  static constexpr OperationInfo kInfo = {OP_READDIR, "READDIR", OperationKind::kMetadata, false,
                                          kEmptyListBytes};
  static std::unique_ptr<Operation> Decode(xdr::Reader& reader);

  const OperationInfo& info() const override { return kInfo; }
  OperationKind Kind(const CompoundContext& context) const override {
    return context.current_is_pseudo_root ? OperationKind::kLocal : kInfo.kind;
  }
  uint32_t ReplyBytes() const override { return std::max(max_count_, kEmptyListBytes); }
  awaitable<nfsstat4> Prepare(CompoundContext& context) override;
  void Plan(CompoundContext& context, pb::Operation* operation) override;
  awaitable<nfsstat4> Finish(CompoundContext& context, const pb::OperationResult& result,
                             xdr::Writer& reply) override;

 private:
  nfsstat4 EncodeList(CompoundContext& context, const pb::ReadDirResult& page,
                      xdr::Writer& reply) const;

  uint64_t cookie_ = 0;
  uint32_t dir_count_ = 0;
  uint32_t max_count_ = 0;
  AttributeMask wanted_;
  nfsstat4 argument_status_ = NFS4_OK;
};

std::unique_ptr<Operation> ReadDir::Decode(xdr::Reader& reader) {
  auto operation = std::make_unique<ReadDir>();
  operation->cookie_ = reader.U64();
  const uint64_t verifier = reader.U64();
  operation->dir_count_ = reader.U32();
  operation->max_count_ = reader.U32();
  operation->wanted_ = DecodeAttributeMask(reader);
  if (operation->wanted_.Intersects(SetOnlyAttributes())) {
    operation->argument_status_ = NFS4ERR_INVAL;
  } else if (operation->max_count_ < kEmptyListBytes) {
    operation->argument_status_ = NFS4ERR_TOOSMALL;
  } else if (operation->cookie_ != 0 && verifier != kCookieVerifier) {
    operation->argument_status_ = NFS4ERR_NOT_SAME;
  } else if (operation->cookie_ != 0 && operation->cookie_ < kFirstCookie) {
    operation->argument_status_ = NFS4ERR_BAD_COOKIE;
  }
  return operation;
}

awaitable<nfsstat4> ReadDir::Prepare(CompoundContext& context) {
  max_count_ = std::min(max_count_, context.max_reply_bytes);
  co_return argument_status_;
}

// Asks for what fits, and little more: entries with attributes are what a reply is made of.
void ReadDir::Plan(CompoundContext& context, pb::Operation* operation) {
  const uint32_t entry_bytes = LeastEntryBytes(*context.services, wanted_);
  uint32_t entries = max_count_ / entry_bytes + 1;
  if (dir_count_ != 0) entries = std::min(entries, dir_count_ / kLeastNameBytes + 1);
  pb::ReadDir* read = operation->mutable_read_dir();
  read->set_cookie(cookie_);
  read->set_max_entries(entries);
  read->set_max_bytes(max_count_);
  read->set_want_attributes(!(wanted_ & SupportedAttributes()).Within(DirectoryEntryAttributes()));
  read->set_want_usage(wanted_.Intersects(UsageAttributes()));
}

awaitable<nfsstat4> ReadDir::Finish(CompoundContext& context, const pb::OperationResult& result,
                                    xdr::Writer& reply) {
  if (!context.current_is_pseudo_root) {
    co_return EncodeList(context, result.read_dir(), reply);
  }
  pb::ReadDirResult page;
  const uint32_t fit = max_count_ / LeastEntryBytes(*context.services, wanted_) + 1;
  const nfsstat4 status = co_await ListFileSystems(context, cookie_, fit, &page);
  co_return status == NFS4_OK ? EncodeList(context, page, reply) : status;
}

nfsstat4 ReadDir::EncodeList(CompoundContext& context, const pb::ReadDirResult& page,
                             xdr::Writer& reply) const {
  reply.U64(kCookieVerifier);
  DirectoryList list(*context.services, wanted_, {max_count_, dir_count_}, reply);
  int added = 0;
  while (added < page.entries_size()) {
    const DirectoryList::Added outcome = list.Add(page.entries(added));
    if (outcome == DirectoryList::Added::kFailed) return NFS4ERR_IO;
    if (outcome == DirectoryList::Added::kFull) break;
    ++added;
  }
  // RFC 8881 18.23.3: not even one entry.
  if (added == 0 && page.entries_size() > 0) return NFS4ERR_TOOSMALL;
  list.End(page.end() && added == page.entries_size());
  return NFS4_OK;
}

}  // namespace

OPENEFS_NFS_OPERATION(ReadDir);

}  // namespace openefs::nfs4
