#include "server/nfs4/ops/directory_list.h"

#include "common/check.h"
#include "server/nfs4/pseudo_root.h"
#include "server/nfs4/services.h"

namespace openefs::nfs4 {
namespace {

constexpr size_t kVerifierBytes = 8;
constexpr uint32_t kEndBytes = kEmptyListBytes - kVerifierBytes;
constexpr uint32_t kFollowsBytes = 4;  // "another entry follows"

constexpr uint64_t NameBytes(size_t name) { return 8 + 4 + (name + 3) / 4 * 4; }

}  // namespace

uint32_t LeastEntryBytes(const Services& services, const AttributeMask& wanted) {
  const pb::Attributes least;
  xdr::Writer scratch;
  EncodeAttributes(MakeAttributeSource(services, least), wanted, scratch);
  return kFollowsBytes + kLeastNameBytes + static_cast<uint32_t>(scratch.size());
}

DirectoryList::DirectoryList(const Services& services, const AttributeMask& wanted, Limits limits,
                             xdr::Writer& writer)
    : services_(services),
      wanted_(wanted),
      needs_attributes_(!(wanted & SupportedAttributes()).Within(DirectoryEntryAttributes())),
      limits_(limits),
      writer_(writer),
      begin_(writer.size() - kVerifierBytes) {}

DirectoryList::Added DirectoryList::Add(const pb::ReadDirResult::Entry& entry) {
  name_bytes_ += NameBytes(entry.name().size());
  // A hint: one entry is always worth more than none.
  if (limits_.dir_count != 0 && !empty_ && name_bytes_ > limits_.dir_count) return Added::kFull;
  const size_t before = writer_.size();
  if (!EncodeEntry(entry)) return Added::kFailed;
  if (writer_.size() - begin_ + kEndBytes > limits_.max_count) {
    writer_.Truncate(before);
    return Added::kFull;
  }
  empty_ = false;
  return Added::kYes;
}

bool DirectoryList::EncodeEntry(const pb::ReadDirResult::Entry& entry) {
  writer_.Bool(true);
  writer_.U64(entry.cookie());
  writer_.Opaque(entry.name());
  if (needs_attributes_ && !entry.has_attributes()) {
    if (!wanted_.Has(FATTR4_RDATTR_ERROR)) return false;
    EncodeAttributeError(NFS4ERR_IO, writer_);
    return true;
  }
  if (entry.attributes().has_file()) {
    EncodeAttributes(MakeAttributeSource(services_, entry.attributes()), wanted_, writer_);
    return true;
  }
  pb::Attributes of_entry;
  *of_entry.mutable_file() = entry.file();
  EncodeAttributes(MakeAttributeSource(services_, of_entry), wanted_, writer_);
  return true;
}

void DirectoryList::End(bool end_of_directory) {
  writer_.Bool(false);
  writer_.Bool(end_of_directory);
}

}  // namespace openefs::nfs4
