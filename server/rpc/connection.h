// One TCP connection of an RPC client: several requests at once, replies in the order in which they
// are ready, everything bounded.
#pragma once

#include <boost/asio/awaitable.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/steady_timer.hpp>
#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <string>

#include "common/buffer.h"
#include "server/rpc/byte_budget.h"
#include "server/rpc/program.h"
#include "server/rpc/record_assembler.h"

namespace openefs::rpc {

struct ConnectionLimits {
  uint32_t max_record_bytes = kMaxRecordBytes;
  // Requests whose reply is not sent yet; then reading stops. A session has 64 slots, a client may
  // have a few sessions.
  size_t max_requests = 128;
  // Bytes of those requests: 30 WRITEs of a MiB.
  size_t max_request_bytes = size_t{32} << 20;
  // Replies that wait for a slow reader: 64 slots full of READs of a MiB, and some. Beyond it the
  // connection is closed.
  size_t max_reply_bytes = size_t{96} << 20;
  // A record that does not become complete, a reply that the client does not take, a connection
  // that never sent a record, and one without any request.
  int64_t record_timeout_ms = 60'000;
  int64_t write_timeout_ms = 60'000;
  int64_t first_record_timeout_ms = 60'000;
  int64_t idle_timeout_ms = 20 * 60'000;  // clients send SEQUENCE every lease while mounted
};

// What all connections of a server share.
struct ConnectionEnvironment {
  Program* program = nullptr;
  ConnectionLimits limits;
  const std::function<int64_t()> now_ms;
  ByteBudget* budget = nullptr;
};

// On the thread of its socket's executor only. Lives until it is closed and the last of its
// requests has ended.
class Connection : public std::enable_shared_from_this<Connection> {
 public:
  Connection(boost::asio::ip::tcp::socket socket, const ConnectionEnvironment& environment,
             uint64_t id);
  ~Connection();

  // Serves until the peer closes, breaks the rules, or Close or Drain is called.
  void Start();

  // Takes no more requests and closes once those under way are answered.
  void Drain();

  // Closes now. Requests under way run on, unanswered.
  void Close();

  // Closes if one of the time limits is over. To be called every second or so.
  void CheckTimeouts();

 private:
  boost::asio::awaitable<void> ReadLoop();
  boost::asio::awaitable<void> ReadMore();
  void NoteRecordBegin();
  bool StartRequest(Buffer record);
  boost::asio::awaitable<void> RunRequest(uint32_t xid, Call call);
  void Answer(const std::string& header, const BufferList& body, size_t record_bytes);
  void EndRequest(size_t record_bytes);
  bool Full() const;
  boost::asio::awaitable<void> WaitForRoom();
  boost::asio::awaitable<void> WaitForBudget();
  void Charge();
  void Write();
  void Written(const boost::system::error_code& error, size_t bytes);
  void CloseIfDrained();

  struct Reply {
    BufferList pieces;
    size_t bytes = 0;
    size_t record_bytes = 0;  // of its request
  };

  const ConnectionEnvironment& environment_;
  const uint64_t id_;
  boost::asio::ip::tcp::socket socket_;
  boost::asio::steady_timer room_;  // cancelled when a request ends
  bool held_up_ = false;            // waits for the server's budget
  int64_t charged_bytes_ = 0;       // to the server's budget
  RecordAssembler assembler_;

  size_t turn_bytes_ = 0;  // read since others of this thread had their turn
  size_t requests_ = 0;    // under way, or answered but not sent
  size_t request_bytes_ = 0;
  std::deque<Reply> replies_;  // not handed to the socket yet
  size_t reply_bytes_ = 0;
  std::deque<Reply> sending_;
  bool writing_ = false;
  bool draining_ = false;
  bool closed_ = false;

  bool seen_record_ = false;
  int64_t last_record_ms_ = 0;   // or when the connection began
  int64_t record_began_ms_ = 0;  // 0: none is incomplete
  int64_t write_began_ms_ = 0;
};

}  // namespace openefs::rpc
