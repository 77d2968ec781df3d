// What the calls between roles are counted by.
#pragma once

#include <cstdint>

#include "absl/status/status.h"
#include "common/rpc/channel.h"

namespace openefs::rpc {

// A call this process made: how it ended and how long it took.
void CountCall(Method method, absl::StatusCode code, int64_t duration_ns);
// A one-way message this process sent, or dropped for want of a connection or room.
void CountOneWay(Method method, bool sent);
// A call or one-way message this process was asked to serve. `method` may be any number.
void CountServed(Method method);

}  // namespace openefs::rpc
