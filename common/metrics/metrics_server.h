// Serves /metrics of the whole process over HTTP.
#pragma once

#include <memory>
#include <string>

#include "absl/status/statusor.h"

namespace openefs::metrics {

class MetricsServer {
 public:
  virtual ~MetricsServer() = default;  // stops serving
  virtual int port() const = 0;
};

// `address` is host:port with a numeric host (port 0: any). UNAVAILABLE in one clear line when it
// cannot be bound.
absl::StatusOr<std::unique_ptr<MetricsServer>> StartMetricsServer(const std::string& address);

}  // namespace openefs::metrics
