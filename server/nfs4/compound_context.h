// What the operations of one COMPOUND share while it runs.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "proto/metadata.pb.h"
#include "proto/nfs4.h"

namespace openefs::datastore {
class BlobClient;
}
namespace openefs::metadata {
class MetadataClient;
}

namespace openefs::nfs4 {

class FrontEnd;         // server/nfs4/front_end.h
class FileHandleCodec;  // server/nfs4/file_handle.h
struct Session;         // server/nfs4/session_table.h
struct ConnectionInfo;  // server/nfs4/front_end.h

// One coroutine at a time; lives as long as the COMPOUND.
class CompoundContext {
 public:
  FrontEnd* front_end = nullptr;

  pb::Credentials credentials;

  // From SEQUENCE; null and 0 before it and in COMPOUNDs without one.
  std::shared_ptr<Session> session;
  uint32_t slot = 0;
  uint32_t sequence_id = 0;
  uint64_t client_id = 0;

  // The registers after the last run, as the metadata left them. What the pseudo root needs is
  // decided on these: file system 0 is the pseudo root.
  pb::Registers registers;

  // Set by operations whose reply is limited by the session (READDIR, READ).
  uint32_t max_reply_bytes = 0;
};

}  // namespace openefs::nfs4
