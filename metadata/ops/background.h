// What the operations of background work share.
#pragma once

#include <algorithm>

#include "absl/strings/string_view.h"
#include "metadata/store/keys.h"

namespace openefs::metadata {

// Items in one request or reply: some 100 KiB of keys.
inline constexpr int kMaxBatch = 4'096;

// 0 asks for as many as there may be.
inline int BatchLimit(uint32_t asked) {
  return asked == 0 ? kMaxBatch : static_cast<int>(std::min<uint32_t>(asked, kMaxBatch));
}

// Keys come back from outside: whether this is one of `tag`'s, with `id_bytes` of ids.
inline bool IsQueueKey(absl::string_view key, KeyTag tag, size_t id_bytes) {
  const std::string prefix = keys::Prefix(keys::kClusterWide, tag);
  return key.size() == prefix.size() + id_bytes && key.substr(0, prefix.size()) == prefix;
}

}  // namespace openefs::metadata
