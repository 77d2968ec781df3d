#include "datastore/node/fragment_reader.h"

#include <cstring>
#include <memory>
#include <new>
#include <optional>
#include <utility>

#include "datastore/node/record.h"

namespace openefs::datastore {
namespace {

// A fragment moves once per compaction of its segment; to be overtaken twice by that between two
// look-ups is not to be expected.
constexpr int kMaxLookups = 3;

// From here on a read past the page cache is cheaper than one that fills it: below it is mostly the
// way to the disk, and what lies around it may be wanted as well.
constexpr size_t kDirectBytes = size_t{128} << 10;

// Reads all of [offset, offset + size) of the file; what is beyond its end reads as zeros, which
// then do not match.
absl::Status ReadWhole(File* file, uint64_t offset, char* out, size_t size, Index::Reach reach) {
  absl::StatusOr<size_t> n = reach == Index::Reach::kCacheOnly ? file->ReadCached(offset, out, size)
                                                               : file->ReadAt(offset, out, size);
  if (!n.ok()) return n.status();
  std::memset(out + *n, 0, size - *n);
  return absl::OkStatus();
}

// Large, and less than half of it in the page cache.
bool IsOnDiskOnly(File* file, uint64_t offset, size_t size) {
  if (size < kDirectBytes) return false;
  const std::optional<uint64_t> cached = file->CachedBytes(offset, size);
  return cached.has_value() && *cached < size / 2;
}

std::shared_ptr<char> AlignedMemory(size_t size) {
  constexpr std::align_val_t kAlign{kDirectAlign};
  return {static_cast<char*>(::operator new(size, kAlign)),
          [](char* memory) { ::operator delete(memory, kAlign); }};
}

// UNIMPLEMENTED: not with this file.
absl::StatusOr<Buffer> ReadPastCache(File* file, uint64_t offset, size_t size) {
  const uint64_t begin = offset / kDirectAlign * kDirectAlign;
  const uint64_t end = (offset + size + kDirectAlign - 1) / kDirectAlign * kDirectAlign;
  const size_t whole = end - begin;
  const std::shared_ptr<char> memory = AlignedMemory(whole);
  const absl::StatusOr<size_t> n = file->ReadDirect(begin, memory.get(), whole);
  if (!n.ok()) return n.status();
  std::memset(memory.get() + *n, 0, whole - *n);
  return Buffer(memory, memory.get() + (offset - begin), size);
}

absl::StatusOr<Buffer> ReadBlocks(File* file, uint64_t at, size_t size, Index::Reach reach,
                                  bool direct) {
  if (direct) {
    absl::StatusOr<Buffer> bytes = ReadPastCache(file, at, size);
    if (!absl::IsUnimplemented(bytes.status())) return bytes;
  }
  MutableBuffer blocks(size);
  const absl::Status read = ReadWhole(file, at, blocks.data(), blocks.size(), reach);
  if (!read.ok()) return read;
  return std::move(blocks).Freeze();
}

}  // namespace

absl::StatusOr<Buffer> FragmentReader::Read(const FragmentId& id, uint32_t offset, uint32_t length,
                                            Index::Reach reach,
                                            std::optional<IndexEntry>* found) const {
  for (int lookup = 0; lookup < kMaxLookups; ++lookup) {
    if (!found->has_value()) {
      absl::StatusOr<IndexEntry> entry = index_->Find(id, reach);
      if (!entry.ok()) return entry.status();
      *found = *std::move(entry);
    }
    if (offset > (*found)->length || length > (*found)->length - offset) {
      return absl::OutOfRangeError("range beyond the end of the fragment");
    }
    absl::StatusOr<Buffer> bytes = ReadEntry(id, **found, offset, length, reach);
    if (!absl::IsAborted(bytes.status())) return bytes;
    found->reset();
  }
  return absl::UnavailableError("fragment keeps moving");
}

// ABORTED: the segment went while we looked; look the fragment up again.
absl::StatusOr<Buffer> FragmentReader::ReadEntry(const FragmentId& id, const IndexEntry& entry,
                                                 uint32_t offset, uint32_t length,
                                                 Index::Reach reach) const {
  if (length == 0) return Buffer();
  const std::shared_ptr<Segment> segment = segments_->Find(entry.at.segment);
  if (segment == nullptr) return absl::AbortedError("segment removed");
  // Whole blocks, because those are what is checked.
  const uint32_t first_block = offset / kBlockBytes;
  const uint32_t begin = first_block * kBlockBytes;
  const uint32_t last_block_end = BlocksOf(offset + length) * kBlockBytes;
  const uint32_t end = std::min(last_block_end, entry.length);
  const uint64_t at = entry.at.offset + DataOffsetOf(entry.length) + begin;
  const bool on_disk = IsOnDiskOnly(segment->file.get(), at, end - begin);
  if (on_disk && reach == Index::Reach::kCacheOnly) return absl::UnavailableError("not cached");
  const bool direct = on_disk && !history_.Remember(id, begin);
  const absl::StatusOr<Buffer> bytes =
      ReadBlocks(segment->file.get(), at, end - begin, reach, direct);
  if (!bytes.ok()) return bytes.status();
  if (!BlocksMatch(entry.crcs, first_block, bytes->view())) {
    if (!entry.corrupt) on_corrupt_(id, entry.at);
    return absl::DataLossError("fragment block does not match its checksum");
  }
  return bytes->Slice(offset - begin, length);
}

absl::StatusOr<FragmentReader::Raw> FragmentReader::ReadRaw(const FragmentId& id,
                                                            const Location& at) const {
  absl::StatusOr<IndexEntry> entry = index_->Find(id, Index::Reach::kDisk);
  if (!entry.ok()) return entry.status();
  const std::shared_ptr<Segment> segment = segments_->Find(at.segment);
  if (entry->at != at || segment == nullptr) return absl::NotFoundError("fragment moved");
  MutableBuffer whole(entry->length);
  const absl::Status read = ReadWhole(segment->file.get(), at.offset + DataOffsetOf(entry->length),
                                      whole.data(), whole.size(), Index::Reach::kDisk);
  if (!read.ok()) return read;
  Raw raw{*std::move(entry), std::move(whole).Freeze(), false};
  raw.matches = BlocksMatch(raw.entry.crcs, 0, raw.bytes.view());
  if (!raw.matches && !raw.entry.corrupt) on_corrupt_(id, at);
  return raw;
}

}  // namespace openefs::datastore
