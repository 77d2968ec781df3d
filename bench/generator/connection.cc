#include "bench/generator/connection.h"

#include <algorithm>
#include <boost/asio/buffer.hpp>
#include <boost/asio/connect.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/write.hpp>
#include <utility>

#include "absl/container/flat_hash_map.h"
#include "absl/strings/str_cat.h"
#include "common/check.h"
#include "server/rpc/message.h"
#include "server/rpc/record_assembler.h"

namespace openefs::bench {
namespace {

using boost::asio::ip::tcp;

// After all addresses refused: soon enough for a front-end that restarts, seldom enough to be no
// load.
constexpr int64_t kFirstPauseNs = 10'000'000;
constexpr int64_t kLastPauseNs = 1'000'000'000;

// A server's largest reply: a READ of a MiB and what is around it, and room for servers with more.
constexpr uint32_t kMaxReplyBytes = 4u << 20;

constexpr uint32_t kMaxVerifierBytes = 400;  // RFC 5531 8.2

// RFC 5531 section 9: what stands before the results.
absl::Status DecodeReplyHeader(xdr::Reader& reader) {
  if (reader.U32() != 1) return absl::InternalError("the server sent a call instead of a reply");
  const uint32_t reply_stat = reader.U32();
  if (reply_stat != 0) {
    return absl::InternalError(absl::StrCat("the server denied the RPC call (reject_stat ",
                                            reader.U32(), ", ", reader.U32(),
                                            "): check the export's security flavor and --uid"));
  }
  reader.U32();
  reader.Opaque(kMaxVerifierBytes);
  const uint32_t accept_stat = reader.U32();
  if (!reader.ok()) return absl::InternalError("a reply that is no RPC message");
  if (accept_stat == 0) return absl::OkStatus();
  return absl::InternalError(
      absl::StrCat("the server does not take this call (accept_stat ", accept_stat, ")"));
}

}  // namespace

struct Connection::Impl {
  Impl(Connection* owner_in, Loop* loop_in, std::vector<Address> addresses_in, size_t first)
      : owner(owner_in),
        loop(loop_in),
        addresses(std::move(addresses_in)),
        next_address(first),
        socket(loop->context()) {}

  struct ConnectAwaiter;

  bool Enqueue(Call* call);
  void FlushSoon();
  void Flush();
  void Read();
  void Received(size_t bytes);
  void Dispatch(Buffer record);
  void Close(const absl::Status& reason);

  Connection* const owner;
  Loop* const loop;
  const std::vector<Address> addresses;
  size_t next_address;
  tcp::socket socket;

  bool open = false;
  bool connecting = false;
  std::vector<std::coroutine_handle<>> waiting_for_connect;
  absl::Status connect_status;

  // Counts connections: what an earlier one still has to say is not heard any more.
  uint64_t epoch = 0;
  std::unique_ptr<rpc::RecordAssembler> assembler;  // of the present connection
  absl::flat_hash_map<uint32_t, Call*> calls;
  int64_t last_received_ns = 0;
  BufferList outgoing;
  BufferList sending;
  bool flush_posted = false;
  bool writing = false;
};

// Waits for one connection attempt.
struct Connection::Impl::ConnectAwaiter {
  Impl* impl;
  tcp::endpoint endpoint;
  boost::system::error_code error;

  bool await_ready() const { return false; }
  void await_suspend(std::coroutine_handle<> awaiter) {
    impl->socket.async_connect(endpoint, [this, awaiter](const boost::system::error_code& result) {
      error = result;
      awaiter.resume();
    });
  }
  boost::system::error_code await_resume() const { return error; }
};

Connection::Connection(Loop* loop, std::vector<Address> addresses, size_t first)
    : impl_(std::make_unique<Impl>(this, loop, std::move(addresses), first)) {}

Connection::~Connection() = default;

namespace {

// Waits until the attempt that is under way has ended.
struct WaitForConnect {
  std::vector<std::coroutine_handle<>>* waiting;
  bool await_ready() const { return false; }
  void await_suspend(std::coroutine_handle<> awaiter) { waiting->push_back(awaiter); }
  void await_resume() {}
};

}  // namespace

Task<absl::Status> Connection::Connect(int64_t deadline_ns) {
  Impl& impl = *impl_;
  if (impl.open) co_return absl::OkStatus();
  if (impl.connecting) {
    co_await WaitForConnect{&impl.waiting_for_connect};
    co_return impl.connect_status;
  }
  impl.connecting = true;
  int64_t pause_ns = kFirstPauseNs;
  for (size_t tried = 0; !impl.open; ++tried) {
    const Address& address = impl.addresses[impl.next_address++ % impl.addresses.size()];
    boost::system::error_code error;
    const auto ip = boost::asio::ip::make_address(address.host, error);
    if (!error) {
      impl.socket = tcp::socket(impl.loop->context());
      error = co_await Impl::ConnectAwaiter{&impl, tcp::endpoint(ip, address.port), {}};
    }
    if (!error) {
      impl.socket.set_option(tcp::no_delay(true), error);
      ++connects_;
      ++impl.epoch;
      impl.open = true;
      impl.assembler = std::make_unique<rpc::RecordAssembler>(kMaxReplyBytes);
      impl.last_received_ns = NowNs();
      impl.connect_status = absl::OkStatus();
      break;
    }
    impl.connect_status = absl::UnavailableError(
        absl::StrCat("cannot connect to ", address.host, ":", address.port, ": ", error.message()));
    if (NowNs() >= deadline_ns) break;
    if ((tried + 1) % impl.addresses.size() != 0) continue;
    co_await impl.loop->SleepFor(pause_ns);
    pause_ns = std::min(2 * pause_ns, kLastPauseNs);
  }
  impl.connecting = false;
  if (impl.open) impl.Read();
  const absl::Status status = impl.connect_status;
  for (const auto waiting : std::exchange(impl.waiting_for_connect, {})) waiting.resume();
  co_return status;
}

bool Connection::Call::await_suspend(std::coroutine_handle<> awaiter) {
  awaiter_ = awaiter;
  return connection_->impl_->Enqueue(this);
}

// False: answered at once.
bool Connection::Impl::Enqueue(Call* call) {
  if (!open) {
    call->answer_.status = absl::UnavailableError("not connected");
    return false;
  }
  if (calls.empty()) last_received_ns = NowNs();
  calls[call->xid_] = call;
  outgoing.push_back(Buffer::FromString(std::move(call->header_)));
  outgoing.insert(outgoing.end(), call->body_.begin(), call->body_.end());
  FlushSoon();
  return true;
}

// Not at once: whatever else this turn of the loop sends goes into the same write.
void Connection::Impl::FlushSoon() {
  if (flush_posted || writing) return;
  flush_posted = true;
  boost::asio::post(loop->context(), [this] {
    flush_posted = false;
    Flush();
  });
}

void Connection::Impl::Flush() {
  if (!open || writing || outgoing.empty()) return;
  writing = true;
  sending = std::exchange(outgoing, {});
  std::vector<boost::asio::const_buffer> pieces;
  pieces.reserve(sending.size());
  for (const Buffer& piece : sending) pieces.emplace_back(piece.data(), piece.size());
  boost::asio::async_write(socket, pieces,
                           [this, at = epoch](const boost::system::error_code& error, size_t) {
                             if (at != epoch) return;
                             writing = false;
                             sending.clear();
                             if (error)
                               return Close(absl::UnavailableError("send: " + error.message()));
                             Flush();
                           });
}

void Connection::Impl::Read() {
  const std::span<char> space = assembler->Space();
  socket.async_read_some(boost::asio::buffer(space.data(), space.size()),
                         [this, at = epoch](const boost::system::error_code& error, size_t bytes) {
                           if (at != epoch) return;
                           if (error) {
                             return Close(absl::UnavailableError("receive: " + error.message()));
                           }
                           Received(bytes);
                         });
}

void Connection::Impl::Received(size_t bytes) {
  last_received_ns = NowNs();
  assembler->Received(bytes);
  const uint64_t at = epoch;
  while (std::optional<Buffer> record = assembler->Next()) {
    Dispatch(*std::move(record));
    if (at != epoch || !open) return;  // whoever was resumed has closed it
  }
  if (assembler->failed()) return Close(absl::UnavailableError("a reply with bad record marks"));
  Read();
}

void Connection::Impl::Dispatch(Buffer record) {
  xdr::Reader reader(std::move(record));
  const uint32_t xid = reader.U32();
  const auto found = calls.find(xid);
  if (found == calls.end()) return;
  Call* call = found->second;
  calls.erase(found);
  call->answer_.status = DecodeReplyHeader(reader);
  call->answer_.results = std::move(reader);
  call->awaiter_.resume();
}

void Connection::Impl::Close(const absl::Status& reason) {
  if (!open) return;
  open = false;
  ++epoch;
  writing = false;
  boost::system::error_code ignored;
  socket.close(ignored);
  outgoing.clear();
  // `sending` stays until the next write: the kernel call that used it has ended, its handler has
  // not.
  auto lost = std::exchange(calls, {});
  for (const auto& [xid, call] : lost) {
    call->answer_.status = reason;
    call->awaiter_.resume();
  }
}

void Connection::Close(const std::string& reason) { impl_->Close(absl::UnavailableError(reason)); }

void Connection::CheckSilence(int64_t silence_ns) {
  if (impl_->calls.empty() || NowNs() - impl_->last_received_ns < silence_ns) return;
  impl_->Close(absl::UnavailableError("the server did not answer"));
}

}  // namespace openefs::bench
