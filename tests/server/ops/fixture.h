// Runs one NFS operation as the COMPOUND driver does, against a metadata service and data nodes
// that answer what the test says.
#pragma once

#include <boost/asio/io_context.hpp>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "common/clock.h"
#include "datastore/client/blob_client.h"
#include "metadata/client/metadata_client.h"
#include "server/nfs4/compound_context.h"
#include "server/nfs4/operation_table.h"
#include "server/nfs4/services.h"

namespace openefs::nfs4 {

// clang-format moves such a list at every pass.
// clang-format off
#define OPENEFS_TESTED_OPERATIONS(X) \
  X(Access) X(Close) X(Commit) X(Create) X(GetAttr) X(GetFh) X(Link) X(Lock) X(LockT) \
  X(LockU) X(Lookup) X(LookupP) X(NVerify) X(Open) X(OpenDowngrade) X(PutFh) X(PutPubFh) \
  X(PutRootFh) X(Read) X(ReadDir) X(ReadLink) X(Remove) X(Rename) X(RestoreFh) X(SaveFh) \
  X(SetAttr) X(Verify) X(Write)
// clang-format on
#define X(Name) extern const TableEntry k##Name##Entry;
OPENEFS_TESTED_OPERATIONS(X)
#undef X

}  // namespace openefs::nfs4

namespace openefs::nfs4::testing {

inline constexpr FileSystemId kFs = 0x0102030405060708;
inline constexpr FileSystemId kOtherFs = 0x1112131415161718;

class FakeMetadata final : public metadata::MetadataClient {
 public:
  using Handler = std::function<absl::StatusOr<pb::SegmentResponse>(const pb::SegmentRequest&)>;
  Handler handler;

  void Execute(std::unique_ptr<pb::SegmentRequest> request,
               metadata::SegmentCallback done) override;
};

class FakeBlobs final : public datastore::BlobClient {
 public:
  std::map<BlobId, std::string> blobs;
  std::vector<BlobId> deleted;
  absl::Status fail;  // what reads and writes answer if not OK
  size_t reads = 0;
  std::vector<BlobId> prefetched;
  size_t most_at_once = 0;   // reads asked for before one was answered
  bool short_reads = false;  // one byte less than asked for
  const char* written_from = nullptr;

  void SetClusterMap(std::shared_ptr<const pb::ClusterMap>) override {}
  void Write(BufferList bytes,
             absl::AnyInvocable<void(absl::StatusOr<datastore::WrittenBlob>)> done) override;
  void Read(BlobId id, uint32_t blob_length, uint32_t offset, uint32_t length,
            absl::AnyInvocable<void(absl::StatusOr<BufferList>)> done) override;
  void Prefetch(BlobId id, uint32_t, uint32_t, uint32_t) override { prefetched.push_back(id); }
  void Delete(std::vector<BlobId> ids, absl::AnyInvocable<void(absl::Status)> done) override;
  void Repair(BlobId, uint32_t, uint32_t,
              absl::AnyInvocable<void(absl::StatusOr<uint32_t>)> done) override;

 private:
  struct HeldRead {
    absl::StatusOr<BufferList> answer;
    absl::AnyInvocable<void(absl::StatusOr<BufferList>)> done;
  };
  void AnswerAll();

  uint64_t next_ = 1;
  std::vector<HeldRead> held_;
  boost::asio::io_context* io_ = nullptr;

 public:
  // Reads are answered by this io_context's next turn, the last one first.
  void AnswerOn(boost::asio::io_context* io) { io_ = io; }
};

// What one operation did.
struct Outcome {
  bool decoded = false;
  nfsstat4 status = NFS4_OK;
  std::optional<pb::Operation> planned;  // not set: nothing was asked of the metadata
  std::string reply;                     // behind the status
};

class Fixture {
 public:
  // One file system, kFs, unless told otherwise.
  explicit Fixture(std::vector<FileSystemId> file_systems = {kFs});
  ~Fixture();

  // Null if the arguments are not XDR, or not all of them were taken.
  static std::unique_ptr<Operation> Decode(const TableEntry& entry, const std::string& arguments);

  // Decodes and runs; the metadata answers `result`.
  Outcome Run(const TableEntry& entry, const std::string& arguments,
              const pb::OperationResult& result = {});
  Outcome Run(Operation& operation, const pb::OperationResult& result = {});

  // One file system more or less, from now on.
  void SetFileSystems(const std::vector<FileSystemId>& file_systems);
  static std::string NameOf(FileSystemId fs_id);
  static std::string HandleOf(const FileHandleCodec& codec, FileSystemId fs_id, InodeId inode,
                              uint32_t generation);
  std::string HandleOf(FileSystemId fs_id, InodeId inode, uint32_t generation = 0) const {
    return HandleOf(services->handles(), fs_id, inode, generation);
  }

  FakeMetadata metadata;
  FakeBlobs blobs;
  ManualClock clock;
  std::unique_ptr<Services> services;
  CompoundContext context;
};

}  // namespace openefs::nfs4::testing
