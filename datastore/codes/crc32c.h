// CRC32C (Castagnoli) as iSCSI and ext4 compute it; about 50 GB/s per core.
#pragma once

#include <isa-l/crc.h>

#include <cstddef>
#include <cstdint>
#include <string_view>

#include "common/buffer.h"

namespace openefs::datastore {

// Continues `crc`, the CRC32C of what came before; 0 for the first bytes.
inline uint32_t Crc32c(std::string_view bytes, uint32_t crc = 0) {
  // The library takes a mutable pointer and an int length; it writes nothing.
  auto* data = reinterpret_cast<unsigned char*>(const_cast<char*>(bytes.data()));
  return ~crc32_iscsi(data, static_cast<int>(bytes.size()), ~crc);
}

inline uint32_t Crc32c(const BufferList& list) {
  uint32_t crc = 0;
  for (const Buffer& piece : list) crc = Crc32c(piece.view(), crc);
  return crc;
}

}  // namespace openefs::datastore
