// Serves /metrics of the whole process over HTTP.
#pragma once

#include <memory>
#include <string>

#include "absl/status/statusor.h"

namespace openefs::metrics {

class MetricsServer {
 public:
  virtual ~MetricsServer() = default;
};

// `address` is host:port. An address that cannot be bound is one clear error.
absl::StatusOr<std::unique_ptr<MetricsServer>> StartMetricsServer(const std::string& address);

}  // namespace openefs::metrics
