// Sessions and slots as far as this front-end knows them (RFC 8881 2.10.6). What must survive is
// in the metadata: sessions themselves, and per slot the results of mutations. This is a cache in
// front of it, and the place where two copies of one request meet.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/container/flat_hash_map.h"
#include "absl/functional/any_invocable.h"
#include "common/buffer.h"
#include "common/clock.h"
#include "common/limits.h"
#include "common/mutex.h"
#include "proto/metadata.pb.h"
#include "proto/nfs4.h"

namespace openefs::nfs4 {

// A whole COMPOUND4res as it was sent.
using ReplyBody = std::shared_ptr<const BufferList>;
// Called once with the reply of the request that was joined, on the thread that finished it.
using Joiner = absl::AnyInvocable<void(ReplyBody)>;

// Copies of one request that may wait for it; one more hears NFS4ERR_DELAY. A client sends a copy
// per broken connection, so more than a few mean somebody is playing.
inline constexpr size_t kMaxJoiners = 8;
// Kept replies of all sessions together; beyond it a retry runs again (which is always right).
inline constexpr size_t kMaxKeptReplyBytes = size_t{64} << 20;
// Sessions held; one beyond is served, but not remembered between its requests.
inline constexpr size_t kMaxCachedSessions = 100'000;

struct SlotRequest {
  uint32_t slot = 0;
  uint32_t sequence_id = 0;
  uint64_t fingerprint = 0;    // of the request's bytes: tells a false retry
  uint64_t connection_id = 0;  // unique in the process
};

struct SlotVerdict {
  enum class Kind {
    kExecute,  // run it and call End
    kReplay,   // answer `reply`
    kRunning,  // a copy of it runs: Join
    kError,    // SEQUENCE fails with `status`
  };
  Kind kind;
  nfsstat4 status = NFS4_OK;
  ReplyBody reply = nullptr;
};

// How a request that was to be executed ended.
enum class SlotOutcome {
  kDone,       // the sequence id is used up
  kUndecided,  // SEQUENCE itself failed: the same sequence id is expected again
  kForget,     // the metadata contradicted what is known here about the slot
};

// Bytes of kept replies, shared by a table and its sessions.
using KeptBytes = std::shared_ptr<std::atomic<size_t>>;

// Any thread.
struct Session {
 public:
  // `fresh`: made by a CREATE_SESSION that this front-end answered, so every slot is at 0.
  // Otherwise nothing is known about the slots.
  Session(std::string id, uint64_t client_id, const pb::ChannelAttributes& fore, bool fresh,
          KeptBytes kept_bytes);
  ~Session();

  // Constant.
  const std::string id;  // NFS4_SESSIONID_SIZE bytes
  const uint64_t client_id;
  const uint32_t max_request_bytes;
  const uint32_t max_response_bytes;
  const uint32_t max_cached_response_bytes;
  const uint32_t max_operations;
  const uint32_t slots;

  // RFC 8881 2.10.6.1 and 18.46.
  SlotVerdict Begin(const SlotRequest& request) ABSL_LOCKS_EXCLUDED(mu_);

  // True: `joiner` will be called with the reply of the copy that runs. False: none runs any more,
  // Begin again.
  bool Join(const SlotRequest& request, Joiner joiner) ABSL_LOCKS_EXCLUDED(mu_);

  // Ends what Begin said to execute and calls the joiners with `reply`. With `keep`, `reply` also
  // answers later retries, if there is room.
  void End(uint32_t slot, SlotOutcome outcome, ReplyBody reply, bool keep) ABSL_LOCKS_EXCLUDED(mu_);

  // Monotonic time of the last request; and whether there was one since this was last asked.
  std::atomic<int64_t> last_used_ms{0};
  std::atomic<bool> used{false};
  // Set when the metadata no longer knows it: connections drop their pointers.
  std::atomic<bool> gone{false};

 private:
  struct Slot {
    bool known = false;  // sequence_id is that of the last request
    bool running = false;
    uint32_t sequence_id = 0;
    uint64_t fingerprint = 0;
    uint64_t connection_id = 0;  // 0: the slot was not used yet
    ReplyBody kept;
    size_t kept_bytes = 0;
    // While running: what to go back to unless it ends with kDone; and who waits for it.
    struct {
      bool known = false;
      uint32_t sequence_id = 0;
      uint64_t fingerprint = 0;
      uint64_t connection_id = 0;
    } previous;
    std::vector<Joiner> joiners;
  };

  SlotVerdict BeginRunning(const Slot& slot, const SlotRequest& request)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  SlotVerdict BeginIdle(Slot& slot, const SlotRequest& request) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  SlotVerdict Start(Slot& slot, const SlotRequest& request) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  void Keep(Slot& slot, ReplyBody reply) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  void DropKept(Slot& slot) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);

  const bool fresh_;
  const KeptBytes kept_bytes_;

  Mutex mu_;
  // Grows up to `slots` as they are used: clients use low numbers first.
  std::vector<Slot> table_ ABSL_GUARDED_BY(mu_);
};

// Any thread.
class SessionTable {
 public:
  explicit SessionTable(const Clock* clock) : clock_(clock) {}

  // Null if it is not known here; the metadata may still know it. Counts as a use.
  std::shared_ptr<Session> Find(std::string_view id) ABSL_LOCKS_EXCLUDED(mu_);

  // The session under that id from now on: the one that is already there, if any.
  std::shared_ptr<Session> Insert(std::string_view id, uint64_t client_id,
                                  const pb::ChannelAttributes& fore, bool fresh)
      ABSL_LOCKS_EXCLUDED(mu_);

  // The metadata says that it is gone.
  void Erase(std::string_view id) ABSL_LOCKS_EXCLUDED(mu_);

  // Notes a request on a session found earlier.
  void Touch(Session& session) const;

  // Sessions with a request since the last call: whose leases to renew, and who to ask about.
  std::vector<std::shared_ptr<Session>> TakeUsed() ABSL_LOCKS_EXCLUDED(mu_);

  // Forgets sessions without a request for this long. What they kept is gone, a retry runs again.
  void EvictIdle(int64_t idle_ms) ABSL_LOCKS_EXCLUDED(mu_);

  size_t size() const ABSL_LOCKS_EXCLUDED(mu_);

 private:
  const Clock* const clock_;
  const KeptBytes kept_bytes_ = std::make_shared<std::atomic<size_t>>(0);

  mutable Mutex mu_;
  absl::flat_hash_map<std::string, std::shared_ptr<Session>> sessions_ ABSL_GUARDED_BY(mu_);
};

}  // namespace openefs::nfs4
