#include "datastore/node/maintenance.h"

#include <utility>

namespace openefs::datastore {
namespace {

// A tenth of a disk that does 500 MiB/s: clients keep the rest, and a full disk's dead half is
// still given back within hours.
constexpr uint64_t kCompactionBytesPerSecond = 50u << 20;
constexpr int64_t kCompactionPauseMs = 1000;

// 4 TiB in six days; not noticed beside clients.
constexpr uint64_t kScrubBytesPerSecond = 8u << 20;
constexpr int64_t kScrubPauseMs = 60 * 60 * 1000;  // before each pass

}  // namespace

Maintenance::Maintenance(Compactor* compactor, Scrubber* scrubber, std::function<void()> show)
    : compactor_(compactor),
      scrubber_(scrubber),
      show_(std::move(show)),
      compaction_pace_(kCompactionBytesPerSecond),
      scrub_pace_(kScrubBytesPerSecond),
      compaction_([this] { Compact(); }),
      scrubbing_([this] { Scrub(); }) {}

Maintenance::~Maintenance() {
  compaction_pace_.Stop();
  scrub_pace_.Stop();
  compaction_.join();
  scrubbing_.join();
}

void Maintenance::Compact() {
  while (compaction_pace_.Sleep(kCompactionPauseMs)) {
    show_();
    while (true) {
      const absl::StatusOr<bool> worked = compactor_->Step(&compaction_pace_);
      if (!worked.ok() || !*worked) break;  // an error is logged where it happens; try again later
    }
  }
}

void Maintenance::Scrub() {
  while (scrub_pace_.Sleep(kScrubPauseMs)) {
    // ABORTED: stopping, which Sleep will see. Index errors show at every other call too.
    (void)scrubber_->Pass(&scrub_pace_);
  }
}

}  // namespace openefs::datastore
