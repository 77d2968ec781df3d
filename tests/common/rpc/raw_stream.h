// A client of no manners, to speak to a server of common/rpc.
#pragma once

#include <string>

#include "absl/status/status.h"

namespace openefs::rpc {

// Sends one batch of raw bytes; returns what the stream ends with.
absl::StatusCode SendRaw(const std::string& address, const std::string& bytes,
                         const std::string& method = "/openefs.Roles/Exchange");

}  // namespace openefs::rpc
