// What the generator's files contain: bytes that follow from the file and the offset, so that any
// range can be written without being made and checked by one comparison. Incompressible.
#pragma once

#include <cstdint>
#include <string_view>

#include "common/buffer.h"

namespace openefs::bench {

// The bytes [offset, offset + length) of file `seed`, by reference. Any thread.
BufferList PatternBytes(uint64_t seed, uint64_t offset, uint64_t length);

// Whether `bytes` is what file `seed` holds from `offset` on.
bool IsPattern(uint64_t seed, uint64_t offset, std::string_view bytes);

}  // namespace openefs::bench
