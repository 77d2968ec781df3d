// Front-ends over one LocalMetadata and MemoryBlobs, on any port of 127.0.0.1.
#pragma once

#include <memory>
#include <vector>

#include "common/check.h"
#include "common/clock.h"
#include "server/nfs4/front_end.h"
#include "server/rpc/io_pool.h"
#include "tests/server/support/local_metadata.h"
#include "tests/server/support/memory_blobs.h"

namespace openefs::testing {

struct LocalServer {
  explicit LocalServer(size_t count = 1, std::vector<std::string> file_systems = {"fs-1"},
                       int64_t lease_ms = 60'000)
      : metadata(std::make_unique<LocalMetadata>(file_systems)) {
    for (size_t i = 0; i < count; ++i) {
      nfs4::FrontEndOptions options;
      options.listen = {"127.0.0.1"};
      options.port = 0;
      options.lease_ms = lease_ms;
      options.stop_grace_ms = 200;
      front_ends.push_back(
          nfs4::MakeFrontEnd(options, &io, metadata.get(), &blobs, SystemClock::Get()));
      OPENEFS_CHECK(front_ends.back()->Start().ok());
    }
  }
  ~LocalServer() {
    for (auto& front_end : front_ends) front_end->Stop();
    metadata = nullptr;  // ends what it holds
    front_ends.clear();
  }

  uint16_t port(size_t index = 0) const { return front_ends[index]->port(); }

  rpc::IoPool io{2};
  MemoryBlobs blobs;
  std::unique_ptr<LocalMetadata> metadata;
  std::vector<std::unique_ptr<nfs4::FrontEnd>> front_ends;
};

}  // namespace openefs::testing
