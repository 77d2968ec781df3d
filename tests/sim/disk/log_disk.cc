#include "tests/sim/disk/log_disk.h"

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <utility>
#include <vector>

#include "replication/log/log_format.h"

namespace openefs::sim {
namespace {

namespace fs = std::filesystem;
using replication::LogIo;

constexpr char kClusterId[] = "simulatedcluster";

// Production writes a megabyte of zeros ahead; a few pages show the same and cost less.
constexpr size_t kZeroAhead = 8'192;

// What a disk writes whole.
constexpr size_t kSectorBytes = 512;

// Changes of the disk that one write makes at most, roughly: a frame, a new segment with its header
// and first frame, the deletion of old ones.
constexpr int64_t kMaxChanges = 8;

std::string ReadFile(const std::string& path) {
  std::ifstream in(path, std::ios::binary);
  return std::string(std::istreambuf_iterator<char>(in), {});
}

void WriteFile(const std::string& path, const std::string& bytes) {
  std::ofstream out(path, std::ios::binary | std::ios::trunc);
  out.write(bytes.data(), static_cast<std::streamsize>(bytes.size()));
}

std::vector<std::string> Segments(const std::string& directory) {
  std::vector<std::string> paths;
  std::error_code ignored;  // no directory: no segments
  for (const auto& entry : fs::directory_iterator(directory, ignored)) {
    if (entry.path().extension() == ".log") paths.push_back(entry.path().string());
  }
  std::sort(paths.begin(), paths.end());
  return paths;
}

// The offsets of the frames in a segment, and where they end.
std::vector<size_t> FrameOffsets(const std::string& bytes) {
  std::vector<size_t> offsets = {0};
  const auto segment = replication::DecodeSegmentHeader(bytes);
  if (!segment.has_value()) return offsets;
  size_t offset = replication::kSegmentHeaderBytes;
  while (offset < bytes.size()) {
    const auto frame =
        replication::DecodeFrameHeader(std::string_view(bytes).substr(offset), segment->salt);
    if (!frame.has_value()) break;
    offsets.push_back(offset);
    offset += replication::FrameBytes(frame->payload_bytes);
  }
  offsets.push_back(std::min(offset, bytes.size()));
  return offsets;
}

// Where two contents begin to differ and where they end to.
std::pair<size_t, size_t> Changed(const std::string& before, std::string after) {
  const size_t size = after.size();
  std::string same = before;
  same.resize(size);  // what was not there reads as zeros
  const auto first = std::mismatch(same.begin(), same.end(), after.begin());
  const auto last = std::mismatch(same.rbegin(), same.rend(), after.rbegin());
  const auto begin = static_cast<size_t>(first.first - same.begin());
  return {begin, std::max(begin, size - static_cast<size_t>(last.first - same.rbegin()))};
}

}  // namespace

LogDisk::LogDisk(std::string directory, NodeId node, uint64_t segment_bytes, SimRandom* random,
                 Counts* counts)
    : directory_(std::move(directory)),
      node_(node),
      segment_bytes_(segment_bytes),
      random_(random),
      counts_(counts) {}

LogDisk::~LogDisk() {
  store_.reset();
  std::error_code ignored;
  fs::remove_all(directory_, ignored);
}

absl::Status LogDisk::Open(bool crash) {
  stopped_ = false;
  crashing_ = crash;
  changes_until_crash_ = random_->Between(0, kMaxChanges);
  unsynced_path_.clear();
  replication::LogStoreOptions options;
  options.directory = directory_;
  options.node_id = node_;
  options.cluster_id = kClusterId;
  options.segment_bytes = segment_bytes_;
  options.zero_ahead_bytes = kZeroAhead;
  options.fault = [this](LogIo io) { return OnIo(io); };
  auto store = replication::LogStore::Open(std::move(options));
  crashing_ = false;
  if (stopped_) Close();
  if (!store.ok()) return store.status();
  unsynced_path_.clear();
  store_ = *std::move(store);
  return absl::OkStatus();
}

absl::Status LogDisk::Write(absl::Span<const replication::GroupWrite> writes) {
  return store_->Write(writes);
}

void LogDisk::CrashDuring(absl::Span<const replication::GroupWrite> writes) {
  crashing_ = true;
  changes_until_crash_ = random_->Between(0, kMaxChanges);
  unsynced_path_.clear();
  const bool finished = store_->Write(writes).ok();
  counts_->Add(finished ? "crashes after a write, before its acknowledgement"
                        : "crashes within a write");
  Close();
}

void LogDisk::Close() {
  store_.reset();
  if (!unsynced_path_.empty()) Tear();
  unsynced_path_.clear();
}

absl::Status LogDisk::OnIo(LogIo io) {
  if (stopped_) return absl::DataLossError("simulated: the machine is off");
  if (full && (io == LogIo::kWrite || io == LogIo::kCreate)) {
    return absl::ResourceExhaustedError("simulated: no space left on device");
  }
  if (fail_syncs && io == LogIo::kSync) return absl::DataLossError("simulated: fdatasync failed");
  if (!crashing_ && !fail_syncs) return absl::OkStatus();
  // Whatever was written before this has been synced, but for a write directly before its sync.
  if (io != LogIo::kSync) unsynced_path_.clear();
  if (crashing_ && changes_until_crash_-- == 0) {
    stopped_ = true;
    return absl::DataLossError("simulated: the machine stops");
  }
  if (io == LogIo::kWrite) {
    unsynced_path_ = NewestSegment();
    before_ = ReadFile(unsynced_path_);
  } else {
    unsynced_path_.clear();
  }
  return absl::OkStatus();
}

std::string LogDisk::NewestSegment() const {
  const std::vector<std::string> segments = Segments(directory_);
  return segments.empty() ? "" : segments.back();
}

// Between the write and the sync: the disk has any of the sectors, in any order.
void LogDisk::Tear() {
  std::string after = ReadFile(unsynced_path_);
  switch (random_->Below(4)) {
    case 0:  // nothing arrived
      counts_->Add("writes lost");
      if (before_.empty() && random_->Chance(500)) {  // nor did the new file's name
        fs::remove(unsynced_path_);
      } else {
        WriteFile(unsynced_path_, before_);
      }
      return;
    case 1:  // everything did
      return counts_->Add("writes unsynced, yet there");
    case 2: {  // its beginning, to any byte
      counts_->Add("writes torn");
      const auto [begin, end] = Changed(before_, after);
      const size_t cut = begin + random_->Below(end - begin + 1);
      after.resize(cut);
      if (cut < before_.size()) after += before_.substr(cut);
      return WriteFile(unsynced_path_, after);
    }
    default: {  // some sectors
      counts_->Add("writes torn");
      before_.resize(after.size());
      for (size_t i = 0; i < after.size(); i += kSectorBytes) {
        if (random_->Chance(500)) continue;
        const size_t bytes = std::min(kSectorBytes, after.size() - i);
        after.replace(i, bytes, before_, i, bytes);
      }
      WriteFile(unsynced_path_, after);
    }
  }
}

bool LogDisk::Rot() {
  const std::vector<std::string> segments = Segments(directory_);
  if (segments.empty()) return false;
  const std::string& path = segments[random_->Below(segments.size())];
  std::string bytes = ReadFile(path);
  const std::vector<size_t> frames = FrameOffsets(bytes);
  // Of the newest segment the last frame stays as it is.
  size_t end = frames.back();
  if (path == segments.back()) end = frames.size() > 2 ? frames[frames.size() - 2] : 0;
  if (end == 0) return false;
  const size_t at = random_->Below(end);
  bytes[at] = static_cast<char>(bytes[at] ^ (1 << random_->Below(8)));
  std::fstream file(path, std::ios::binary | std::ios::in | std::ios::out);
  file.seekp(static_cast<std::streamoff>(at));
  file.put(bytes[at]);
  return true;
}

}  // namespace openefs::sim
