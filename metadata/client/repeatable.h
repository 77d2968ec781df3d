// Which mutations may be sent again when nobody knows whether they took effect.
#pragma once

#include "proto/metadata.pb.h"

namespace openefs::metadata {

// Whether a request whose outcome is unknown may simply be sent again: it has a slot, changes
// nothing, or all its mutations have the same effect and an answer of the same meaning when they
// run twice.
bool MayRepeat(const pb::SegmentRequest& request);

}  // namespace openefs::metadata
