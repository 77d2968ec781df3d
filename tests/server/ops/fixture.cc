#include "tests/server/ops/fixture.h"

#include <algorithm>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>

#include "server/nfs4/wire_status.h"
#include "tests/server/ops/wire.h"

namespace openefs::nfs4::testing {
namespace {

constexpr uint32_t kReplyRoom = 2 << 20;

pb::ClusterState MakeCluster(const std::vector<FileSystemId>& file_systems) {
  pb::ClusterState cluster;
  for (FileSystemId fs_id : file_systems) {
    pb::FileSystem* fs = cluster.add_file_systems();
    fs->set_fs_id(fs_id);
    fs->set_name(Fixture::NameOf(fs_id));
    fs->add_groups(kFirstNamespaceGroup);
    fs->set_created_ms(1'700'000'000'000);
  }
  cluster.mutable_secrets()->set_handle_key("0123456789abcdef");
  cluster.mutable_secrets()->set_write_verifier("VERIFIER");
  cluster.mutable_secrets()->set_server_owner("owner");
  return cluster;
}

// Runs `body` on an io_context of its own until it is done.
template <typename T>
T Wait(FakeBlobs& blobs, boost::asio::awaitable<T> body) {
  boost::asio::io_context io;
  blobs.AnswerOn(&io);
  std::optional<T> result;
  boost::asio::co_spawn(io, std::move(body), [&](std::exception_ptr error, T value) {
    if (error) std::rethrow_exception(error);
    result = std::move(value);
  });
  io.run();
  return std::move(result).value();
}

}  // namespace

void FakeMetadata::Execute(std::unique_ptr<pb::SegmentRequest> request,
                           metadata::SegmentCallback done) {
  auto response = handler ? handler(*request) : absl::UnavailableError("no handler");
  if (!response.ok()) return done(response.status());
  done(std::make_unique<pb::SegmentResponse>(*std::move(response)));
}

void FakeBlobs::Write(BufferList bytes,
                      absl::AnyInvocable<void(absl::StatusOr<datastore::WrittenBlob>)> done) {
  if (!fail.ok()) return done(fail);
  const BlobId id = BlobId::Make(1, 1000, next_++);
  written_from = bytes.front().data();
  blobs[id] = Flatten(bytes);
  done(datastore::WrittenBlob{id, static_cast<uint32_t>(TotalBytes(bytes)), 0b100000});
}

void FakeBlobs::Read(BlobId id, uint32_t, uint32_t offset, uint32_t length,
                     absl::AnyInvocable<void(absl::StatusOr<BufferList>)> done) {
  ++reads;
  if (short_reads) --length;
  absl::StatusOr<BufferList> answer = BufferList();
  if (!fail.ok()) {
    answer = fail;
  } else {
    // In two pieces, as from two fragments.
    const Buffer blob = Buffer::Copy(blobs.at(id));
    answer = BufferList{blob.Slice(offset, length / 2),
                        blob.Slice(offset + length / 2, length - length / 2)};
  }
  if (held_.empty()) boost::asio::post(*io_, [this] { AnswerAll(); });
  held_.push_back({std::move(answer), std::move(done)});
  most_at_once = std::max(most_at_once, held_.size());
}

void FakeBlobs::AnswerAll() {
  std::vector<HeldRead> held = std::exchange(held_, {});
  for (auto it = held.rbegin(); it != held.rend(); ++it) it->done(std::move(it->answer));
}

void FakeBlobs::Delete(std::vector<BlobId> ids, absl::AnyInvocable<void(absl::Status)> done) {
  for (const BlobId& id : ids) {
    deleted.push_back(id);
    blobs.erase(id);
  }
  done(absl::OkStatus());
}

void FakeBlobs::Repair(BlobId, uint32_t, uint32_t,
                       absl::AnyInvocable<void(absl::StatusOr<uint32_t>)> done) {
  done(0u);
}

Fixture::Fixture(std::vector<FileSystemId> file_systems)
    : services(std::make_unique<Services>(&metadata, &blobs, &clock, 60'000,
                                          MakeCluster(file_systems))) {
  context.services = services.get();
  context.client_id = 0x77;
  context.max_reply_bytes = kReplyRoom;
}

Fixture::~Fixture() = default;

void Fixture::SetFileSystems(const std::vector<FileSystemId>& file_systems) {
  services->SetCluster(MakeCluster(file_systems));
}

std::string Fixture::NameOf(FileSystemId fs_id) { return "fs-" + std::to_string(fs_id & 0xff); }

std::string Fixture::HandleOf(const FileHandleCodec& codec, FileSystemId fs_id, InodeId inode,
                              uint32_t generation) {
  pb::FileRef file;
  file.set_fs_id(fs_id);
  file.set_inode(inode);
  file.set_generation(generation);
  const auto bytes = codec.Encode(file);
  return std::string(bytes.data(), bytes.size());
}

std::unique_ptr<Operation> Fixture::Decode(const TableEntry& entry, const std::string& arguments) {
  xdr::Reader reader(Buffer::Copy(arguments));
  auto operation = entry.decode(reader);
  return reader.ok() && reader.remaining() == 0 ? std::move(operation) : nullptr;
}

Outcome Fixture::Run(const TableEntry& entry, const std::string& arguments,
                     const pb::OperationResult& result) {
  auto operation = Decode(entry, arguments);
  return operation == nullptr ? Outcome() : Run(*operation, result);
}

Outcome Fixture::Run(Operation& operation, const pb::OperationResult& result) {
  Outcome outcome;
  outcome.decoded = true;
  const OperationKind kind = operation.Kind(context);
  outcome.status = Wait(blobs, operation.Prepare(context));
  xdr::Writer writer;
  if (outcome.status == NFS4_OK && kind != OperationKind::kLocal) {
    operation.Plan(context, &outcome.planned.emplace());
  }
  if (outcome.status == NFS4_OK && result.error() == pb::FS_OK) {
    outcome.status = Wait(blobs, operation.Finish(context, result, writer));
    if (outcome.status != NFS4_OK) writer.Truncate(0);
  } else if (outcome.status == NFS4_OK) {
    operation.Abandon(context);
    outcome.status = ToWireStatus(result.error(), operation.info().opcode);
  }
  if (outcome.status != NFS4_OK) operation.FinishError(context, outcome.status, result, writer);
  outcome.reply = Flatten(writer.Finish());
  return outcome;
}

}  // namespace openefs::nfs4::testing
