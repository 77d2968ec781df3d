// A broken promise, thrown by whoever sees it; it ends the run.
#pragma once

#include <stdexcept>

namespace openefs::sim {

struct Violation : std::runtime_error {
  using std::runtime_error::runtime_error;
};

}  // namespace openefs::sim
