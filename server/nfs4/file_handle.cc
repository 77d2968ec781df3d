#include "server/nfs4/file_handle.h"

#include <cstring>

namespace openefs::nfs4 {
namespace {

constexpr size_t kFileSystemAt = 4;
constexpr size_t kInodeAt = 12;
constexpr size_t kGenerationAt = 20;
constexpr size_t kMacAt = 24;
static_assert(kMacAt + sizeof(uint64_t) == FileHandleCodec::kBytes);
static_assert(FileHandleCodec::kBytes <= NFS4_FHSIZE);

template <typename T>
void Store(char* at, T value) {
  std::memcpy(at, &value, sizeof(value));
}

template <typename T>
T Load(const char* at) {
  T value;
  std::memcpy(&value, at, sizeof(value));
  return value;
}

constexpr uint32_t kHeader = FileHandleCodec::kVersion;  // little-endian: the version byte leads

}  // namespace

FileHandleCodec::Bytes FileHandleCodec::Encode(const pb::FileRef& file) const {
  Bytes bytes;
  Store<uint32_t>(bytes.data(), kHeader);
  Store<uint64_t>(bytes.data() + kFileSystemAt, file.fs_id());
  Store<uint64_t>(bytes.data() + kInodeAt, file.inode());
  Store<uint32_t>(bytes.data() + kGenerationAt, file.generation());
  Store<uint64_t>(bytes.data() + kMacAt, SipHash24(key_, {bytes.data(), kMacAt}));
  return bytes;
}

uint64_t FileHandleCodec::ClaimedFileSystem(std::string_view handle) {
  return handle.size() == kBytes ? Load<uint64_t>(handle.data() + kFileSystemAt) : ~uint64_t{0};
}

nfsstat4 FileHandleCodec::Decode(std::string_view handle, pb::FileRef* file) const {
  if (handle.size() != kBytes) return NFS4ERR_BADHANDLE;
  if (Load<uint32_t>(handle.data()) != kHeader) return NFS4ERR_BADHANDLE;
  const uint64_t mac = SipHash24(key_, handle.substr(0, kMacAt));
  if (mac != Load<uint64_t>(handle.data() + kMacAt)) return NFS4ERR_BADHANDLE;
  file->set_fs_id(Load<uint64_t>(handle.data() + kFileSystemAt));
  file->set_inode(Load<uint64_t>(handle.data() + kInodeAt));
  file->set_generation(Load<uint32_t>(handle.data() + kGenerationAt));
  return NFS4_OK;
}

}  // namespace openefs::nfs4
