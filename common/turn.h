// What is better done once, at the end of a batch of work, than after each piece of it: writing to
// a peer, waking a thread.
#pragma once

#include <cstddef>
#include <memory>
#include <vector>

namespace openefs {

class Deferred {
 public:
  virtual ~Deferred() = default;
  virtual void OnTurnEnd() = 0;
};

// What one turn ends at most. Ends lead to further ends (news for an event loop, its messages, the
// answers), and while other threads add to them that could go on for ever.
inline constexpr size_t kMaxDeferred = 64;

// A batch of work on one thread, for as long as it lives: put it around what takes in several
// messages at once. It ends with OnTurnEnd of all that was deferred, so nothing that this needs may
// be locked then, and what waits for an effect of it must not wait inside. A turn inside another
// one is part of that.
class Turn {
 public:
  enum class Thread {
    kBusy,  // others wait for what it does: it wakes threads for what is not its own
    kLent,  // it brings what others have to act on, and may do that for them at the end of its turn
  };

  explicit Turn(Thread thread = Thread::kBusy);
  ~Turn();
  Turn(const Turn&) = delete;
  Turn& operator=(const Turn&) = delete;

  // What is deferred by an OnTurnEnd comes after it. False: this thread is in no turn, or in one
  // that has ended kMaxDeferred pieces already, so that the caller has to do it now, or have
  // another thread do it.
  [[nodiscard]] static bool Defer(const std::shared_ptr<Deferred>& what);

  // Whether this thread is in a turn, the outermost of which lends it.
  static bool ThreadIsLent();

 private:
  const Thread thread_;
  const bool outermost_;
  std::vector<std::shared_ptr<Deferred>> deferred_;  // of the outermost; at most kMaxDeferred
  size_t ended_ = 0;                                 // of them
};

}  // namespace openefs
