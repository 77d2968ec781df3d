// SipHash-2-4: a keyed MAC of short messages for a few tens of nanoseconds (Aumasson, Bernstein:
// "SipHash: a fast short-input PRF", 2012).
#pragma once

#include <array>
#include <cstdint>
#include <string_view>

namespace openefs::nfs4 {

using SipHashKey = std::array<uint64_t, 2>;

// The first 16 bytes of `bytes` as little-endian words; missing ones count as zero.
SipHashKey MakeSipHashKey(std::string_view bytes);

uint64_t SipHash24(const SipHashKey& key, std::string_view message);

}  // namespace openefs::nfs4
