// Calls between roles. One long-lived bidirectional gRPC stream per pair of peers carries batches
// of small frames: a header (an encoded protobuf) and, beside it, payload bytes that are never
// copied into a protobuf. Either end may call the other over it: the one that connected by its
// Channel, the other one by Origin::Back. Inside one process the same interfaces are implemented by
// direct calls above this layer.
//
// Sizes and back-pressure: at most kMaxCallsInFlight calls and kMaxBytesInFlight payload bytes per
// end of a stream; beyond them Call answers RESOURCE_EXHAUSTED at once. One-way messages that wait
// for the stream are bounded too; beyond that they are dropped and counted
// (openefs_peer_dropped_total).
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <string>

#include "absl/functional/any_invocable.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "common/buffer.h"

namespace openefs::rpc {

// Every call between roles. Numbers are on the wire: never reuse one.
enum class Method : uint32_t {
  kMetadataExecute = 1,   // SegmentRequest -> SegmentResponse
  kMetadataStatus = 2,    // empty -> MetadataStatus
  kMetadataCheck = 3,     // StoreCheckRequest -> StoreCheckStatus
  kMetadataAdmin = 4,     // MetadataAdminRequest -> empty
  kRaftMessages = 10,     // RaftMessageBatch, one way
  kPeerHello = 11,        // PeerHello -> PeerWelcome
  kSnapshot = 12,         // SnapshotRequest + bytes -> SnapshotReply
  kPutFragment = 20,      // PutFragmentRequest + bytes -> empty
  kGetFragment = 21,      // GetFragmentRequest -> GetFragmentResponse + bytes
  kDeleteFragments = 22,  // DeleteFragmentsRequest -> empty
  kListFragments = 23,    // ListFragmentsRequest -> ListFragmentsResponse
  kDataNodeStatus = 24,   // empty -> DataNodeStatus
};

// For logs and metrics; "unknown" for other numbers.
const char* MethodName(Method method);

inline constexpr size_t kMaxCallsInFlight = 4096;
inline constexpr size_t kMaxBytesInFlight = size_t{256} << 20;

// One-way messages that wait for a stream. Raft bounds its flight per follower and group to 16 MiB
// in 256 messages, which go out as one batch per turn of a node's loop: this is a few busy groups
// ahead of a peer that hardly reads. More would only be older when it gets there. A lone message
// may be as large as any frame.
inline constexpr size_t kMaxOneWayBytes = size_t{64} << 20;
inline constexpr size_t kMaxOneWayMessages = 1024;

struct Message {
  std::string header;
  BufferList payload;
};

using ReplyCallback = absl::AnyInvocable<void(absl::StatusOr<Message>)>;

// Must call `reply` exactly once, from any thread, now or later; one that is destroyed uncalled
// answers INTERNAL. One-way messages get one that does nothing. Runs on a thread of the stream:
// must not block, or nothing more is read from that peer.
using Handler = absl::AnyInvocable<void(Message request, ReplyCallback reply) const>;
using Handlers = std::map<Method, Handler>;

// Somebody who can be called. Any thread; nothing here blocks.
class Caller {
 public:
  virtual ~Caller() = default;

  // `done` runs exactly once, on a thread of the stream, never inside Call, and must not block. A
  // reply that does not come within timeout_ms is DEADLINE_EXCEEDED; timeout_ms is at least 1.
  // UNAVAILABLE: there is no connection, or it broke. INVALID_ARGUMENT: the request is larger than
  // kMaxFrameBytes (frame.h). Other codes are the handler's.
  virtual void Call(Method method, Message request, int64_t timeout_ms, ReplyCallback done) = 0;

  // One way: no reply, dropped silently when there is no connection, or no room. For Raft, which
  // repeats itself.
  virtual void Send(Method method, Message request) = 0;

  // Whether there is a connection now.
  virtual bool IsUp() const = 0;
};

// One peer. Connects by itself, reconnects with back-off; calls made while there is no connection,
// or under way when it breaks, end with UNAVAILABLE (the peer may or may not have acted on the
// latter: see WasNotSent). A new channel gets a second to make its first connection before its
// calls end so. Calls under way end with CANCELLED when it is destroyed, before that returns, and
// no callback runs after it (but one that destroys its own channel is finished first). Hold no lock
// then that a callback takes.
class Channel : public Caller {};

// The stream on which a message came, at the end that did not connect.
class Origin {
 public:
  virtual ~Origin() = default;
  // Never used again in this process.
  virtual uint64_t id() const = 0;
  // The way back to whoever connected, for as long as the stream lasts; it does not connect again.
  // Callbacks of calls that are under way may run after it is destroyed.
  virtual std::shared_ptr<Caller> Back() = 0;
};

// True for the error of a call that surely never left this process, so the peer did not act on it.
bool WasNotSent(const absl::Status& status);

// `address` is host:port. `handlers` serve what the peer asks back over the same stream; it may
// have no more than kMaxCallsInFlight requests and kMaxBytesInFlight bytes of them unanswered. They
// may run for a moment after the channel is destroyed.
std::shared_ptr<Channel> MakeChannel(std::string address,
                                     std::shared_ptr<const Handlers> handlers = nullptr);

// Serves the methods registered with it. Register everything before Start.
class Server {
 public:
  using Handler = rpc::Handler;
  // The same for one that wants to know where a message comes from; `origin` is valid in the call.
  using OriginHandler =
      absl::AnyInvocable<void(Message request, ReplyCallback reply, Origin& origin) const>;

  virtual ~Server() = default;  // stops: see Stop
  virtual void Register(Method method, Handler handler) = 0;
  virtual void RegisterWithOrigin(Method method, OriginHandler handler) = 0;

  // Listens on host:port (port 0: any, see port()). An unusable address is an error in one line.
  virtual absl::Status Start(const std::string& address) = 0;
  virtual int port() const = 0;

  // Streams that clients have open now.
  virtual size_t streams() const = 0;

  // Refuses new calls, waits for the handlers' replies that are under way, then returns. Not from a
  // handler. Clients that keep their streams open do not hold it up.
  virtual void Stop() = 0;
};

std::unique_ptr<Server> MakeServer();

}  // namespace openefs::rpc
