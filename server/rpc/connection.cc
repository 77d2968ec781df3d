#include "server/rpc/connection.h"

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/buffer.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/asio/write.hpp>
#include <chrono>
#include <exception>
#include <utility>
#include <vector>

#include "common/log.h"
#include "common/metrics/metrics.h"

namespace openefs::rpc {
namespace {

using boost::asio::awaitable;
constexpr auto kUseTuple = boost::asio::as_tuple(boost::asio::use_awaitable);

// One connection reads this much before the others of its thread get their turn.
constexpr size_t kTurnBytes = 256 << 10;

// One write takes about this much, in at most this many pieces (as many as Asio passes to the
// kernel at once).
constexpr size_t kWriteBytes = 1 << 20;
constexpr size_t kWritePieces = 64;

// What a request is taken to need for its reply until that is there: more than most, less than a
// READ of a MiB.
constexpr size_t kReplyEstimate = 64 << 10;

// How often who is held up by the server's budget looks again.
constexpr auto kBudgetPause = std::chrono::milliseconds(50);

constexpr uint32_t kLastFragmentBit = 0x80000000;

struct ConnectionMetrics {
  metrics::Gauge& requests = metrics::GetGauge(
      "openefs_rpc_requests_in_flight", "RPC requests whose reply is not sent yet, with the sent");
  metrics::Counter& received =
      metrics::GetCounter("openefs_rpc_received_bytes_total", "Bytes of RPC requests");
  metrics::Counter& sent =
      metrics::GetCounter("openefs_rpc_sent_bytes_total", "Bytes of RPC replies");
  metrics::Counter& malformed = metrics::GetCounter(
      "openefs_rpc_malformed_total", "Connections closed because the bytes made no sense");
  metrics::Counter& timed_out = metrics::GetCounter(
      "openefs_rpc_timed_out_total", "Connections closed because the peer was too slow or idle");
};

ConnectionMetrics& Metrics() {
  static ConnectionMetrics metrics;
  return metrics;
}

std::string WithRecordMark(const std::string& header, size_t body_bytes) {
  const auto mark = static_cast<uint32_t>(header.size() + body_bytes) | kLastFragmentBit;
  std::string bytes;
  bytes.reserve(4 + header.size());
  for (int shift = 24; shift >= 0; shift -= 8) bytes += static_cast<char>(mark >> shift);
  return bytes + header;
}

}  // namespace

Connection::Connection(boost::asio::ip::tcp::socket socket,
                       const ConnectionEnvironment& environment, uint64_t id)
    : environment_(environment),
      id_(id),
      socket_(std::move(socket)),
      room_(socket_.get_executor()),
      assembler_(environment.limits.max_record_bytes),
      last_record_ms_(environment.now_ms()) {}

Connection::~Connection() {
  Metrics().requests.Add(-static_cast<int64_t>(requests_));
  environment_.budget->Change(-charged_bytes_);
}

void Connection::Start() {
  boost::system::error_code ignored;  // a connection that is gone already shows that when read
  socket_.set_option(boost::asio::ip::tcp::no_delay(true), ignored);
  socket_.set_option(boost::asio::socket_base::keep_alive(true), ignored);
  socket_.non_blocking(true, ignored);
  boost::asio::co_spawn(
      socket_.get_executor(),
      [self = shared_from_this()]() -> awaitable<void> { co_await self->ReadLoop(); },
      [self = shared_from_this()](std::exception_ptr failure) {
        if (failure) self->Close();  // out of memory
      });
}

awaitable<void> Connection::ReadLoop() {
  while (!closed_ && !draining_) {
    while (auto record = assembler_.Next()) {
      if (!StartRequest(std::move(*record))) assembler_.Fail();
      Charge();
      while (Full() && !closed_) co_await WaitForRoom();
      if (closed_ || draining_) co_return;
    }
    if (assembler_.failed()) {
      Metrics().malformed.Add();
      Close();
    } else {
      NoteRecordBegin();
      Charge();
      // A large record that has begun is finished: that, or its time limit, gives its bytes back.
      const bool may_begin = assembler_.held_bytes() > 0 || !environment_.budget->Spent();
      co_await (may_begin ? ReadMore() : WaitForBudget());
    }
  }
}

awaitable<void> Connection::ReadMore() {
  const std::span<char> space = assembler_.Space();
  boost::system::error_code error;
  const size_t bytes = socket_.read_some(boost::asio::buffer(space.data(), space.size()), error);
  if (bytes > 0) {
    assembler_.Received(bytes);
    Metrics().received.Add(bytes);
    turn_bytes_ += bytes;
    if (turn_bytes_ < kTurnBytes) co_return;
    co_await boost::asio::post(socket_.get_executor(), boost::asio::use_awaitable);
  } else if (error == boost::asio::error::would_block) {
    assembler_.ReleaseIfIdle();
    co_await socket_.async_wait(boost::asio::ip::tcp::socket::wait_read, kUseTuple);
  } else if (error == boost::asio::error::eof) {
    Drain();  // it may have closed its half only
  } else {
    Close();
  }
  turn_bytes_ = 0;
}

// Who has nothing to say does not keep looking.
awaitable<void> Connection::WaitForBudget() {
  co_await socket_.async_wait(boost::asio::ip::tcp::socket::wait_read, kUseTuple);
  held_up_ = true;
  while (!closed_ && !draining_ && environment_.budget->Spent()) {
    room_.expires_after(kBudgetPause);
    co_await room_.async_wait(kUseTuple);
  }
  held_up_ = false;
  if (record_began_ms_ != 0) record_began_ms_ = environment_.now_ms();  // the wait was our doing
}

void Connection::Charge() {
  const auto held = static_cast<int64_t>(assembler_.held_bytes() + request_bytes_ + reply_bytes_ +
                                         requests_ * kReplyEstimate);
  if (held != charged_bytes_) {
    environment_.budget->Change(held - std::exchange(charged_bytes_, held));
  }
}

// A record that has begun must become complete in time.
void Connection::NoteRecordBegin() {
  if (!assembler_.in_record()) {
    record_began_ms_ = 0;
  } else if (record_began_ms_ == 0) {
    record_began_ms_ = environment_.now_ms();
  }
}

// False: it is nothing that could be answered.
bool Connection::StartRequest(Buffer record) {
  CallHeader header;
  const CallFault fault = DecodeCall(record.view(), &header);
  if (fault == CallFault::kMalformed) return false;
  last_record_ms_ = environment_.now_ms();
  record_began_ms_ = 0;
  seen_record_ = true;
  ++requests_;
  request_bytes_ += record.size();
  Metrics().requests.Add(1);

  const Program& program = *environment_.program;
  const auto accept = [&](AcceptStatus status) {
    Answer(EncodeAccepted(header.xid, status, program.version()), {}, record.size());
  };
  if (fault != CallFault::kNone) {
    Answer(EncodeDenied(header.xid, fault), {}, record.size());
  } else if (header.program != program.number()) {
    accept(AcceptStatus::kProgramUnavailable);
  } else if (header.version != program.version()) {
    accept(AcceptStatus::kProgramMismatch);
  } else if (header.procedure == 0) {
    accept(AcceptStatus::kSuccess);  // NULL, as every program has it
  } else {
    Call call{header.procedure, std::move(header.credentials),
              record.Slice(header.arguments_at, record.size()), id_, record.size()};
    boost::asio::co_spawn(
        socket_.get_executor(),
        [self = shared_from_this(), xid = header.xid, call = std::move(call)]() mutable
        -> awaitable<void> { co_await self->RunRequest(xid, std::move(call)); },
        boost::asio::detached);
  }
  return true;
}

awaitable<void> Connection::RunRequest(uint32_t xid, Call call) {
  const size_t record_bytes = call.record_bytes;
  Results results;
  try {
    results = co_await environment_.program->Run(std::move(call));
  } catch (const std::exception& failure) {  // out of memory, most likely
    Log(LogLevel::kError, "server.request_failed", {{"what", failure.what()}});
    results = {AcceptStatus::kSystemError};
  }
  static const BufferList kNoBody;
  const BufferList& body = results.body == nullptr ? kNoBody : *results.body;
  Answer(EncodeAccepted(xid, results.status, environment_.program->version()), body, record_bytes);
}

void Connection::Answer(const std::string& header, const BufferList& body, size_t record_bytes) {
  if (closed_) return EndRequest(record_bytes);
  Reply& reply = replies_.emplace_back();
  reply.record_bytes = record_bytes;
  reply.pieces.reserve(1 + body.size());
  reply.pieces.push_back(Buffer::FromString(WithRecordMark(header, TotalBytes(body))));
  reply.pieces.insert(reply.pieces.end(), body.begin(), body.end());
  reply.bytes = TotalBytes(reply.pieces);
  reply_bytes_ += reply.bytes;
  Charge();
  if (reply_bytes_ > environment_.limits.max_reply_bytes) {
    Metrics().timed_out.Add();
    return Close();
  }
  if (writing_) return;
  // Requests that end in the same turn of the thread go out in one write.
  writing_ = true;
  write_began_ms_ = environment_.now_ms();
  boost::asio::post(socket_.get_executor(), [self = shared_from_this()] { self->Write(); });
}

void Connection::Write() {
  if (closed_) return;
  std::vector<boost::asio::const_buffer> pieces;
  size_t bytes = 0;
  while (!replies_.empty() && bytes < kWriteBytes && pieces.size() < kWritePieces) {
    Reply& reply = sending_.emplace_back(std::move(replies_.front()));
    replies_.pop_front();
    bytes += reply.bytes;
    for (const Buffer& piece : reply.pieces) pieces.emplace_back(piece.data(), piece.size());
  }
  write_began_ms_ = environment_.now_ms();
  boost::asio::async_write(
      socket_, std::move(pieces),
      [self = shared_from_this()](const boost::system::error_code& error, size_t written) {
        self->Written(error, written);
      });
}

void Connection::Written(const boost::system::error_code& error, size_t bytes) {
  Metrics().sent.Add(bytes);
  for (const Reply& reply : std::exchange(sending_, {})) {
    reply_bytes_ -= reply.bytes;
    EndRequest(reply.record_bytes);
  }
  if (closed_) return;
  if (error) return Close();
  writing_ = !replies_.empty();
  if (writing_) return Write();
  CloseIfDrained();
}

void Connection::EndRequest(size_t record_bytes) {
  --requests_;
  request_bytes_ -= record_bytes;
  Metrics().requests.Add(-1);
  Charge();
  if (!Full()) room_.cancel();
}

bool Connection::Full() const {
  return requests_ >= environment_.limits.max_requests ||
         request_bytes_ >= environment_.limits.max_request_bytes;
}

awaitable<void> Connection::WaitForRoom() {
  room_.expires_at(boost::asio::steady_timer::time_point::max());
  co_await room_.async_wait(kUseTuple);
  if (record_began_ms_ != 0) record_began_ms_ = environment_.now_ms();  // the wait was our doing
}

void Connection::Drain() {
  draining_ = true;
  room_.cancel();
  boost::system::error_code ignored;  // wakes the reader; fails only if the peer is gone
  socket_.shutdown(boost::asio::ip::tcp::socket::shutdown_receive, ignored);
  CloseIfDrained();
}

void Connection::CloseIfDrained() {
  if (draining_ && requests_ == 0) Close();
}

void Connection::Close() {
  if (std::exchange(closed_, true)) return;
  draining_ = true;
  for (const Reply& reply : std::exchange(replies_, {})) {
    reply_bytes_ -= reply.bytes;
    EndRequest(reply.record_bytes);
  }
  room_.cancel();
  boost::system::error_code ignored;  // there is nothing else that could be done with it
  socket_.close(ignored);
}

void Connection::CheckTimeouts() {
  if (closed_) return;
  const ConnectionLimits& limits = environment_.limits;
  const int64_t now = environment_.now_ms();
  const int64_t quiet_ms = now - last_record_ms_;
  const bool idle = requests_ == 0 && quiet_ms > (seen_record_ ? limits.idle_timeout_ms
                                                               : limits.first_record_timeout_ms);
  const bool half_record = !Full() && !held_up_ && record_began_ms_ != 0 &&
                           now - record_began_ms_ > limits.record_timeout_ms;
  const bool not_taken = writing_ && now - write_began_ms_ > limits.write_timeout_ms;
  if (!idle && !half_record && !not_taken) return;
  Metrics().timed_out.Add();
  Close();
}

}  // namespace openefs::rpc
