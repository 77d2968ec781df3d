// Faults that tests plant in the metadata service to prove that the simulator's checkers see them.
#pragma once

namespace openefs::metadata {

enum class PlantedBug {
  kNone,
  kResultsApart,            // slot records are written apart from the effects they belong to
  kSnapshotWithoutResults,  // a snapshot is installed without slot records
  kReadWithoutBarrier,      // who believes to lead reads at once
  kDuplicateNotJoined,      // a copy of a request in flight is taken for another request
};

}  // namespace openefs::metadata
