// SIGTERM and SIGINT as something to wait for.
#pragma once

namespace openefs::cli {

// Call once, before any thread is started: blocks the two signals in every thread, and SIGPIPE.
void BlockShutdownSignals();

// Returns when one of them has come.
void WaitForShutdownSignal();

// Whether SIGTERM or SIGINT has come since the last call; does not wait.
bool ShutdownSignalled();

// Makes WaitForShutdownSignal return, as SIGTERM does. Any thread.
void RequestShutdown();

}  // namespace openefs::cli
