// A small client of the metadata state machine for tests: paths in, FsError and contents out. Every
// mutation is one entry. Blobs are kept in memory, their bytes made up from their id.
#pragma once

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "common/ids.h"
#include "metadata/proposal.h"
#include "metadata/state_machine.h"
#include "metadata/store/check.h"
#include "proto/metadata.pb.h"

namespace openefs::metadata {

inline constexpr FileSystemId kTestFs = 0x1122334455667788;
inline constexpr GroupId kTestGroup = kFirstNamespaceGroup;

struct DirectoryListing {
  pb::FsError error = pb::FS_OK;
  std::vector<pb::ReadDirResult::Entry> entries;
};

class Shell {
 public:
  // Formats kTestFs if it is not there.
  explicit Shell(std::unique_ptr<KvEngine> engine);

  // ---- whole segments

  // As one entry; `wall_time_ns` moves on by a millisecond for each.
  pb::SegmentResponse Apply(const pb::SegmentRequest& request);
  pb::SegmentResponse Read(const pb::SegmentRequest& request);
  // Starts a segment as the user of now: root directory current, then a look-up for each part.
  pb::SegmentRequest At(const std::string& path) const;
  // At the parent of `path`, whose last part goes to *name.
  pb::SegmentRequest AtParent(const std::string& path, std::string* name) const;
  static pb::FsError ErrorOf(const pb::SegmentResponse& response);

  // ---- who

  void Become(uint32_t uid, uint32_t gid, std::vector<uint32_t> gids = {});

  // ---- operations on paths

  pb::FsError Mkdir(const std::string& path, uint32_t mode = 0755);
  pb::FsError Symlink(const std::string& target, const std::string& path);
  pb::FsError MakeNode(pb::FileType type, const std::string& path, uint32_t mode = 0644);
  pb::FsError MakeFile(const std::string& path, uint32_t mode = 0644);  // OPEN and CLOSE
  pb::FsError Remove(const std::string& path);
  pb::FsError Rename(const std::string& from, const std::string& to);
  pb::FsError Link(const std::string& from, const std::string& to);
  pb::FsError SetAttr(const std::string& path, const pb::AttributeChange& change);
  pb::FsError Chmod(const std::string& path, uint32_t mode);
  pb::FsError Chown(const std::string& path, int64_t uid, int64_t gid);  // -1: as it is
  pb::FsError Truncate(const std::string& path, uint64_t size);
  pb::FsError WriteInline(const std::string& path, uint64_t offset, const std::string& bytes);
  pb::FsError WriteBlob(const std::string& path, uint64_t offset, uint32_t length,
                        std::string* bytes, uint32_t missing_mask = 0);
  pb::FsError ReadFile(const std::string& path, uint64_t offset, uint32_t count,
                       std::string* bytes);
  pb::FsError Stat(const std::string& path, pb::Attributes* attributes, bool usage = false);
  pb::Attributes MustStat(const std::string& path);
  uint32_t AccessOf(const std::string& path, uint32_t mask);
  DirectoryListing List(const std::string& path, uint32_t max_entries = 7);
  pb::FsError ReadLink(const std::string& path, std::string* target);

  // ---- opens, on a session made on first use

  pb::FsError OpenFile(const std::string& path, uint32_t share_access, pb::Stateid* stateid,
                       pb::FileRef* file);
  pb::FsError CloseFile(const pb::FileRef& file, const pb::Stateid& stateid);
  const std::string& SessionId();

  // ---- background work

  pb::OperationResult Background(const pb::Operation& operation);
  void PurgeAll();

  pb::BlobId MakeBlob(uint32_t length, std::string* bytes);
  std::string Bytes(const pb::ReadPlanResult& plan) const;
  CheckReport Check();

  MetadataStateMachine& machine() { return *machine_; }
  int64_t wall_time_ns = 1'700'000'000'000'000'000;
  uint64_t next_index = 1;
  bool check_every_entry = false;

 private:
  pb::FsError Last(const pb::SegmentRequest& request) { return ErrorOf(Apply(request)); }

  std::unique_ptr<MetadataStateMachine> machine_;
  pb::Credentials who_;
  std::string session_id_;
  uint32_t next_sequence_ = 1;
  uint64_t next_blob_ = 1;
  std::map<BlobId, std::string> blobs_;
};

}  // namespace openefs::metadata
