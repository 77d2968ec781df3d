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

// A batch of work on one thread, for as long as it lives: put it around what takes in several
// messages at once. It ends with OnTurnEnd of all that was deferred, so nothing that this needs may
// be locked then, and what waits for an effect of it must not wait inside. A turn inside another
// one is part of that.
class Turn {
 public:
  Turn();
  ~Turn();
  Turn(const Turn&) = delete;
  Turn& operator=(const Turn&) = delete;

  // What is deferred by an OnTurnEnd comes after it. False: this thread is in no turn, so that the
  // caller has to do it now.
  [[nodiscard]] static bool Defer(const std::shared_ptr<Deferred>& what);

 private:
  const bool outermost_;
  std::vector<std::shared_ptr<Deferred>> deferred_;  // of the outermost; a handful
  size_t ended_ = 0;                                 // of them
};

}  // namespace openefs
