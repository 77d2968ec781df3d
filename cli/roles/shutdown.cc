#include "cli/roles/shutdown.h"

#include <unistd.h>

#include <csignal>

namespace openefs::cli {
namespace {

sigset_t ShutdownSignals() {
  sigset_t signals;
  sigemptyset(&signals);
  sigaddset(&signals, SIGTERM);
  sigaddset(&signals, SIGINT);
  return signals;
}

}  // namespace

void BlockShutdownSignals() {
  sigset_t blocked = ShutdownSignals();
  sigaddset(&blocked, SIGPIPE);
  pthread_sigmask(SIG_BLOCK, &blocked, nullptr);
}

void WaitForShutdownSignal() {
  const sigset_t signals = ShutdownSignals();
  int signal = 0;
  sigwait(&signals, &signal);
}

bool ShutdownSignalled() {
  const sigset_t signals = ShutdownSignals();
  const timespec at_once = {};
  return sigtimedwait(&signals, nullptr, &at_once) > 0;
}

void RequestShutdown() { ::kill(::getpid(), SIGTERM); }

}  // namespace openefs::cli
