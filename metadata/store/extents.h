// The bytes of regular files: runs of inline data and parts of blobs, holes between them.
//
// Extents of one file never overlap. Each stands under the offset where it ends, so that a forward
// scan from offset + 1 begins with the one that covers the offset.
//
// Truncating or removing a file of any size is one entry of bounded work: up to
// kMaxExtentsPerEntry extents are freed at once; with more, a truncation adds a "cut" to the inode
// (offset, generation) and the file goes to the purge queue. Extents at or beyond a cut's offset
// and older than its generation are dead: nothing reads them, a write over them drops them, and
// PurgeExtents frees them in bounded steps. Extents written later are younger than the cut and
// live. docs/decisions/truncation.md has the alternatives.
#pragma once

#include <cstdint>

#include "absl/strings/string_view.h"
#include "common/ids.h"
#include "metadata/store/transaction.h"
#include "proto/metadata.pb.h"
#include "proto/records.pb.h"

namespace openefs::metadata {

// Freed within one operation; about 10 ms of work. Keeps the applier answering.
inline constexpr size_t kMaxExtentsPerEntry = 1'000;
// Truncations of one file whose extents are not yet freed. Each READ looks at all of them.
inline constexpr int kMaxCuts = 8;

// One file's bytes under change. The record's data_bytes, data_generation and cuts are kept; size
// and times are the caller's, and so is storing it.
struct FileData {
  Transaction& txn;
  FileSystemId fs;
  InodeId inode;
  pb::InodeRecord& record;
  uint64_t now_ms;  // of the entry, for the collect queue
};

// Puts `bytes` (1 to kInlineBytes) at `offset` in place of what was there. Inline neighbours are
// joined while they stay within kInlineBytes.
void WriteInlineExtent(FileData data, uint64_t offset, absl::string_view bytes);

// The same with a blob of which the extent uses all. It must not be doomed.
void WriteBlobExtent(FileData data, uint64_t offset, const pb::NewBlob& blob);

// Everything from `size` on goes. False: too many cuts wait already; nothing was done.
[[nodiscard]] bool TruncateExtents(FileData data, uint64_t size);

// The file goes: frees its extents, or leaves them to the purge queue if they are many. Call it
// before the inode's record is deleted, which the caller does.
void FreeAllExtents(FileData data);

// The bytes [offset, offset + count), which the caller has cut to the file's size, as pieces
// without gaps.
void PlanExtents(const Transaction& txn, FileSystemId fs, InodeId inode,
                 const pb::InodeRecord& record, uint64_t offset, uint64_t count,
                 pb::ReadPlanResult* plan);

// Frees dead extents of a file in the purge queue, looking at no more than *budget extents and
// lowering it. `record` is null if the file is gone. True: done, the queue entry is deleted.
bool PurgeExtents(Transaction& txn, FileSystemId fs, InodeId inode, pb::InodeRecord* record,
                  uint64_t now_ms, size_t* budget);

// Whether a cut covers an extent that begins at `offset`.
bool ExtentIsDead(const pb::InodeRecord& record, uint64_t offset, const pb::ExtentRecord& extent);

}  // namespace openefs::metadata
