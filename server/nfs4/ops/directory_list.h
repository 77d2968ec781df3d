// The entries of a READDIR reply, as many as its limits take (RFC 8881 18.23.2).
#pragma once

#include <cstdint>

#include "proto/metadata.pb.h"
#include "server/nfs4/attributes.h"
#include "server/xdr/xdr.h"

namespace openefs::nfs4 {

class Services;  // server/nfs4/services.h

// The cookie verifier, the end of the list and eof: a READDIR4resok without entries.
inline constexpr uint32_t kEmptyListBytes = 8 + 4 + 4;

// Cookie, length of the name and one to four bytes of it: what dircount counts.
inline constexpr uint32_t kLeastNameBytes = 8 + 4 + 4;

// The least an entry with these attributes can take.
uint32_t LeastEntryBytes(const Services& services, const AttributeMask& wanted);

class DirectoryList {
 public:
  struct Limits {
    uint32_t max_count;  // of all bytes of READDIR4resok
    uint32_t dir_count;  // of names and cookies; 0: no limit
  };
  enum class Added { kYes, kFull, kFailed };

  // The cookie verifier has been written, nothing else.
  DirectoryList(const Services& services, const AttributeMask& wanted, Limits limits,
                xdr::Writer& writer);

  // kFull: nothing was written. kFailed: the attributes are missing and the client did not ask for
  // rdattr_error to hear of it.
  Added Add(const pb::ReadDirResult::Entry& entry);
  void End(bool end_of_directory);

 private:
  bool EncodeEntry(const pb::ReadDirResult::Entry& entry);

  const Services& services_;
  const AttributeMask wanted_;
  const bool needs_attributes_;
  const Limits limits_;
  xdr::Writer& writer_;
  const size_t begin_;  // of READDIR4resok
  uint64_t name_bytes_ = 0;
  bool empty_ = true;
};

}  // namespace openefs::nfs4
