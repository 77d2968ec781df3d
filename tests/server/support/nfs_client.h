// An NFSv4.1 client of tests: builds COMPOUNDs and reads their replies.
//
//   NfsClient client(port);
//   client.Mount();                                   // EXCHANGE_ID, CREATE_SESSION, ...
//   CompoundReply reply = client.Run(
//       client.InSession().PutRootFh().Lookup("etc").GetFh());
//   REQUIRE(reply.status == NFS4_OK);
//   reply.SkipTo(OP_GETFH);
//   std::string handle(reply.results.Opaque(128));
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "proto/nfs4.h"
#include "server/xdr/xdr.h"
#include "tests/server/support/rpc_client.h"

namespace openefs::testing {

// COMPOUND4args under construction.
class Compound {
 public:
  using Arguments = std::function<void(xdr::Writer&)>;

  explicit Compound(std::string tag = "", uint32_t minor_version = 1)
      : tag_(std::move(tag)), minor_version_(minor_version) {}

  // Any operation; `arguments` writes what follows the opcode.
  Compound& Op(uint32_t opcode, const Arguments& arguments = {});

  Compound& Sequence(std::string_view session, uint32_t slot, uint32_t sequence_id,
                     bool cache_this = false);
  Compound& PutRootFh() { return Op(nfs4::OP_PUTROOTFH); }
  Compound& PutFh(std::string_view handle);
  Compound& GetFh() { return Op(nfs4::OP_GETFH); }
  Compound& SaveFh() { return Op(nfs4::OP_SAVEFH); }
  Compound& RestoreFh() { return Op(nfs4::OP_RESTOREFH); }
  Compound& Lookup(std::string_view name);
  Compound& Remove(std::string_view name);
  Compound& MakeDirectory(std::string_view name);
  Compound& GetAttr(const std::vector<uint32_t>& attributes);
  // OPEN4_CREATE UNCHECKED4 with mode 0644, CLAIM_NULL, for reading and writing.
  Compound& OpenCreate(uint64_t client_id, std::string_view owner, std::string_view name);
  Compound& Close(std::string_view stateid);
  Compound& Read(std::string_view stateid, uint64_t offset, uint32_t count);
  Compound& Write(std::string_view stateid, uint64_t offset, std::string_view data);

  // To lie about the number of operations.
  Compound& DeclareOperations(uint32_t count);

  std::string Build() const;

 private:
  std::string tag_;
  uint32_t minor_version_;
  uint32_t count_ = 0;
  std::optional<uint32_t> declared_;
  std::string operations_;
};

// COMPOUND4res, read from the front.
struct CompoundReply {
  explicit CompoundReply(std::string bytes);

  nfs4::nfsstat4 status;
  std::string tag;
  uint32_t count;
  xdr::Reader results;  // behind the count

  // The status of the next result, which must be of that operation; its body follows.
  nfs4::nfsstat4 Next(uint32_t opcode);
  // Skips the results of operations without a body, and SEQUENCE, up to that operation; it must
  // have gone well.
  void SkipTo(uint32_t opcode);
};

class NfsClient {
 public:
  explicit NfsClient(uint16_t port, const std::string& address = "127.0.0.1");

  RpcClient& rpc() { return *rpc_; }
  // Another connection, to this or another front-end; the session stays.
  void Reconnect(uint16_t port, const std::string& address = "127.0.0.1");

  // Sends and waits. Stops the test program unless the RPC succeeds.
  CompoundReply Run(const Compound& compound);
  void Send(const Compound& compound);
  CompoundReply Receive();

  // EXCHANGE_ID, CREATE_SESSION and RECLAIM_COMPLETE as this owner.
  void Mount(const std::string& owner = "test client");
  Compound ExchangeId(const std::string& owner, uint64_t verifier) const;
  Compound CreateSession(uint32_t max_response_bytes = (1 << 20) + 4096,
                         uint32_t max_cached_bytes = 4096, uint32_t max_operations = 16,
                         uint32_t slots = 8) const;

  // A COMPOUND that begins with SEQUENCE, the next one of that slot.
  Compound InSession(uint32_t slot = 0, bool cache_this = true);
  // The same again: a retry.
  Compound Again(uint32_t slot = 0, bool cache_this = true) const;

  uint64_t client_id = 0;
  uint32_t create_sequence_id = 0;
  std::string session_id;
  std::vector<uint32_t> sequence_ids;  // last used, by slot

 private:
  std::unique_ptr<RpcClient> rpc_;
};

}  // namespace openefs::testing
