#include "server/nfs4/attributes.h"

#include <algorithm>
#include <bit>
#include <charconv>
#include <string>

#include "common/check.h"
#include "common/ids.h"
#include "common/limits.h"
#include "server/nfs4/file_handle.h"

namespace openefs::nfs4 {
namespace {

// More than any version of NFS defines; keeps a hostile bitmap from costing anything.
constexpr uint32_t kMaxMaskWords = 32;

// A fattr4's values. The longest honest one, with two owners and a handle, is below 1 KiB.
constexpr uint32_t kMaxValuesBytes = 16u << 10;

// The longest decimal form of a 32-bit id is 10 digits; longer names get NFS4ERR_BADOWNER, and far
// longer ones are not worth reading.
constexpr uint32_t kMaxOwnerBytes = NFS4_OPAQUE_LIMIT;

// What `df` shows as 8.0E. Whole blocks of any size a client uses, and below 2^63, beyond which
// Java programs see negative space.
constexpr uint64_t kTotalSpaceBytes = (uint64_t{1} << 63) - (1u << 20);

constexpr uint32_t kFh4Persistent = 0;  // RFC 8881 4.2.3
constexpr uint32_t kNanosecondsPerSecond = 1'000'000'000;
constexpr uint32_t kModeBits = 07777;

void EncodeTime(const pb::Timestamp& time, xdr::Writer& writer) {
  writer.I64(time.seconds());
  writer.U32(time.nanoseconds());
}

void EncodeDecimal(uint32_t id, xdr::Writer& writer) {
  char digits[10];
  const auto end = std::to_chars(digits, digits + sizeof(digits), id).ptr;
  writer.Opaque({digits, static_cast<size_t>(end - digits)});
}

uint32_t WireType(pb::FileType type) {
  switch (type) {
    case pb::REGULAR:
      return NF4REG;
    case pb::DIRECTORY:
      return NF4DIR;
    case pb::SYMLINK:
      return NF4LNK;
    case pb::FIFO:
      return NF4FIFO;
    case pb::SOCKET:
      return NF4SOCK;
    default:
      return 0;
  }
}

uint64_t UsedSpace(const pb::Attributes& attributes) {
  return std::min(attributes.fs_bytes_used(), kTotalSpaceBytes);
}

// ---- the table

using EncodeFn = void (*)(const AttributeSource&, xdr::Writer&);

template <auto value>
void Word(const AttributeSource&, xdr::Writer& writer) {
  writer.U32(static_cast<uint32_t>(value));
}
template <uint64_t value>
void Hyper(const AttributeSource&, xdr::Writer& writer) {
  writer.U64(value);
}
template <auto getter>
void WordOf(const AttributeSource& source, xdr::Writer& writer) {
  writer.U32((source.attributes.*getter)());
}
template <auto getter>
void HyperOf(const AttributeSource& source, xdr::Writer& writer) {
  writer.U64((source.attributes.*getter)());
}
template <auto getter>
void TimeOf(const AttributeSource& source, xdr::Writer& writer) {
  EncodeTime((source.attributes.*getter)(), writer);
}
template <auto getter>
void DecimalOf(const AttributeSource& source, xdr::Writer& writer) {
  EncodeDecimal((source.attributes.*getter)(), writer);
}

void EncodeSupported(const AttributeSource&, xdr::Writer& writer) {
  EncodeAttributeMask(SupportedAttributes(), writer);
}
void EncodeExclusiveCreate(const AttributeSource&, xdr::Writer& writer) {
  EncodeAttributeMask(SettableAttributes(), writer);
}
void EncodeType(const AttributeSource& source, xdr::Writer& writer) {
  writer.U32(WireType(source.attributes.type()));
}
void EncodeFsid(const AttributeSource& source, xdr::Writer& writer) {
  writer.U64(source.attributes.file().fs_id());
  writer.U64(0);
}
void EncodeLeaseTime(const AttributeSource& source, xdr::Writer& writer) {
  writer.U32(source.lease_seconds);
}
void EncodeFileHandle(const AttributeSource& source, xdr::Writer& writer) {
  const auto handle = source.handles.Encode(source.attributes.file());
  writer.Opaque({handle.data(), handle.size()});
}
void EncodeFileId(const AttributeSource& source, xdr::Writer& writer) {
  writer.U64(source.attributes.file().inode());
}
void EncodeMountedOnFileId(const AttributeSource& source, xdr::Writer& writer) {
  writer.U64(source.mounted_on_fileid);
}
void EncodeRawDevice(const AttributeSource&, xdr::Writer& writer) {
  writer.U32(0);  // no block or character devices
  writer.U32(0);
}
void EncodeSpaceLeft(const AttributeSource& source, xdr::Writer& writer) {
  writer.U64(kTotalSpaceBytes - UsedSpace(source.attributes));
}
void EncodeTimeDelta(const AttributeSource&, xdr::Writer& writer) {
  writer.I64(0);
  writer.U32(1);  // nanosecond
}

enum Access : uint8_t { kReadOnly, kReadWrite, kSetOnly };

struct AttributeEntry {
  uint32_t number;
  Access access;
  EncodeFn encode;  // null: cannot be read
};

using A = pb::Attributes;

// Left out, as EFS leaves them out: ACLs, archive, files_*, fs_locations, hidden, mimetype,
// quota_*, system, time_backup, layouts, retention. A client must not be told of what is not there.
constexpr AttributeEntry kAttributes[] = {
    {FATTR4_SUPPORTED_ATTRS, kReadOnly, EncodeSupported},
    {FATTR4_TYPE, kReadOnly, EncodeType},
    {FATTR4_FH_EXPIRE_TYPE, kReadOnly, Word<kFh4Persistent>},
    {FATTR4_CHANGE, kReadOnly, HyperOf<&A::change>},
    {FATTR4_SIZE, kReadWrite, HyperOf<&A::size>},
    {FATTR4_LINK_SUPPORT, kReadOnly, Word<true>},
    {FATTR4_SYMLINK_SUPPORT, kReadOnly, Word<true>},
    {FATTR4_NAMED_ATTR, kReadOnly, Word<false>},
    {FATTR4_FSID, kReadOnly, EncodeFsid},
    {FATTR4_UNIQUE_HANDLES, kReadOnly, Word<true>},
    {FATTR4_LEASE_TIME, kReadOnly, EncodeLeaseTime},
    {FATTR4_RDATTR_ERROR, kReadOnly, Word<NFS4_OK>},
    {FATTR4_CANSETTIME, kReadOnly, Word<true>},
    {FATTR4_CASE_INSENSITIVE, kReadOnly, Word<false>},
    {FATTR4_CASE_PRESERVING, kReadOnly, Word<true>},
    {FATTR4_CHOWN_RESTRICTED, kReadOnly, Word<true>},
    {FATTR4_FILEHANDLE, kReadOnly, EncodeFileHandle},
    {FATTR4_FILEID, kReadOnly, EncodeFileId},
    {FATTR4_HOMOGENEOUS, kReadOnly, Word<true>},
    {FATTR4_MAXFILESIZE, kReadOnly, Hyper<kMaxFileBytes>},
    {FATTR4_MAXLINK, kReadOnly, Word<kMaxLinks>},
    {FATTR4_MAXNAME, kReadOnly, Word<kMaxNameBytes>},
    {FATTR4_MAXREAD, kReadOnly, Hyper<kMaxIoBytes>},
    {FATTR4_MAXWRITE, kReadOnly, Hyper<kMaxIoBytes>},
    {FATTR4_MODE, kReadWrite, WordOf<&A::mode>},
    {FATTR4_NO_TRUNC, kReadOnly, Word<true>},
    {FATTR4_NUMLINKS, kReadOnly, WordOf<&A::nlink>},
    {FATTR4_OWNER, kReadWrite, DecimalOf<&A::uid>},
    {FATTR4_OWNER_GROUP, kReadWrite, DecimalOf<&A::gid>},
    {FATTR4_RAWDEV, kReadOnly, EncodeRawDevice},
    {FATTR4_SPACE_AVAIL, kReadOnly, EncodeSpaceLeft},
    {FATTR4_SPACE_FREE, kReadOnly, EncodeSpaceLeft},
    {FATTR4_SPACE_TOTAL, kReadOnly, Hyper<kTotalSpaceBytes>},
    {FATTR4_SPACE_USED, kReadOnly, HyperOf<&A::space_used>},
    {FATTR4_TIME_ACCESS, kReadOnly, TimeOf<&A::atime>},
    {FATTR4_TIME_ACCESS_SET, kSetOnly, nullptr},
    {FATTR4_TIME_CREATE, kReadOnly, TimeOf<&A::btime>},
    {FATTR4_TIME_DELTA, kReadOnly, EncodeTimeDelta},
    {FATTR4_TIME_METADATA, kReadOnly, TimeOf<&A::ctime>},
    {FATTR4_TIME_MODIFY, kReadOnly, TimeOf<&A::mtime>},
    {FATTR4_TIME_MODIFY_SET, kSetOnly, nullptr},
    {FATTR4_MOUNTED_ON_FILEID, kReadOnly, EncodeMountedOnFileId},
    {FATTR4_SUPPATTR_EXCLCREAT, kReadOnly, EncodeExclusiveCreate},
};

// ---- computed from the table

constexpr uint32_t kNumbers = AttributeMask::kWords * 32;

constexpr std::array<EncodeFn, kNumbers> MakeEncoders() {
  std::array<EncodeFn, kNumbers> encoders = {};
  for (const AttributeEntry& entry : kAttributes) encoders[entry.number] = entry.encode;
  return encoders;
}
constexpr auto kEncoders = MakeEncoders();

template <typename Predicate>
constexpr AttributeMask MaskOf(Predicate predicate) {
  AttributeMask mask;
  for (const AttributeEntry& entry : kAttributes) {
    if (predicate(entry)) mask.Add(entry.number);
  }
  return mask;
}
constexpr AttributeMask kSupported = MaskOf([](const AttributeEntry&) { return true; });
constexpr AttributeMask kReadable =
    MaskOf([](const AttributeEntry& entry) { return entry.encode != nullptr; });
constexpr AttributeMask kSettable =
    MaskOf([](const AttributeEntry& entry) { return entry.access != kReadOnly; });
constexpr AttributeMask kSetOnlyMask =
    MaskOf([](const AttributeEntry& entry) { return entry.access == kSetOnly; });

constexpr AttributeMask MaskOfNumbers(std::initializer_list<uint32_t> numbers) {
  AttributeMask mask;
  for (uint32_t number : numbers) mask.Add(number);
  return mask;
}
constexpr AttributeMask kUsage = MaskOfNumbers({FATTR4_SPACE_AVAIL, FATTR4_SPACE_FREE});
constexpr AttributeMask kDirectoryEntry = MaskOfNumbers(
    {FATTR4_SUPPORTED_ATTRS, FATTR4_FH_EXPIRE_TYPE, FATTR4_LINK_SUPPORT, FATTR4_SYMLINK_SUPPORT,
     FATTR4_NAMED_ATTR, FATTR4_FSID, FATTR4_UNIQUE_HANDLES, FATTR4_LEASE_TIME, FATTR4_RDATTR_ERROR,
     FATTR4_FILEHANDLE, FATTR4_FILEID, FATTR4_MOUNTED_ON_FILEID});

// RFC 8881 5.6: every REQUIRED attribute.
static_assert(MaskOfNumbers({FATTR4_SUPPORTED_ATTRS, FATTR4_TYPE, FATTR4_FH_EXPIRE_TYPE,
                             FATTR4_CHANGE, FATTR4_SIZE, FATTR4_LINK_SUPPORT,
                             FATTR4_SYMLINK_SUPPORT, FATTR4_NAMED_ATTR, FATTR4_FSID,
                             FATTR4_UNIQUE_HANDLES, FATTR4_LEASE_TIME, FATTR4_RDATTR_ERROR,
                             FATTR4_FILEHANDLE, FATTR4_SUPPATTR_EXCLCREAT})
                  .Within(kSupported));

}  // namespace

const AttributeMask& SupportedAttributes() { return kSupported; }
const AttributeMask& SettableAttributes() { return kSettable; }
const AttributeMask& SetOnlyAttributes() { return kSetOnlyMask; }
const AttributeMask& UsageAttributes() { return kUsage; }
const AttributeMask& DirectoryEntryAttributes() { return kDirectoryEntry; }

// ---- bitmap4

AttributeMask DecodeAttributeMask(xdr::Reader& reader) {
  AttributeMask mask;
  const uint32_t count = reader.ArrayLength(kMaxMaskWords, sizeof(uint32_t));
  for (uint32_t i = 0; i < count; ++i) {
    const uint32_t word = reader.U32();
    if (i < AttributeMask::kWords) {
      mask.words[i] = word;
    } else {
      mask.beyond |= word != 0;
    }
  }
  return mask;
}

void EncodeAttributeMask(const AttributeMask& mask, xdr::Writer& writer) {
  uint32_t count = AttributeMask::kWords;
  while (count > 0 && mask.words[count - 1] == 0) --count;
  writer.U32(count);
  for (uint32_t i = 0; i < count; ++i) writer.U32(mask.words[i]);
}

// ---- values out

void EncodeAttributeValues(const AttributeSource& source, const AttributeMask& wanted,
                           xdr::Writer& writer) {
  const AttributeMask given = wanted & kReadable;
  for (uint32_t word = 0; word < AttributeMask::kWords; ++word) {
    for (uint32_t bits = given.words[word]; bits != 0; bits &= bits - 1) {
      kEncoders[word * 32 + static_cast<uint32_t>(std::countr_zero(bits))](source, writer);
    }
  }
}

void EncodeAttributes(const AttributeSource& source, const AttributeMask& wanted,
                      xdr::Writer& writer) {
  EncodeAttributeMask(wanted & kReadable, writer);
  const size_t length_at = writer.ReserveU32();
  const size_t begin = writer.size();
  EncodeAttributeValues(source, wanted, writer);
  writer.PatchU32(length_at, static_cast<uint32_t>(writer.size() - begin));
}

void EncodeAttributeError(nfsstat4 status, xdr::Writer& writer) {
  EncodeAttributeMask(MaskOfNumbers({FATTR4_RDATTR_ERROR}), writer);
  writer.U32(sizeof(uint32_t));
  writer.U32(status);
}

// ---- values in

AttributeValues DecodeAttributeValues(xdr::Reader& reader) {
  AttributeValues values;
  values.mask = DecodeAttributeMask(reader);
  values.values = reader.Opaque(kMaxValuesBytes);
  return values;
}

namespace {

nfsstat4 DecodeOwner(xdr::Reader& reader, uint32_t* id) {
  const std::string_view text = reader.Opaque(kMaxOwnerBytes);
  const char* end = text.data() + text.size();
  const auto result = std::from_chars(text.data(), end, *id);
  if (text.empty() || result.ec != std::errc() || result.ptr != end) return NFS4ERR_BADOWNER;
  return NFS4_OK;
}

nfsstat4 DecodeSetTime(xdr::Reader& reader, pb::SetTime* time) {
  const uint32_t how = reader.U32();
  if (how == SET_TO_SERVER_TIME4) {
    time->set_server_time(true);
    return NFS4_OK;
  }
  if (how != SET_TO_CLIENT_TIME4) {
    reader.Fail();
    return NFS4_OK;
  }
  time->mutable_time()->set_seconds(reader.I64());
  time->mutable_time()->set_nanoseconds(reader.U32());
  // RFC 8881 3.3.1: nanoseconds above 999,999,999 are invalid.
  return time->time().nanoseconds() < kNanosecondsPerSecond ? NFS4_OK : NFS4ERR_INVAL;
}

// Every settable attribute has a case: DecodeEverySettable in the tests goes through the table.
nfsstat4 DecodeValue(uint32_t number, xdr::Reader& reader, pb::AttributeChange* change) {
  nfsstat4 status = NFS4_OK;
  uint32_t id = 0;
  switch (number) {
    case FATTR4_SIZE:
      change->set_size(reader.U64());
      break;
    case FATTR4_MODE:
      change->set_mode(reader.U32());
      if ((change->mode() & ~kModeBits) != 0) status = NFS4ERR_INVAL;
      break;
    case FATTR4_OWNER:
      status = DecodeOwner(reader, &id);
      change->set_uid(id);
      break;
    case FATTR4_OWNER_GROUP:
      status = DecodeOwner(reader, &id);
      change->set_gid(id);
      break;
    case FATTR4_TIME_ACCESS_SET:
      return DecodeSetTime(reader, change->mutable_atime());
    case FATTR4_TIME_MODIFY_SET:
      return DecodeSetTime(reader, change->mutable_mtime());
    default:
      OPENEFS_CHECK(false);
  }
  return status;
}

// In ascending order, as they lie in attrlist4. The first wrong value decides the status.
nfsstat4 DecodeValues(const AttributeMask& mask, xdr::Reader& reader, pb::AttributeChange* change) {
  nfsstat4 first = NFS4_OK;
  for (uint32_t number = 0; number < kNumbers && reader.ok(); ++number) {
    if (!mask.Has(number)) continue;
    const nfsstat4 status = DecodeValue(number, reader, change);
    if (first == NFS4_OK) first = status;
  }
  if (reader.remaining() != 0) reader.Fail();
  return first;
}

}  // namespace

AttributesToSet DecodeAttributesToSet(xdr::Reader& reader) {
  AttributesToSet result;
  const AttributeValues given = DecodeAttributeValues(reader);
  result.mask = given.mask;
  if (!reader.ok()) return result;
  if (!given.mask.Within(kSupported)) {
    result.status = NFS4ERR_ATTRNOTSUPP;
  } else if (!given.mask.Within(kSettable)) {
    result.status = NFS4ERR_INVAL;  // RFC 8881 18.30.3: a read-only attribute
  } else {
    // The record outlives this reader, so it needs no owner of its own.
    xdr::Reader values(Buffer(nullptr, given.values.data(), given.values.size()));
    result.status = DecodeValues(given.mask, values, &result.change);
    if (!values.ok()) reader.Fail();
  }
  return result;
}

}  // namespace openefs::nfs4
