// A blocking RPC client over TCP, for tests: sends what it is told to, well-formed or not.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "server/xdr/xdr.h"

namespace openefs::testing {

class RpcClient {
 public:
  // Stops the test program if nobody listens there.
  explicit RpcClient(uint16_t port, const std::string& address = "127.0.0.1");
  ~RpcClient();
  RpcClient(const RpcClient&) = delete;
  RpcClient& operator=(const RpcClient&) = delete;

  // Bytes as they are. False: the peer has closed.
  bool SendBytes(std::string_view bytes);
  // One record in one fragment.
  bool SendRecord(std::string_view record);
  // The next record, all fragments; nothing if the peer closed, or sent nothing for ten seconds.
  std::optional<std::string> ReceiveRecord();
  // Whether the peer closes within ten seconds; what it sends before is dropped.
  bool PeerCloses();
  // No more will be sent.
  void CloseSending();

  // A call with AUTH_SYS credentials of this user; the xid counts up.
  std::string Call(uint32_t program, uint32_t version, uint32_t procedure,
                   std::string_view arguments);
  uint32_t last_xid() const { return xid_; }

  uint32_t uid = 0;
  uint32_t gid = 0;

 private:
  bool ReceiveExactly(char* to, size_t bytes);

  int socket_ = -1;
  uint32_t xid_ = 1000;
};

// The bytes of everything written.
std::string BytesOf(xdr::Writer& writer);

}  // namespace openefs::testing
