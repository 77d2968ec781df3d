// CREATE: a directory, symbolic link, FIFO or socket (RFC 8881 18.4).
#include "common/limits.h"
#include "server/nfs4/attributes.h"
#include "server/nfs4/operation_table.h"
#include "server/nfs4/ops/arguments.h"
#include "server/nfs4/ops/synchronous_operation.h"

namespace openefs::nfs4 {
namespace {

// FILE_TYPE_NONE: not ours to create (RFC 8881 18.4.3, NFS4ERR_BADTYPE).
pb::FileType CreatableType(uint32_t type) {
  switch (type) {
    case NF4DIR:
      return pb::DIRECTORY;
    case NF4LNK:
      return pb::SYMLINK;
    case NF4FIFO:
      return pb::FIFO;
    case NF4SOCK:
      return pb::SOCKET;
    default:
      return pb::FILE_TYPE_NONE;
  }
}

nfsstat4 CheckSymlinkTarget(std::string_view target) {
  if (target.empty()) return NFS4ERR_INVAL;
  if (target.size() > kMaxSymlinkBytes) return NFS4ERR_NAMETOOLONG;
  if (target.find('\0') != target.npos) return NFS4ERR_BADCHAR;
  return NFS4_OK;
}

class Create final : public SynchronousOperation {
 public:
  static constexpr OperationInfo kInfo = {OP_CREATE, "CREATE", OperationKind::kMetadata, true,
                                          kChangeInfoBytes + kAttributeMaskBytes};
  static std::unique_ptr<Operation> Decode(xdr::Reader& reader);

  const OperationInfo& info() const override { return kInfo; }
  void Plan(CompoundContext& context, pb::Operation* operation) override;

 protected:
  nfsstat4 Encode(CompoundContext& context, const pb::OperationResult& result,
                  xdr::Writer& reply) override;

 private:
  pb::FileType type_ = pb::FILE_TYPE_NONE;
  std::string symlink_target_;
  Name name_;
  AttributesToSet attributes_;
};

std::unique_ptr<Operation> Create::Decode(xdr::Reader& reader) {
  auto operation = std::make_unique<Create>();
  nfsstat4 target_status = NFS4_OK;
  const uint32_t type = reader.U32();
  operation->type_ = CreatableType(type);
  if (type == NF4LNK) {
    const std::string_view target = reader.Opaque(kMaxIoBytes);
    target_status = CheckSymlinkTarget(target);
    if (target_status == NFS4_OK) operation->symlink_target_ = target;
  } else if (type == NF4BLK || type == NF4CHR) {
    reader.U64();  // specdata4
  }
  operation->name_ = DecodeName(reader);
  operation->attributes_ = DecodeAttributesToSet(reader);
  const nfsstat4 type_status = operation->type_ == pb::FILE_TYPE_NONE ? NFS4ERR_BADTYPE : NFS4_OK;
  operation->argument_status_ = FirstError(
      {type_status, operation->name_.status, target_status, operation->attributes_.status});
  return operation;
}

void Create::Plan(CompoundContext&, pb::Operation* operation) {
  pb::Create* create = operation->mutable_create();
  create->set_type(type_);
  create->set_name(name_.bytes);
  create->set_symlink_target(symlink_target_);
  *create->mutable_attributes() = attributes_.change;
}

nfsstat4 Create::Encode(CompoundContext&, const pb::OperationResult& result, xdr::Writer& reply) {
  EncodeChangeInfo(result.change(), reply);
  EncodeAttributeMask(attributes_.mask, reply);
  return NFS4_OK;
}

}  // namespace

OPENEFS_NFS_OPERATION(Create);

}  // namespace openefs::nfs4
