// One NFSv4.1 client with one session: slots, retries, recovery. A request is answered, or fails
// after the patience is over; whoever runs it sees neither lost connections nor NFS4ERR_DELAY.
//
// A lost connection: the request is sent again with the same slot and sequence id, so the server
// does it once (RFC 8881 2.10.6.2). A lost session: another is made, the client id too if the
// server does not know it any more, and the request is run again as a new one; opens and locks are
// then gone, which their next use shows. On its loop's thread only.
#pragma once

#include <coroutine>
#include <cstdint>
#include <deque>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "bench/generator/compound.h"
#include "bench/generator/connection.h"
#include "bench/generator/recorder.h"
#include "bench/generator/task.h"

namespace openefs::bench {

struct SessionOptions {
  std::string owner;                     // co_ownerid: unique among all clients of the server
  uint64_t verifier = 0;                 // co_verifier: this run of it
  std::string credentials;               // AuthSys()
  uint32_t slots = 1;                    // requests under way at once
  uint32_t max_io_bytes = 1u << 20;      // largest READ and WRITE wanted
  int64_t patience_ns = 60'000'000'000;  // of one request, all retries together
};

class Session {
 public:
  // All outlive it.
  Session(Loop* loop, Connection* connection, Recorder* recorder, SessionOptions options);

  // Connects and makes client id and session. Before anything else.
  Task<absl::Status> Open();

  // Runs a request behind a SEQUENCE; waits for a slot if all are taken.
  Task<Reply> Run(Request request);

  // Gives session and client id back, as far as the server lets it.
  Task<void> Close();

  // Keeps the lease if nothing was sent for so long.
  Task<void> RenewIfIdle(int64_t idle_ns);

  Loop* loop() const { return loop_; }
  Connection* connection() const { return connection_; }
  Recorder* recorder() const { return recorder_; }
  uint64_t client_id() const { return client_id_; }
  uint32_t slots() const { return static_cast<uint32_t>(sequence_ids_.size()); }
  // What fits into one READ or WRITE.
  uint32_t max_io_bytes() const { return max_io_bytes_; }
  // Changes when the server has forgotten this client's opens and locks.
  uint64_t incarnation() const { return incarnation_; }

 private:
  struct Slot {
    uint32_t number = 0;
    uint64_t generation = 0;
  };
  struct WaitForSlot;
  // What to do about an answer.
  enum class Verdict { kDone, kLater, kAgain, kSessionLost, kConnectionUnbound };

  Task<Reply> RunOnce(const Request& request, int64_t deadline_ns);
  Task<Reply> SendOnSlot(const Request& request, Slot slot, int64_t deadline_ns);
  Task<Reply> SendBare(Request request, int64_t deadline_ns);
  Task<Connection::Answer> SendUntilAnswered(const Request& request, const Slot* slot,
                                             int64_t deadline_ns);
  Task<absl::Status> Recover(uint64_t lost_generation, int64_t deadline_ns);
  Task<absl::Status> Establish(int64_t deadline_ns);
  Task<absl::Status> ExchangeId(int64_t deadline_ns);
  Task<Reply> CreateSession(int64_t deadline_ns);
  Task<absl::Status> FirstRequest(int64_t deadline_ns);
  absl::Status Adopt(Reply created);
  bool DecodeSequence(Reply& reply, Slot slot);
  static Verdict Judge(const Reply& reply);
  bool TakeSlot(Slot* slot);
  void ReleaseSlot(Slot slot);
  void WakeWaiters(size_t most);

  Loop* const loop_;
  Connection* const connection_;
  Recorder* const recorder_;
  const SessionOptions options_;

  uint64_t client_id_ = 0;
  uint32_t create_sequence_id_ = 0;
  uint64_t incarnation_ = 0;

  // The current session; the generation counts them.
  uint64_t generation_ = 0;
  std::string session_id_;
  std::vector<uint32_t> sequence_ids_;  // last used, by slot
  std::vector<uint32_t> free_slots_;
  uint32_t max_io_bytes_ = 0;
  int64_t last_sent_ns_ = 0;

  bool recovering_ = false;
  absl::Status broken_;                          // not OK: no session and no hope of one
  std::deque<std::coroutine_handle<>> waiting_;  // for a slot, or for the recovery's end
};

}  // namespace openefs::bench
