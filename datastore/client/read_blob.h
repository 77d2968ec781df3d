// Reading a range of a blob.
#pragma once

#include <cstdint>
#include <memory>

#include "absl/functional/any_invocable.h"
#include "datastore/client/fetch_fragments.h"

namespace openefs::datastore {

// Bytes [offset, offset + length) of the blob; the caller has checked that they are within it and
// that length is not 0.
void ReadBlob(std::shared_ptr<ClientContext> context, const CodeSpec& spec, BlobId id,
              uint32_t blob_length, uint32_t offset, uint32_t length,
              absl::AnyInvocable<void(absl::StatusOr<BufferList>)> done);

}  // namespace openefs::datastore
