// What a front-end gives to the NFS operations it runs: the services behind it and what the cluster
// agreed on. The same for every connection.
#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "absl/base/thread_annotations.h"
#include "common/clock.h"
#include "common/ids.h"
#include "common/mutex.h"
#include "proto/metadata.pb.h"
#include "server/nfs4/file_handle.h"
#include "server/nfs4/gated_clients.h"
#include "server/nfs4/read_ahead.h"

namespace openefs::nfs4 {

class SessionTable;  // server/nfs4/session_table.h

// Any thread. `clock` outlives it; `metadata` and `blobs` until Close.
class Services {
 public:
  Services(metadata::MetadataClient* metadata, datastore::BlobClient* blobs, const Clock* clock,
           int64_t lease_ms, pb::ClusterState cluster);
  ~Services();

  metadata::MetadataClient& metadata() { return metadata_; }
  datastore::BlobClient& blobs() { return blobs_; }
  ReadAhead& read_ahead() { return read_ahead_; }
  const Clock& clock() const { return *clock_; }
  SessionTable& sessions() const { return *sessions_; }

  // From here on calls of metadata() and blobs() end with CANCELLED; those under way go on.
  void Close() { gate_.Close(); }

  // FATTR4_LEASE_TIME, in whole seconds, at least 1.
  uint32_t lease_seconds() const;
  int64_t lease_ms() const { return lease_ms_; }

  // From ClusterSecrets; constant for the cluster's life.
  const FileHandleCodec& handles() const { return handles_; }
  const std::string& write_verifier() const { return secrets_.write_verifier(); }  // 8 bytes
  const std::string& server_owner() const { return secrets_.server_owner(); }

  // The cluster as last heard of; what is returned never changes.
  std::shared_ptr<const pb::ClusterState> cluster() const ABSL_LOCKS_EXCLUDED(mu_);
  void SetCluster(pb::ClusterState cluster) ABSL_LOCKS_EXCLUDED(mu_);

 private:
  CallGate gate_;
  GatedMetadata metadata_;
  GatedBlobs blobs_;
  ReadAhead read_ahead_{&metadata_, &blobs_};

  // Constant.
  const Clock* const clock_;
  const int64_t lease_ms_;
  const pb::ClusterSecrets secrets_;
  const FileHandleCodec handles_;
  const std::unique_ptr<SessionTable> sessions_;

  mutable Mutex mu_;
  std::shared_ptr<const pb::ClusterState> cluster_ ABSL_GUARDED_BY(mu_);
};

}  // namespace openefs::nfs4
