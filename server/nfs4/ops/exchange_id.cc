// EXCHANGE_ID (RFC 8881 18.35): a client makes itself known.
#include <string>

#include "server/nfs4/compound_context.h"
#include "server/nfs4/operation_table.h"
#include "server/nfs4/ops/synchronous_operation.h"
#include "server/nfs4/services.h"

namespace openefs::nfs4 {
namespace {

constexpr uint32_t kRequestFlags = EXCHGID4_FLAG_SUPP_MOVED_REFER | EXCHGID4_FLAG_SUPP_MOVED_MIGR |
                                   EXCHGID4_FLAG_BIND_PRINC_STATEID | EXCHGID4_FLAG_MASK_PNFS |
                                   EXCHGID4_FLAG_UPD_CONFIRMED_REC_A;

// Limits of lists in a state protection we refuse anyway: enough for every operation there is and
// every algorithm anybody would name.
constexpr uint32_t kMaxBitmapWords = 8;
constexpr uint32_t kMaxAlgorithms = 64;

constexpr std::string_view kImplementationDomain = "openefs";
constexpr std::string_view kImplementationName = "openefs";

void SkipBitmap(xdr::Reader& reader) {
  const uint32_t words = reader.ArrayLength(kMaxBitmapWords, 4);
  for (uint32_t i = 0; i < words; ++i) reader.U32();
}

void SkipAlgorithms(xdr::Reader& reader) {
  const uint32_t count = reader.ArrayLength(kMaxAlgorithms, 4);
  for (uint32_t i = 0; i < count; ++i) reader.Opaque(NFS4_OPAQUE_LIMIT);
}

// state_protect4_a. True for the one kind we have.
bool DecodeStateProtection(xdr::Reader& reader) {
  const uint32_t how = reader.U32();
  if (how == SP4_NONE) return true;
  if (how != SP4_MACH_CRED && how != SP4_SSV) {
    reader.Fail();
    return false;
  }
  SkipBitmap(reader);  // spo_must_enforce
  SkipBitmap(reader);  // spo_must_allow
  if (how == SP4_SSV) {
    SkipAlgorithms(reader);  // ssp_hash_algs
    SkipAlgorithms(reader);  // ssp_encr_algs
    reader.U32();            // ssp_window
    reader.U32();            // ssp_num_gss_handles
  }
  return false;
}

// nfs_impl_id4<1>: who wrote the client, for the logs of the metadata.
std::string DecodeImplementation(xdr::Reader& reader) {
  if (reader.ArrayLength(1, 4 + 4 + 12) == 0) return {};
  const std::string domain(reader.Opaque(NFS4_OPAQUE_LIMIT));
  const std::string name(reader.Opaque(NFS4_OPAQUE_LIMIT));
  reader.I64();
  reader.U32();
  std::string text = domain + " " + name;
  for (char& c : text) {
    // It goes into a protobuf string and into logs: printable ASCII only.
    if (c < 0x20 || c > 0x7e) c = '?';
  }
  return text;
}

class ExchangeId final : public SynchronousOperation {
 public:
  static constexpr OperationInfo kInfo = {
      OP_EXCHANGE_ID, "EXCHANGE_ID", OperationKind::kMetadataAlone, true,
      8 + 3 * 4 + 8 + 2 * (4 + NFS4_OPAQUE_LIMIT) + 4 + 2 * 16 + 12};

  static std::unique_ptr<Operation> Decode(xdr::Reader& reader) {
    auto operation = std::make_unique<ExchangeId>();
    operation->verifier_ = reader.U64();
    operation->owner_id_ = reader.Opaque(NFS4_OPAQUE_LIMIT);
    operation->flags_ = reader.U32();
    const bool protection = DecodeStateProtection(reader);
    operation->implementation_ = DecodeImplementation(reader);
    // RFC 8881 18.35.3: bits that are not a request's, and protection that needs RPCSEC_GSS.
    const bool flags = (operation->flags_ & ~kRequestFlags) == 0;
    if (!flags || !protection) operation->argument_status_ = NFS4ERR_INVAL;
    return operation;
  }

  const OperationInfo& info() const override { return kInfo; }

  void Plan(CompoundContext&, pb::Operation* planned) override {
    pb::ExchangeId& arguments = *planned->mutable_exchange_id();
    arguments.set_owner_id(owner_id_);
    arguments.set_verifier(verifier_);
    arguments.set_update((flags_ & EXCHGID4_FLAG_UPD_CONFIRMED_REC_A) != 0);
    arguments.set_implementation(implementation_);
  }

 protected:
  bool UsesPseudoRoot(const CompoundContext&) const override { return false; }

  nfsstat4 Encode(CompoundContext& context, const pb::OperationResult& result,
                  xdr::Writer& reply) override {
    const pb::ExchangeIdResult& client = result.exchange_id();
    const uint32_t confirmed = client.confirmed() ? uint32_t{EXCHGID4_FLAG_CONFIRMED_R} : 0;
    reply.U64(client.client_id());
    reply.U32(client.sequence_id());
    reply.U32(EXCHGID4_FLAG_USE_NON_PNFS | confirmed);
    reply.U32(SP4_NONE);
    // The same minor and major id and scope on every front-end: a session works through any of them
    // (RFC 8881 2.10.5).
    reply.U64(0);
    reply.Opaque(context.services->server_owner());
    reply.Opaque(context.services->server_owner());
    reply.U32(1);
    reply.Opaque(kImplementationDomain);
    reply.Opaque(kImplementationName);
    reply.I64(0);
    reply.U32(0);
    return NFS4_OK;
  }

 private:
  std::string owner_id_;
  uint64_t verifier_ = 0;
  uint32_t flags_ = 0;
  std::string implementation_;
};

}  // namespace

OPENEFS_NFS_OPERATION(ExchangeId);

}  // namespace openefs::nfs4
