// One TCP connection to the server: many calls under way at once, replies in any order, requests of
// one turn of the loop in one write. On its loop's thread only.
#pragma once

#include <coroutine>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "bench/generator/loop.h"
#include "bench/generator/task.h"
#include "common/buffer.h"
#include "server/xdr/xdr.h"

namespace openefs::bench {

struct Address {
  std::string host;  // an IP address
  uint16_t port = 2049;
};

class Connection {
 public:
  // `addresses` of front-ends of one server, tried in turn from number `first` on.
  Connection(Loop* loop, std::vector<Address> addresses, size_t first);
  ~Connection();  // after its loop has ended

  // Connects if it is not connected, trying each address in turn, with pauses, until
  // `deadline_ns`. Several may wait for it at once.
  Task<absl::Status> Connect(int64_t deadline_ns);

  // One call: sends `header` and `body` (record mark included) and waits for the reply to `xid`.
  // `results` then stands behind the RPC header. UNAVAILABLE: not connected, or the connection was
  // lost before the reply came; INTERNAL: the server refused the call as RPC.
  struct Answer {
    absl::Status status;
    xdr::Reader results{Buffer()};
  };
  class Call {
   public:
    Call(Connection* connection, uint32_t xid, std::string header, const BufferList& body)
        : connection_(connection), xid_(xid), header_(std::move(header)), body_(body) {}
    bool await_ready() const { return false; }
    bool await_suspend(std::coroutine_handle<> awaiter);
    Answer await_resume() { return std::move(answer_); }

   private:
    friend class Connection;
    Connection* connection_;
    uint32_t xid_;
    std::string header_;
    const BufferList& body_;
    std::coroutine_handle<> awaiter_;
    Answer answer_;
  };
  Call Send(uint32_t xid, std::string header, const BufferList& body) {
    return {this, xid, std::move(header), body};
  }
  uint32_t NextXid() { return ++last_xid_; }

  // Calls under way end with UNAVAILABLE.
  void Close(const std::string& reason);

  // Closes if calls are under way and nothing has come for `silence_ns`.
  void CheckSilence(int64_t silence_ns);

  uint64_t connects() const { return connects_; }

 private:
  struct Impl;
  const std::unique_ptr<Impl> impl_;
  uint32_t last_xid_ = 0;
  uint64_t connects_ = 0;
};

}  // namespace openefs::bench
