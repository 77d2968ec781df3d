#include "bench/generator/io_workload.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "bench/generator/file_set.h"
#include "bench/generator/pattern.h"

namespace openefs::bench {

IoActor::IoActor(const ActorContext& context, const WorkloadOptions& options)
    : ActorBase(context), options_(options) {}

uint64_t IoActor::whole_bytes() const {
  return options_.shared ? options_.file_bytes * context().count : options_.file_bytes;
}

uint64_t IoActor::part_begin() const {
  return options_.shared ? options_.file_bytes * context().index : 0;
}

std::string IoActor::FileName() const {
  if (options_.shared) return "shared";
  return absl::StrCat("f", context().index, ".", files_);
}

uint64_t IoActor::Seed() const { return options_.shared ? 1 : Mix64(context().index + 1) + files_; }

Task<absl::Status> IoActor::SetUp() { return OpenFileNow(); }

Task<absl::Status> IoActor::OpenFileNow() {
  absl::StatusOr<OpenFile> file =
      co_await client().Open(context().root, FileName(), owner(), {.create = true});
  if (!file.ok()) co_return file.status();
  file_ = *std::move(file);
  co_return absl::OkStatus();
}

Task<absl::Status> IoActor::EnsureOpen() {
  if (file_.incarnation == client().session().incarnation()) co_return absl::OkStatus();
  co_return co_await OpenFileNow();
}

// The open may be what is wrong: the next step begins with a new one.
void IoActor::NoteFailure() { file_.incarnation = 0; }

Task<absl::Status> IoActor::FillPart() {
  return FillFile(client(), file_, Seed(), part_begin(), options_.file_bytes);
}

Task<StepResult> IoActor::WriteAt(uint64_t offset) {
  const absl::Status open = co_await EnsureOpen();
  if (!open.ok()) co_return StepResult{open};
  const uint32_t stable = options_.unstable ? nfs4::UNSTABLE4 : nfs4::FILE_SYNC4;
  const absl::StatusOr<WriteResult> written =
      co_await client().Write(file_, offset, stable, PatternBytes(Seed(), offset, io_bytes()));
  if (!written.ok()) {
    NoteFailure();
    co_return StepResult{written.status()};
  }
  if (written->committed != nfs4::FILE_SYNC4) {
    const bool lost = uncommitted_ && verifier_ != written->verifier;
    uncommitted_ = true;
    verifier_ = written->verifier;
    if (lost) co_return StepResult{absl::DataLossError("WRITE: the server lost unstable data")};
  }
  co_return StepResult{.bytes = io_bytes()};
}

Task<StepResult> IoActor::ReadAt(uint64_t offset) {
  const absl::Status open = co_await EnsureOpen();
  if (!open.ok()) co_return StepResult{open};
  const absl::StatusOr<Buffer> read = co_await client().Read(file_, offset, io_bytes());
  if (!read.ok()) {
    NoteFailure();
    co_return StepResult{read.status()};
  }
  if (!IsPattern(Seed(), offset, read->view())) {
    co_return StepResult{absl::DataLossError("READ: wrong bytes")};
  }
  co_return StepResult{.bytes = io_bytes()};
}

Task<absl::Status> IoActor::CommitIfUnstable() {
  if (!std::exchange(uncommitted_, false)) co_return absl::OkStatus();
  const absl::StatusOr<uint64_t> verifier = co_await client().Commit(file_.handle);
  if (!verifier.ok()) co_return verifier.status();
  if (*verifier != verifier_)
    co_return absl::DataLossError("COMMIT: the server lost unstable data");
  co_return absl::OkStatus();
}

Task<absl::Status> IoActor::NextFile() {
  const absl::Status closed = co_await client().Close(file_);
  if (!closed.ok()) co_return closed;
  const absl::Status removed = co_await client().Remove(context().root, FileName());
  if (!removed.ok()) co_return removed;
  ++files_;
  co_return co_await OpenFileNow();
}

Task<absl::Status> IoActor::TearDown() {
  const absl::Status committed = co_await CommitIfUnstable();
  if (!committed.ok()) co_return committed;
  if (file_.incarnation != client().session().incarnation()) co_return absl::OkStatus();
  co_return co_await client().Close(file_);
}

}  // namespace openefs::bench
