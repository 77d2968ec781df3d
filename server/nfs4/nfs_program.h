// NFS version 4 as an RPC program (RFC 8881 16): NULL and COMPOUND.
#pragma once

#include "server/nfs4/services.h"
#include "server/rpc/program.h"

namespace openefs::nfs4 {

class NfsProgram final : public rpc::Program {
 public:
  explicit NfsProgram(Services* services) : services_(services) {}

  uint32_t number() const override { return kNfsProgram; }
  uint32_t version() const override { return kNfsVersion; }
  boost::asio::awaitable<rpc::Results> Run(rpc::Call call) override;

 private:
  Services* const services_;
};

}  // namespace openefs::nfs4
