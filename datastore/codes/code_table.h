// The erasure codes there are: a constant table, and the promises each entry must keep.
#pragma once

#include <cstdint>

#include "proto/cluster.pb.h"

namespace openefs::datastore {

inline constexpr int kAzs = 3;
inline constexpr int kMaxDataFragments = 5;
inline constexpr int kMaxFragments = 9;

// One Reed-Solomon code: k data and m parity fragments, n / kAzs of them in each AZ.
struct CodeSpec {
  pb::Code code;
  const char* name;
  int k;
  int m;

  constexpr int n() const { return k + m; }
  constexpr int PerAz() const { return n() / kAzs; }
  // Durable fragments that acknowledge a write while all nodes are there: losing any AZ leaves k.
  constexpr int WriteQuorum() const { return k + PerAz(); }
  // The least that acknowledges a write while nodes are gone: losing one more of them leaves k.
  constexpr int DegradedQuorum() const { return k + 1; }
  constexpr uint32_t AllMask() const { return (uint32_t{1} << n()) - 1; }
};

inline constexpr CodeSpec kCodeTable[] = {
    {pb::RS_3_3, "rs3+3", 3, 3},  // the default: six nodes; survives an AZ and a node
    {pb::RS_5_4, "rs5+4", 5, 4},  // nine nodes; survives an AZ and a node
    {pb::RS_4_2, "rs4+2", 4, 2},  // a lab that wants less; survives an AZ
    {pb::RS_1_2, "rs1+2", 1, 2},  // three copies, for small writes; survives an AZ at once
};

namespace internal {
constexpr bool Sound(const CodeSpec& spec) {
  return spec.n() % kAzs == 0 &&               // the same number in every AZ
         spec.m >= spec.PerAz() &&             // an AZ can go
         spec.WriteQuorum() <= spec.n() &&     // the quorum can be had
         spec.DegradedQuorum() <= spec.n() &&  //
         spec.k >= 1 && spec.k <= kMaxDataFragments && spec.n() <= kMaxFragments;
}
constexpr bool AllSound() {
  for (const CodeSpec& spec : kCodeTable) {
    if (!Sound(spec)) return false;
  }
  return true;
}
constexpr bool SurvivesAzAndNode(const CodeSpec& spec) { return spec.m >= spec.PerAz() + 1; }
}  // namespace internal

static_assert(internal::AllSound());
static_assert(internal::SurvivesAzAndNode(kCodeTable[0]));
static_assert(internal::SurvivesAzAndNode(kCodeTable[1]));
static_assert(internal::SurvivesAzAndNode(kCodeTable[3]));
static_assert(kCodeTable[0].WriteQuorum() == 5 && kCodeTable[0].n() == 6);

// Null for a code that this version does not know.
constexpr const CodeSpec* FindCode(pb::Code code) {
  for (const CodeSpec& spec : kCodeTable) {
    if (spec.code == code) return &spec;
  }
  return nullptr;
}

}  // namespace openefs::datastore
