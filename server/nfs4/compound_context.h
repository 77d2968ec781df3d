// What the operations of one COMPOUND share while it runs.
#pragma once

#include <cstdint>
#include <memory>

#include "proto/metadata.pb.h"
#include "proto/nfs4.h"

namespace openefs::nfs4 {

class Services;  // server/nfs4/services.h
struct Session;  // server/nfs4/session_table.h

// One coroutine at a time; lives as long as the COMPOUND.
struct CompoundContext {
  Services* services = nullptr;

  pb::Credentials credentials;

  // From SEQUENCE; null and 0 before it and in COMPOUNDs without one.
  std::shared_ptr<Session> session;
  uint32_t slot = 0;
  uint32_t sequence_id = 0;
  uint64_t client_id = 0;

  // The registers after the last run, as the metadata left them; sent with the next. A local
  // operation may change them.
  pb::Registers registers;

  // Whether the current (saved) file is the pseudo root, which lists the file systems where there
  // are several and which the metadata does not know. Unlike the registers they are true while
  // planning too: operations that set, save or restore the current file keep them, in Plan or in a
  // local Finish.
  bool current_is_pseudo_root = false;
  bool saved_is_pseudo_root = false;

  // Whether the operation being planned or finished is the COMPOUND's last.
  bool is_last = false;

  // Whether the COMPOUND is a retry of one that came further than the run being finished. What this
  // run decided then may look different by now, for what it led to.
  bool overtaken = false;

  // How many bytes the operation being planned or finished may still put into the reply after its
  // status; the session's limit (RFC 8881 2.10.6.4). READ and READDIR cut what they return to it.
  uint32_t max_reply_bytes = 0;
};

}  // namespace openefs::nfs4
