// Listens and serves one program to any number of connections.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "common/clock.h"
#include "server/rpc/connection.h"
#include "server/rpc/io_pool.h"
#include "server/rpc/program.h"

namespace openefs::rpc {

inline constexpr char kSystemCongestionControl[] = "system";

struct ServerOptions {
  std::vector<std::string> addresses;  // IP addresses, at least one
  uint16_t port = 0;                   // 0: any
  size_t max_connections = 25'000;     // as EFS; one more is accepted and closed at once
  ConnectionLimits limits;
  // Of all connections together: requests, replies, records that are being received. Beyond it
  // nothing more is read until some of it is done.
  size_t max_held_bytes = size_t{256} << 20;
  // TCP congestion control of every connection, as the kernel names it; kSystemCongestionControl:
  // what the system uses. One that the kernel does not have is logged, and the system's used.
  std::string congestion_control = kSystemCongestionControl;
};

class TcpServer {
 public:
  // `io` and `clock` outlive it.
  TcpServer(ServerOptions options, IoPool* io, const Clock* clock);
  // Waits until the last request has ended.
  ~TcpServer();

  // Binds and listens; clients may connect, nobody answers them yet. One clear error for an address
  // that cannot be used.
  absl::Status Listen();

  // Begins to accept. `program` outlives the server.
  void Serve(Program* program);

  // Accepts no more, lets requests under way end for up to `grace_ms`, closes all connections.
  void Stop(int64_t grace_ms);

  uint16_t port() const;  // after Listen

 private:
  struct Impl;
  const std::shared_ptr<Impl> impl_;
};

}  // namespace openefs::rpc
