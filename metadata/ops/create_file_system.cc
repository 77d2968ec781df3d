#include "metadata/ops/create_file_system.h"

#include <algorithm>

#include "absl/strings/str_format.h"
#include "metadata/state/cluster_table.h"
#include "metadata/store/keys.h"

namespace openefs::metadata {
namespace {

constexpr size_t kMaxFsNameBytes = 128;
constexpr int kMaxShards = 1'024;

// A name is one part of a path in the root of a front-end that serves several file systems.
bool ValidName(const std::string& name) {
  const bool safe = std::all_of(name.begin(), name.end(), [](unsigned char c) {
    return std::isalnum(c) || c == '-' || c == '_' || c == '.';
  });
  return safe && !name.empty() && name.size() <= kMaxFsNameBytes && name[0] != '.';
}

bool ValidGroups(const pb::CreateFileSystem& request) {
  if (request.groups_size() < 1 || request.groups_size() > kMaxShards) return false;
  return std::none_of(request.groups().begin(), request.groups().end(),
                      [](uint32_t group) { return group == kSystemGroup || group > UINT16_MAX; });
}

uint64_t UnusedFsId(OperationContext& context) {
  uint64_t id = kPseudoFileSystem;
  while (id == kPseudoFileSystem || context.txn.Contains(keys::FileSystem(id))) {
    id = context.environment.NextRandom();  // ends: at most kMaxFileSystems of 2^64 are taken
  }
  return id;
}

}  // namespace

pb::FsError CreateFileSystemOp::Apply(OperationContext& context, const Request& request,
                                      pb::OperationResult* result) {
  if (ClusterEpoch(context.txn) == 0) return pb::FS_NOENT;
  if (!ValidGroups(request)) return pb::FS_INVAL;
  if (!request.name().empty() && !ValidName(request.name())) return pb::FS_BADNAME;
  const std::vector<pb::FileSystem> existing = AllFileSystems(context.txn);
  for (const pb::FileSystem& fs : existing) {
    if (fs.name() != request.name()) continue;
    *result->mutable_file_system() = fs;
    return pb::FS_EXIST;
  }
  if (existing.size() >= kMaxFileSystems) return pb::FS_DQUOT;
  pb::FileSystem* fs = result->mutable_file_system();
  fs->set_fs_id(UnusedFsId(context));
  // 68 bits, as EFS names have: the id and four more.
  fs->set_name(request.name().empty() ? absl::StrFormat("fs-%016x%x", fs->fs_id(),
                                                        context.environment.NextRandom() & 15)
                                      : request.name());
  *fs->mutable_groups() = request.groups();
  fs->set_created_ms(context.environment.wall_time_ns / 1'000'000);
  context.txn.PutRecord(keys::FileSystem(fs->fs_id()), *fs);
  BumpEpoch(context.txn);
  return pb::FS_OK;
}

}  // namespace openefs::metadata
