// The beats of a node, as production has them.
#pragma once

#include <cstdint>

namespace openefs::sim {

inline constexpr int64_t kTickMs = 50;
inline constexpr int64_t kTendMs = 200;

}  // namespace openefs::sim
