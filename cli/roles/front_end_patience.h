// How long a front-end waits for the services behind it before its client hears NFS4ERR_DELAY.
#pragma once

#include "datastore/client/blob_client.h"
#include "metadata/client/metadata_client.h"

namespace openefs::cli {

// A Linux client repeats a request after 60 s (timeo=600), but one that hears NFS4ERR_DELAY pauses
// for up to 15 s. So most outages are better waited for here, with room left for the answer.
inline constexpr int64_t kFrontEndPatienceMs = 40'000;

inline metadata::MetadataClientOptions FrontEndMetadataOptions() {
  metadata::MetadataClientOptions options;
  options.patience_ms = kFrontEndPatienceMs;
  return options;
}

inline datastore::BlobClientOptions FrontEndBlobOptions() {
  datastore::BlobClientOptions options;
  options.patience_ms = kFrontEndPatienceMs;
  return options;
}

}  // namespace openefs::cli
