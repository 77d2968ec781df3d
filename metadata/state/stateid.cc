#include "metadata/state/stateid.h"

#include <algorithm>
#include <string>

#include "common/check.h"
#include "metadata/store/keys.h"

namespace openefs::metadata {
namespace {

constexpr uint8_t kVersion = 1;
constexpr uint8_t kOpenByte = 1;
constexpr uint8_t kLockByte = 2;

bool AllBytesAre(const std::string& bytes, char value) {
  return std::all_of(bytes.begin(), bytes.end(), [value](char c) { return c == value; });
}

StateidClass ClassOfZeroOther(uint32_t seqid) {
  switch (seqid) {
    case 0:
      return StateidClass::kAnonymous;
    case 1:
      return StateidClass::kCurrent;
    case kSpecialSeqid:
      return StateidClass::kInvalid;
    default:
      return StateidClass::kMalformed;
  }
}

ParsedStateid Special(StateidClass kind) {
  ParsedStateid parsed;
  parsed.kind = kind;
  return parsed;
}

}  // namespace

ParsedStateid ParseStateid(const pb::Stateid& stateid) {
  const std::string& other = stateid.other();
  if (other.empty() && stateid.seqid() == 0) return Special(StateidClass::kAnonymous);  // unset
  if (other.size() != kStateidOtherBytes) return Special(StateidClass::kMalformed);
  if (AllBytesAre(other, '\0')) return Special(ClassOfZeroOther(stateid.seqid()));
  if (AllBytesAre(other, '\xff')) {
    return Special(stateid.seqid() == kSpecialSeqid ? StateidClass::kBypass
                                                    : StateidClass::kMalformed);
  }
  KeyReader reader(other);
  if (reader.U8() != kVersion) return Special(StateidClass::kMalformed);
  const uint8_t kind = reader.U8();
  if (kind != kOpenByte && kind != kLockByte) return Special(StateidClass::kMalformed);
  ParsedStateid parsed;
  parsed.kind = StateidClass::kOrdinary;
  parsed.state_kind = kind == kOpenByte ? pb::StateRecord::OPEN : pb::StateRecord::LOCK;
  parsed.group = static_cast<uint32_t>(reader.U8()) << 8;
  parsed.group |= reader.U8();
  parsed.state = reader.U64();
  parsed.seqid = stateid.seqid();
  return parsed;
}

pb::Stateid MakeStateid(pb::StateRecord::Kind kind, uint32_t group, uint64_t state,
                        uint32_t seqid) {
  OPENEFS_CHECK(group <= UINT16_MAX);
  std::string other;
  other.push_back(static_cast<char>(kVersion));
  other.push_back(static_cast<char>(kind == pb::StateRecord::OPEN ? kOpenByte : kLockByte));
  other.push_back(static_cast<char>(group >> 8));
  other.push_back(static_cast<char>(group));
  other += EncodeU64(state);
  pb::Stateid stateid;
  stateid.set_seqid(seqid);
  stateid.set_other(std::move(other));
  return stateid;
}

pb::Stateid InvalidStateid() {
  pb::Stateid stateid;
  stateid.set_seqid(kSpecialSeqid);
  stateid.set_other(std::string(kStateidOtherBytes, '\0'));
  return stateid;
}

}  // namespace openefs::metadata
