// CHECK: an invariant that holds in production too. A broken one stops the process with the place
// and the condition, because going on would spread the damage.
#pragma once

namespace openefs::internal {
[[noreturn]] void CheckFailed(const char* file, int line, const char* condition);
}  // namespace openefs::internal

#define OPENEFS_CHECK(condition)                                        \
  do {                                                                  \
    if (!(condition)) [[unlikely]]                                      \
      ::openefs::internal::CheckFailed(__FILE__, __LINE__, #condition); \
  } while (false)
