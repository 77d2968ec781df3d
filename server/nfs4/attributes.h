// fattr4: which attributes there are, how they are encoded and which can be set (RFC 8881 5).
// One constant table (attributes.cc) says it all; the advertised lists are computed from it.
#pragma once

#include <array>
#include <cstdint>
#include <string_view>

#include "proto/metadata.pb.h"
#include "proto/nfs4.h"
#include "server/xdr/xdr.h"

namespace openefs::nfs4 {

class FileHandleCodec;  // server/nfs4/file_handle.h

// A bitmap4 cut to the words that hold attributes known to NFSv4.1.
struct AttributeMask {
  static constexpr uint32_t kWords = 3;
  std::array<uint32_t, kWords> words = {};
  bool beyond = false;  // a bit was set in a word we do not keep: unsupported for certain

  constexpr bool Has(uint32_t number) const {
    return (words[number / 32] & (1u << number % 32)) != 0;
  }
  constexpr void Add(uint32_t number) { words[number / 32] |= 1u << number % 32; }
  constexpr bool empty() const { return (words[0] | words[1] | words[2]) == 0 && !beyond; }
  constexpr bool Intersects(const AttributeMask& other) const {
    return ((words[0] & other.words[0]) | (words[1] & other.words[1]) |
            (words[2] & other.words[2])) != 0;
  }
  // Nothing outside `other`.
  constexpr bool Within(const AttributeMask& other) const {
    return ((words[0] & ~other.words[0]) | (words[1] & ~other.words[1]) |
            (words[2] & ~other.words[2])) == 0 &&
           !beyond;
  }
  friend constexpr AttributeMask operator&(const AttributeMask& a, const AttributeMask& b) {
    return {{a.words[0] & b.words[0], a.words[1] & b.words[1], a.words[2] & b.words[2]}};
  }
  friend constexpr bool operator==(const AttributeMask&, const AttributeMask&) = default;
};

// Fails the reader on more words than any client sends (32, 1024 attributes).
AttributeMask DecodeAttributeMask(xdr::Reader& reader);
void EncodeAttributeMask(const AttributeMask& mask, xdr::Writer& writer);

const AttributeMask& SupportedAttributes();
const AttributeMask& SettableAttributes();        // also the list of suppattr_exclcreat
const AttributeMask& SetOnlyAttributes();         // time_access_set and time_modify_set
const AttributeMask& UsageAttributes();           // need Attributes.fs_bytes_used
const AttributeMask& DirectoryEntryAttributes();  // known from a directory entry alone

// A fattr4 of everything that can be read is shorter.
inline constexpr uint32_t kMaxAttributesBytes = 512;

// What the values come from.
struct AttributeSource {
  const pb::Attributes& attributes;
  const FileHandleCodec& handles;
  uint32_t lease_seconds = 0;
  uint64_t mounted_on_fileid = 0;  // the fileid, but for the root of a mounted file system
};

// Writes a fattr4 of those of `wanted` that can be read; others are left out, as GETATTR and
// READDIR must (RFC 8881 18.7.3).
void EncodeAttributes(const AttributeSource& source, const AttributeMask& wanted,
                      xdr::Writer& writer);

// Its attrlist4 alone, without bitmap and length.
void EncodeAttributeValues(const AttributeSource& source, const AttributeMask& wanted,
                           xdr::Writer& writer);

// The fattr4 of an entry whose attributes could not be had: rdattr_error alone.
void EncodeAttributeError(nfsstat4 status, xdr::Writer& writer);

// A fattr4 as it came.
struct AttributeValues {
  AttributeMask mask;
  std::string_view values;  // of the record: valid while its Reader's buffer lives
};
AttributeValues DecodeAttributeValues(xdr::Reader& reader);

// What an operation is to set. Never fails the reader for a wrong value, only for one that is not
// XDR; `status` says what is wrong otherwise: NFS4ERR_ATTRNOTSUPP, _INVAL (read-only, or a value
// out of range), _BADOWNER (not a decimal number).
struct AttributesToSet {
  AttributeMask mask;
  pb::AttributeChange change;
  nfsstat4 status = NFS4_OK;
};
AttributesToSet DecodeAttributesToSet(xdr::Reader& reader);

}  // namespace openefs::nfs4
