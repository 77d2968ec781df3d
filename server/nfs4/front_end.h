// One NFS front-end: listens, decodes, runs COMPOUNDs against the metadata and the data nodes.
// Holds nothing that must survive it.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "common/clock.h"
#include "server/rpc/io_pool.h"

namespace openefs::datastore {
class BlobClient;
}
namespace openefs::metadata {
class MetadataClient;
}

namespace openefs::nfs4 {

struct FrontEndOptions {
  std::vector<std::string> listen;  // IP addresses, at least one
  uint16_t port = 2049;             // 0: any, see FrontEnd::port()
  std::string az;                   // for logs and metrics
  int64_t lease_ms = 60'000;        // the same everywhere in a cluster
  // Start waits this long for the cluster's first answer, Stop for requests under way.
  int64_t start_patience_ms = 30'000;
  int64_t stop_grace_ms = 5'000;
  // Of connections to clients, see rpc::ServerOptions. Clients are as near as a mount target is to
  // them; there is nothing to pace there, and pacing costs more than sending.
  std::string tcp_congestion_control = "cubic";
};

class FrontEnd {
 public:
  // Waits for every request to be gone. A request that is still in the metadata client's or blob
  // client's hands after Stop ends when that client is destroyed: destroy them first.
  virtual ~FrontEnd() = default;

  // Binds, waits until the cluster answers, then serves. One clear error for an address that
  // cannot be used. Clients that come while it waits are queued by the kernel.
  virtual absl::Status Start() = 0;

  // Refuses new connections, lets requests under way finish (stop_grace_ms), closes the rest.
  // Neither the metadata client nor the blob client is called afterwards.
  virtual void Stop() = 0;

  virtual uint16_t port() const = 0;  // of the first address
};

// `io`, `metadata`, `blobs` and `clock` outlive it, with the exception above.
std::unique_ptr<FrontEnd> MakeFrontEnd(FrontEndOptions options, rpc::IoPool* io,
                                       metadata::MetadataClient* metadata,
                                       datastore::BlobClient* blobs, const Clock* clock);

}  // namespace openefs::nfs4
