#include "datastore/node/scrubber.h"

#include <vector>

#include "common/log.h"

namespace openefs::datastore {
namespace {
// Records looked up at a time.
constexpr size_t kPage = 256;
}  // namespace

absl::Status Scrubber::Pass(RateLimit* pace) {
  for (const uint64_t segment : segments_->Ids()) {
    const absl::Status status = CheckSegment(segment, pace);
    if (!status.ok()) return status;
  }
  return absl::OkStatus();
}

absl::Status Scrubber::CheckSegment(uint64_t segment, RateLimit* pace) {
  uint64_t offset = 0;
  while (true) {
    absl::StatusOr<std::vector<StoredRecord>> page = index_->StoredIn(segment, offset, kPage);
    if (!page.ok()) return page.status();
    if (page->empty()) return absl::OkStatus();
    for (const StoredRecord& record : *page) {
      if (!pace->Spend(record.Bytes())) return absl::AbortedError("stopping");
      if (record.type != RecordType::kPut) continue;
      metrics_->scrubbed_bytes.Add(record.length);
      const absl::StatusOr<FragmentReader::Raw> raw = reader_->ReadRaw(record.id, record.at);
      if (raw.ok() || absl::IsNotFound(raw.status())) continue;
      Log(LogLevel::kError, "datastore.scrub_read_failed",
          {{"segment", segment}, {"error", raw.status().ToString()}});
    }
    offset = page->back().at.offset + kRecordAlign;
  }
}

}  // namespace openefs::datastore
