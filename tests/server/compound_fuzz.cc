// Whole COMPOUNDs: decoded, run against a metadata state machine in memory, answered.
//
// The first byte of the input chooses: arguments as they are, or operations inside a session. The
// latter are given as (opcode byte, number of words, words), so that mutations keep hitting
// operations and not only NFS4ERR_OP_ILLEGAL.
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "common/check.h"
#include "server/nfs4/compound.h"
#include "server/nfs4/services.h"
#include "tests/server/support/local_metadata.h"
#include "tests/server/support/memory_blobs.h"
#include "tests/server/support/nfs_client.h"

namespace openefs::testing {
namespace {

// State grows while it runs; it begins anew after so many inputs.
constexpr int kInputsPerServer = 500;

class FuzzServer {
 public:
  FuzzServer() : services_(&metadata_, &blobs_, SystemClock::Get(), 60'000, Cluster()) {
    CompoundReply exchanged = Run(ExchangeId().Build());
    OPENEFS_CHECK(exchanged.Next(nfs4::OP_EXCHANGE_ID) == nfs4::NFS4_OK);
    client_id_ = exchanged.results.U64();
    CompoundReply created = Run(CreateSession(exchanged.results.U32()).Build());
    OPENEFS_CHECK(created.Next(nfs4::OP_CREATE_SESSION) == nfs4::NFS4_OK);
    session_ = created.results.FixedOpaque(nfs4::NFS4_SESSIONID_SIZE);
    // Something to trip over.
    Run(InSession().PutRootFh().MakeDirectory("d").Build());
    Run(InSession().PutRootFh().OpenCreate(client_id_, "o", "f").Build());
  }

  void RunArguments(std::string_view arguments) { RunBody(std::string(arguments)); }

  void RunOperations(std::string_view script) {
    Compound compound = InSession().PutRootFh();
    while (script.size() >= 2) {
      const uint32_t opcode = static_cast<unsigned char>(script[0]) % 64;
      const size_t bytes = 4 * (static_cast<unsigned char>(script[1]) % 32);
      script.remove_prefix(2);
      std::string arguments(script.substr(0, bytes));
      script.remove_prefix(arguments.size());
      arguments.resize(bytes);
      compound.Op(opcode, [&](xdr::Writer& writer) { writer.FixedOpaque(arguments); });
    }
    ReplyOf(RunBody(compound.Build()));
  }

 private:
  pb::ClusterState Cluster() {
    pb::Operation get;
    get.mutable_get_cluster_state();
    return metadata_.RunOne(kSystemGroup, get).cluster_state();
  }

  nfs4::ReplyBody RunBody(std::string arguments) {
    nfs4::CompoundCall call;
    call.record_bytes = arguments.size() + 100;
    call.arguments = Buffer::FromString(std::move(arguments));
    call.connection_id = 1;
    nfs4::ReplyBody body;
    bool done = false;
    boost::asio::co_spawn(io_, nfs4::RunCompound(services_, std::move(call)),
                          [&](std::exception_ptr failure, nfs4::ReplyBody reply) {
                            OPENEFS_CHECK(failure == nullptr);
                            body = std::move(reply);
                            done = true;
                          });
    io_.run();
    io_.restart();
    OPENEFS_CHECK(done);
    return body;
  }

  static CompoundReply ReplyOf(const nfs4::ReplyBody& body) {
    OPENEFS_CHECK(body != nullptr);
    std::string bytes;
    for (const Buffer& piece : *body) bytes += piece.view();
    OPENEFS_CHECK(bytes.size() % 4 == 0);
    return CompoundReply(bytes);
  }
  CompoundReply Run(std::string arguments) { return ReplyOf(RunBody(std::move(arguments))); }

  static Compound ExchangeId() {
    Compound compound;
    compound.Op(nfs4::OP_EXCHANGE_ID, [](xdr::Writer& writer) {
      writer.U64(1);
      writer.Opaque("fuzzer");
      writer.U32(0);
      writer.U32(0);
      writer.U32(0);
    });
    return compound;
  }
  Compound CreateSession(uint32_t sequence_id) const {
    Compound compound;
    compound.Op(nfs4::OP_CREATE_SESSION, [&](xdr::Writer& writer) {
      writer.U64(client_id_);
      writer.U32(sequence_id);
      writer.U32(0);
      for (int channel = 0; channel < 2; ++channel) {
        for (const uint32_t value : {0, 1 << 20, 1 << 16, 4096, 64, 4, 0}) writer.U32(value);
      }
      writer.U32(0);
      writer.U32(0);
    });
    return compound;
  }
  Compound InSession() {
    Compound compound;
    compound.Sequence(session_, 0, ++sequence_id_, true);
    return compound;
  }

  boost::asio::io_context io_;
  LocalMetadata metadata_;
  MemoryBlobs blobs_;
  nfs4::Services services_;
  uint64_t client_id_ = 0;
  std::string session_;
  uint32_t sequence_id_ = 0;
};

}  // namespace
}  // namespace openefs::testing

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using openefs::testing::FuzzServer;
  static std::unique_ptr<FuzzServer> server;
  static int inputs = 0;
  if (inputs++ % openefs::testing::kInputsPerServer == 0) server = std::make_unique<FuzzServer>();
  if (size == 0) return 0;
  const std::string_view input(reinterpret_cast<const char*>(data) + 1, size - 1);
  if (data[0] % 4 == 0) {
    server->RunArguments(input);
  } else {
    server->RunOperations(input);
  }
  return 0;
}
