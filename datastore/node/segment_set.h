// The segment files of a data node and how much of each is alive.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "common/mutex.h"
#include "datastore/node/file.h"
#include "datastore/node/index.h"

namespace openefs::datastore {

struct Segment {
  uint64_t id = 0;
  std::unique_ptr<File> file;
};

struct SegmentTotals {
  uint64_t fragments = 0;
  uint64_t live_bytes = 0;  // of records that hold fragments
  uint64_t dead_bytes = 0;  // everything else in the files
};

// Any thread.
class SegmentSet {
 public:
  static std::string NameOf(uint64_t id);                            // of its file
  static std::optional<uint64_t> IdOfName(const std::string& name);  // none: not a segment

  // Null if there is none. A segment that is removed stays readable for those who hold it.
  std::shared_ptr<Segment> Find(uint64_t id) const;
  void Add(std::shared_ptr<Segment> segment, uint64_t size);
  uint64_t Remove(uint64_t id);  // its size
  std::vector<uint64_t> Ids() const;

  void SetSize(uint64_t id, uint64_t size);
  void AddLive(const StoredRecord& record);
  void RemoveLive(const StoredRecord& record);

  SegmentTotals Totals() const;

  // The segment before `active` with the most dead bytes, if that is more than half of it.
  // A tombstone must outlive the segment it kills in, and counts as alive while another one is
  // that.
  std::optional<uint64_t> MostlyDead(uint64_t active, const std::set<uint64_t>& except) const;

 private:
  struct State {
    std::shared_ptr<Segment> segment;
    uint64_t size = 0;
    uint64_t fragments = 0;
    uint64_t live_bytes = 0;
    std::map<uint64_t, uint64_t> tombstones;  // by the segment they kill in: how many
  };
  uint64_t NeededBytes(uint64_t id, const State& state) const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);

  mutable Mutex mu_;
  std::map<uint64_t, State> states_ ABSL_GUARDED_BY(mu_);
};

}  // namespace openefs::datastore
