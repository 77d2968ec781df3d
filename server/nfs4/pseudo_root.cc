#include "server/nfs4/pseudo_root.h"

#include <algorithm>
#include <boost/asio/any_io_executor.hpp>

#include "absl/status/statusor.h"
#include "metadata/client/metadata_client.h"
#include "server/nfs4/services.h"
#include "server/rpc/await.h"

namespace openefs::nfs4 {
namespace {

constexpr uint32_t kPseudoRootMode = 0555;

// Differs whenever the list does: a sum over the ids, so their order does not matter.
uint64_t ChangeOf(const pb::ClusterState& cluster) {
  uint64_t change = 1;
  for (const pb::FileSystem& fs : cluster.file_systems()) {
    change += (fs.fs_id() ^ (fs.fs_id() >> 29)) * 0x9e3779b97f4a7c15;
  }
  return change;
}

int64_t LastCreatedMs(const pb::ClusterState& cluster) {
  int64_t last = 0;
  for (const pb::FileSystem& fs : cluster.file_systems()) last = std::max(last, fs.created_ms());
  return last;
}

}  // namespace

bool HasPseudoRoot(const Services& services) { return OnlyFileSystem(services) == 0; }

pb::FileRef PseudoRootFile() {
  pb::FileRef file;
  file.set_fs_id(kPseudoFileSystem);
  file.set_inode(kRootInode);
  return file;
}

pb::Attributes PseudoRootAttributes(const Services& services) {
  const auto cluster = services.cluster();
  pb::Timestamp time;
  time.set_seconds(LastCreatedMs(*cluster) / 1000);
  pb::Attributes attributes;
  attributes.set_type(pb::DIRECTORY);
  attributes.set_mode(kPseudoRootMode);
  attributes.set_nlink(2 + static_cast<uint32_t>(cluster->file_systems_size()));
  attributes.set_size(static_cast<uint64_t>(cluster->file_systems_size()));
  *attributes.mutable_file() = PseudoRootFile();
  *attributes.mutable_atime() = time;
  *attributes.mutable_mtime() = time;
  *attributes.mutable_ctime() = time;
  *attributes.mutable_btime() = time;
  attributes.set_change(ChangeOf(*cluster));
  return attributes;
}

void EnterPseudoRoot(CompoundContext& context) {
  context.current_is_pseudo_root = true;
  context.registers.clear_current();
  context.registers.clear_current_stateid();
}

FileSystemId OnlyFileSystem(const Services& services) {
  const auto cluster = services.cluster();
  return cluster->file_systems_size() == 1 ? cluster->file_systems(0).fs_id() : 0;
}

FileSystemId FindFileSystem(const Services& services, std::string_view name) {
  const auto cluster = services.cluster();
  for (const pb::FileSystem& fs : cluster->file_systems()) {
    if (fs.name() == name) return fs.fs_id();
  }
  return 0;
}

AttributeSource MakeAttributeSource(const Services& services, const pb::Attributes& attributes) {
  const pb::FileRef& file = attributes.file();
  const bool below_pseudo_root =
      file.inode() == kRootInode && file.fs_id() != kPseudoFileSystem && HasPseudoRoot(services);
  return {attributes, services.handles(), services.lease_seconds(),
          below_pseudo_root ? file.fs_id() : file.inode()};
}

boost::asio::awaitable<std::unique_ptr<pb::SegmentResponse>> RunReadingSegment(
    const CompoundContext& context, const pb::Registers& registers,
    std::vector<pb::Operation> operations) {
  auto request = std::make_unique<pb::SegmentRequest>();
  request->set_group(kFirstNamespaceGroup);
  *request->mutable_credentials() = context.credentials;
  *request->mutable_registers() = registers;
  for (pb::Operation& operation : operations) request->add_operations()->Swap(&operation);
  using Response = absl::StatusOr<std::unique_ptr<pb::SegmentResponse>>;
  Response response = co_await rpc::Await<Response>([&](auto done) {
    context.services->metadata().Execute(std::move(request), std::move(done));
  });
  if (!response.ok()) co_return nullptr;
  co_return std::move(*response);
}

namespace {

// One metadata call each, so a page of many would keep the client waiting.
constexpr uint32_t kMaxListedFileSystems = 256;

// Those behind `cookie`, in the order of their ids, which are the cookies: stable while others come
// and go.
std::vector<const pb::FileSystem*> FileSystemsBehind(const pb::ClusterState& cluster,
                                                     uint64_t cookie) {
  std::vector<const pb::FileSystem*> behind;
  for (const pb::FileSystem& fs : cluster.file_systems()) {
    if (fs.fs_id() > cookie) behind.push_back(&fs);
  }
  std::ranges::sort(behind, {}, [](const pb::FileSystem* fs) { return fs->fs_id(); });
  return behind;
}

boost::asio::awaitable<nfsstat4> ListFileSystem(const CompoundContext& context,
                                                const pb::FileSystem& fs,
                                                pb::ReadDirResult::Entry* entry) {
  std::vector<pb::Operation> operations(2);
  operations[0].mutable_put_root()->set_fs_id(fs.fs_id());
  operations[1].mutable_get_attr();
  const auto response = co_await RunReadingSegment(context, {}, std::move(operations));
  if (response == nullptr) co_return NFS4ERR_DELAY;
  entry->set_cookie(fs.fs_id());
  entry->set_name(fs.name());
  entry->mutable_file()->set_fs_id(fs.fs_id());
  entry->mutable_file()->set_inode(kRootInode);
  // Without its attributes the entry says so itself (rdattr_error).
  if (response->results_size() == 2 && response->results(1).has_attributes()) {
    *entry->mutable_attributes() = response->results(1).attributes();
  }
  co_return NFS4_OK;
}

}  // namespace

boost::asio::awaitable<nfsstat4> ListFileSystems(const CompoundContext& context, uint64_t cookie,
                                                 uint32_t max_entries, pb::ReadDirResult* page) {
  const auto cluster = context.services->cluster();
  std::vector<const pb::FileSystem*> behind = FileSystemsBehind(*cluster, cookie);
  const size_t fit = std::min(max_entries, kMaxListedFileSystems);
  page->set_end(behind.size() <= fit);
  behind.resize(std::min(behind.size(), fit));
  for (const pb::FileSystem* fs : behind) {
    const nfsstat4 status = co_await ListFileSystem(context, *fs, page->add_entries());
    if (status != NFS4_OK) co_return status;
  }
  co_return NFS4_OK;
}

}  // namespace openefs::nfs4
