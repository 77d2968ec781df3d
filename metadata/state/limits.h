// Limits of open, lock and client state. Reaching one is an error the client sees (EFS answers
// EDQUOT where one of its own is reached, and so do we).
#pragma once

#include <cstddef>
#include <cstdint>

namespace openefs::metadata {

// EFS allows 32,768 open files per client and 8,192 locks. Twice and eight times that leaves room,
// and keeps what one expired client's removal has to write to a few tens of megabytes.
inline constexpr uint32_t kMaxStatesPerClient = 65'536;
inline constexpr uint32_t kMaxLockRangesPerClient = 65'536;

// EFS allows 512. Every LOCK looks at the ranges of its file, so this bounds its cost.
inline constexpr uint32_t kMaxLockRangesPerFile = 4'096;

// EFS allows 25,000 connections per file system.
inline constexpr uint64_t kMaxClients = 100'000;

// Linux keeps one session per server; nconnect and trunking do not add any.
inline constexpr uint32_t kMaxSessionsPerClient = 64;

// Answers of reads are kept beside those of mutations while a slot's record stays below this. With
// it, 25,000 clients, as EFS has them, that fill 64 slots each would need 50 GB; as Linux clients
// are, with one or two slots of some hundred bytes, they need 30 MB. Results of mutations, 64 of
// some hundred bytes at most, are always kept.
inline constexpr size_t kMaxSlotRecordBytes = size_t{32} << 10;

inline constexpr uint32_t kMaxOwnerBytes = 1024;           // NFS4_OPAQUE_LIMIT
inline constexpr uint32_t kMaxImplementationBytes = 1024;  // of nii_name, for people to read

// Idle slots cost nothing here, but a front-end holds a reply for each.
inline constexpr uint32_t kMaxChannelBytes = (1u << 20) + (64u << 10);

}  // namespace openefs::metadata
