// Fetches what a client that reads a file from front to back will ask for next, while it is still
// busy with what it has.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <utility>
#include <vector>

#include "common/mutex.h"
#include "proto/metadata.pb.h"

namespace openefs::datastore {
class BlobClient;
}
namespace openefs::metadata {
class MetadataClient;
}

namespace openefs::nfs4 {

// Who reads a file where. Any number of clients and files: a new one takes the place of an old one
// that happens to be kept in the same slot, which then begins anew.
class ReadStreams {
 public:
  ReadStreams() : streams_(kStreams) {}

  struct Range {
    uint64_t begin = 0;
    uint64_t end = 0;
  };
  // A READ of [offset, offset + count) of the file; `reader` tells clients and files apart. What
  // is worth fetching now, if the file is read from front to back: never the same bytes twice.
  std::optional<Range> OnRead(uint64_t reader, uint64_t offset, uint32_t count);

  // How far ahead of a reader: what a disk gives in the time of a few round trips.
  static constexpr uint64_t kWindowBytes = uint64_t{4} << 20;

 private:
  static constexpr size_t kStreams = 4096;   // that read at the same time; 32 bytes each
  static constexpr uint32_t kRunBefore = 2;  // READs that follow each other before it is a habit
  struct Stream {
    uint64_t reader = 0;
    uint64_t next = 0;   // where the next READ begins, if it follows
    uint64_t asked = 0;  // up to where it was fetched ahead
    uint32_t run = 0;    // READs that followed their predecessor
  };
  std::vector<Stream> streams_;
};

// Any thread.
class ReadAhead {
 public:
  // Both outlive it.
  ReadAhead(metadata::MetadataClient* metadata, datastore::BlobClient* blobs);
  ~ReadAhead();  // waits for its calls to the metadata

  // A READ of [offset, offset + count) of `file`, which goes on behind it. Never waits.
  void OnRead(const pb::Credentials& credentials, uint64_t client_id, const pb::FileRef& file,
              uint64_t offset, uint32_t count);

 private:
  void Fetch(std::unique_ptr<pb::SegmentRequest> request);
  void Take(const pb::SegmentResponse& response);

  metadata::MetadataClient* const metadata_;
  datastore::BlobClient* const blobs_;

  Mutex mu_;
  CondVar idle_;
  ReadStreams streams_ ABSL_GUARDED_BY(mu_);
  size_t calls_ ABSL_GUARDED_BY(mu_) = 0;  // to the metadata, under way
};

}  // namespace openefs::nfs4
