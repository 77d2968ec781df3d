// Operations of the workload as segments of the metadata service, and its answers as outcomes.
#pragma once

#include <string>

#include "common/ids.h"
#include "proto/metadata.pb.h"
#include "tests/sim/checkers/history.h"

namespace openefs::sim {

inline constexpr uint64_t kFileSystem = 0x51;

// The two directories of a domain.
struct Domain {
  GroupId group = kFirstNamespaceGroup;
  pb::FileRef directories[2];
};

// What a slot holds open.
struct HeldOpen {
  pb::FileRef file;
  pb::Stateid open;
  pb::Stateid lock;
  bool locked = false;
};

std::string NameOf(uint32_t name);

// Without a slot. `held` is looked at by operations on handles.
pb::SegmentRequest MakeSegment(const Op& op, const Domain& domain, const HeldOpen& held);

Outcome OutcomeOf(const Op& op, const pb::SegmentResponse& response);

// Keeps what a successful open, lock, unlock or close changes.
void UpdateHeld(const Op& op, const pb::SegmentResponse& response, HeldOpen* held);

bool OnlyReads(OpKind kind);

}  // namespace openefs::sim
