#include "server/nfs4/ops/compare_attributes.h"

#include "server/nfs4/pseudo_root.h"

namespace openefs::nfs4 {
namespace {

nfsstat4 CheckMask(const AttributeMask& mask) {
  if (!mask.Within(SupportedAttributes())) return NFS4ERR_ATTRNOTSUPP;
  // RFC 8881 18.31.3 p4
  if (mask.Has(FATTR4_RDATTR_ERROR) || mask.Intersects(SetOnlyAttributes())) return NFS4ERR_INVAL;
  return NFS4_OK;
}

}  // namespace

void CompareAttributes::DecodeInto(xdr::Reader& reader, CompareAttributes* operation) {
  const AttributeValues given = DecodeAttributeValues(reader);
  operation->mask_ = given.mask;
  operation->values_ = given.values;
  operation->argument_status_ = CheckMask(given.mask);
}

void CompareAttributes::Plan(CompoundContext&, pb::Operation* operation) {
  operation->mutable_get_attr()->set_want_usage(mask_.Intersects(UsageAttributes()));
}

nfsstat4 CompareAttributes::Compare(CompoundContext& context,
                                    const pb::Attributes& attributes) const {
  xdr::Writer current;
  EncodeAttributeValues(MakeAttributeSource(*context.services, attributes), mask_, current);
  std::string bytes;
  for (const Buffer& piece : current.Finish()) bytes.append(piece.view());
  return Judge(bytes == values_);
}

nfsstat4 CompareAttributes::Encode(CompoundContext& context, const pb::OperationResult& result,
                                   xdr::Writer&) {
  return context.overtaken ? NFS4_OK : Compare(context, result.attributes());
}

nfsstat4 CompareAttributes::RunOnPseudoRoot(CompoundContext& context, xdr::Writer&) {
  return Compare(context, PseudoRootAttributes(*context.services));
}

}  // namespace openefs::nfs4
