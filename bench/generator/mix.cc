#include "bench/generator/mix.h"

#include <algorithm>
#include <cmath>
#include <utility>

#include "absl/strings/str_cat.h"
#include "bench/generator/pattern.h"

namespace openefs::bench {
namespace {

constexpr uint32_t kListBytes = 32 << 10;
constexpr uint32_t kScanBytes = 1 << 20;
constexpr uint32_t kPieceBytes = 64 << 10;

// How strongly few files are preferred: with the cube a tenth of them gets nearly half of the use.
constexpr double kPopularity = 3;

constexpr double kUnit = 0x1p-53;

StepResult Checked(const absl::Status& status, bool right, const char* wrong) {
  if (!status.ok()) return StepResult{status};
  return StepResult{right ? absl::OkStatus() : absl::DataLossError(wrong)};
}

uint32_t TotalWeight(std::span<const SizeClass> classes) {
  uint32_t total = 0;
  for (const SizeClass& one : classes) total += one.weight;
  return total;
}

}  // namespace

uint64_t DrawSize(std::span<const SizeClass> classes, uint64_t random) {
  uint64_t drawn = RandomBelow(&random, TotalWeight(classes));
  const SizeClass* chosen = classes.data();
  for (; drawn >= chosen->weight; ++chosen) drawn -= chosen->weight;
  const double within = static_cast<double>(NextRandom(&random) >> 11) * kUnit;
  const double ratio = static_cast<double>(chosen->most) / chosen->least;
  const auto size = static_cast<uint64_t>(chosen->least * std::pow(ratio, within));
  return std::clamp<uint64_t>(size, chosen->least, chosen->most);
}

std::vector<std::string> MixWorkload::Kinds() const {
  std::vector<std::string> names;
  for (const MixPart& part : info_.parts) names.emplace_back(part.name);
  return names;
}

Task<absl::Status> MixWorkload::SetUp(Client& client, FileHandle root, uint32_t) {
  const uint32_t directories = std::max(1u, options_.files / info_.files_per_directory);
  files_ = std::make_unique<FileSet>(
      std::max(1u, options_.files), directories,
      [this](uint32_t index) { return DrawSize(info_.sizes, Mix64(index + 1)); });
  return files_->MakeDirectories(client, std::move(root));
}

std::unique_ptr<Actor> MixWorkload::MakeActor(const ActorContext& context) {
  return std::make_unique<MixActor>(context, options_, info_, files_.get());
}

MixActor::MixActor(const ActorContext& context, const WorkloadOptions& options, const MixInfo& info,
                   FileSet* files)
    : ActorBase(context), options_(options), info_(info), files_(*files) {
  for (const MixPart& part : info_.parts) total_weight_ += part.weight;
}

Task<absl::Status> MixActor::SetUp() {
  absl::StatusOr<FileHandle> made =
      co_await client().MakeDirectory(context().root, absl::StrCat("own", context().index));
  if (!made.ok()) co_return made.status();
  own_directory_ = *std::move(made);
  co_return co_await files_.MakeFiles(client(), context().index, context().count);
}

Task<StepResult> MixActor::Step() {
  uint64_t drawn = RandomBelow(total_weight_);
  size_t kind = 0;
  for (; drawn >= info_.parts[kind].weight; ++kind) drawn -= info_.parts[kind].weight;
  StepResult result = co_await (this->*info_.parts[kind].run)();
  result.kind = static_cast<int>(kind);
  co_return result;
}

Task<absl::Status> MixActor::TearDown() {
  for (OpenFile* file : {&scan_, &log_}) {
    if (file->stateid.empty()) continue;
    const absl::Status closed = co_await client().Close(*file);
    if (!closed.ok()) co_return closed;
  }
  co_return absl::OkStatus();
}

const SetFile& MixActor::Popular() {
  const double uniform = static_cast<double>(RandomBelow(uint64_t{1} << 53)) * kUnit;
  const auto index = static_cast<uint32_t>(std::pow(uniform, kPopularity) * files_.size());
  return files_.file(std::min(index, files_.size() - 1));
}

Task<StepResult> MixActor::Stat() {
  const SetFile& file = Popular();
  const absl::StatusOr<Attributes> found = co_await client().GetAttr(file.handle);
  const bool right = found.ok() && found->fileid == file.fileid && found->size == file.bytes;
  co_return Checked(found.status(), right, "GETATTR: another file");
}

Task<StepResult> MixActor::Permit() {
  const absl::StatusOr<uint32_t> granted =
      co_await client().Access(Popular().handle, nfs4::ACCESS4_READ);
  co_return Checked(granted.status(), granted.ok() && *granted == nfs4::ACCESS4_READ,
                    "ACCESS: denied");
}

Task<StepResult> MixActor::Walk() {
  const SetFile& file = Popular();
  const absl::StatusOr<Found> directory =
      co_await client().Lookup(context().root, absl::StrCat("d", file.directory));
  if (!directory.ok()) co_return StepResult{directory.status()};
  const absl::StatusOr<Found> found = co_await client().Lookup(directory->handle, file.name);
  co_return Checked(found.status(), found.ok() && found->attributes.fileid == file.fileid,
                    "LOOKUP: another file");
}

Task<StepResult> MixActor::WalkMissing() {
  const FileHandle& directory = files_.directory(Popular().directory);
  const std::string name = absl::StrCat("missing", RandomBelow(1000));
  co_return StepResult{co_await client().LookupMissing(directory, name)};
}

Task<StepResult> MixActor::List() {
  const auto directory = static_cast<uint32_t>(RandomBelow(files_.directories()));
  DirectoryPage page;
  uint64_t entries = 0;
  do {
    absl::StatusOr<DirectoryPage> next = co_await client().ReadDir(
        files_.directory(directory), page.cookie, page.verifier, kListBytes);
    if (!next.ok()) co_return StepResult{next.status()};
    page = *std::move(next);
    entries += page.entries.size();
  } while (!page.end);
  co_return Checked(absl::OkStatus(), entries == files_.FilesIn(directory),
                    "READDIR: not what the directory holds");
}

Task<StepResult> MixActor::ReadAll(FileHandle directory, std::string name, uint64_t seed,
                                   uint64_t bytes) {
  absl::StatusOr<OpenFile> file = co_await client().Open(
      std::move(directory), std::move(name), owner(), {.access = nfs4::OPEN4_SHARE_ACCESS_READ});
  if (!file.ok()) co_return StepResult{file.status()};
  const uint64_t most = client().session().max_io_bytes();
  absl::Status status;
  for (uint64_t at = 0; at < bytes && status.ok(); at += most) {
    const auto count = static_cast<uint32_t>(std::min(most, bytes - at));
    const absl::StatusOr<Buffer> read = co_await client().Read(*file, at, count);
    status = read.status();
    if (status.ok() && !IsPattern(seed, at, read->view())) {
      status = absl::DataLossError("READ: wrong bytes");
    }
  }
  const absl::Status closed = co_await client().Close(*std::move(file));
  co_return StepResult{.status = status.ok() ? closed : status, .bytes = bytes};
}

Task<StepResult> MixActor::ReadWhole() {
  const SetFile& file = Popular();
  return ReadAll(files_.directory(file.directory), file.name, file.seed, file.bytes);
}

Task<StepResult> MixActor::ReadPiece() {
  const SetFile& chosen = Popular();
  absl::StatusOr<OpenFile> file =
      co_await client().Open(files_.directory(chosen.directory), chosen.name, owner(),
                             {.access = nfs4::OPEN4_SHARE_ACCESS_READ});
  if (!file.ok()) co_return StepResult{file.status()};
  const uint64_t pieces = (chosen.bytes + kPieceBytes - 1) / kPieceBytes;
  const uint64_t at = RandomBelow(pieces) * kPieceBytes;
  const auto count = static_cast<uint32_t>(std::min<uint64_t>(kPieceBytes, chosen.bytes - at));
  const absl::StatusOr<Buffer> read = co_await client().Read(*file, at, count);
  const absl::Status closed = co_await client().Close(*std::move(file));
  if (!read.ok()) co_return StepResult{read.status()};
  if (!IsPattern(chosen.seed, at, read->view())) {
    co_return StepResult{absl::DataLossError("READ: wrong bytes")};
  }
  co_return StepResult{.status = closed, .bytes = count};
}

Task<absl::Status> MixActor::OpenScan() {
  if (!scan_.stateid.empty()) {
    const absl::Status closed = co_await client().Close(scan_);
    scan_.stateid.clear();
    if (!closed.ok()) co_return closed;
  }
  scanned_ = &Popular();
  scan_at_ = 0;
  absl::StatusOr<OpenFile> file =
      co_await client().Open(files_.directory(scanned_->directory), scanned_->name, owner(),
                             {.access = nfs4::OPEN4_SHARE_ACCESS_READ});
  if (file.ok()) scan_ = *std::move(file);
  co_return file.status();
}

Task<StepResult> MixActor::Scan() {
  const bool lost = scan_.incarnation != client().session().incarnation();
  if (scan_.stateid.empty() || lost || scan_at_ >= scanned_->bytes) {
    const absl::Status opened = co_await OpenScan();
    if (!opened.ok()) co_return StepResult{opened};
  }
  const uint64_t most = std::min(kScanBytes, client().session().max_io_bytes());
  const uint64_t at = scan_at_;
  const auto count = static_cast<uint32_t>(std::min(most, scanned_->bytes - at));
  scan_at_ += count;
  const absl::StatusOr<Buffer> read = co_await client().Read(scan_, at, count);
  if (!read.ok()) {
    scan_.stateid.clear();
    co_return StepResult{read.status()};
  }
  StepResult result =
      Checked(absl::OkStatus(), IsPattern(scanned_->seed, at, read->view()), "READ: wrong bytes");
  result.bytes = count;
  co_return result;
}

}  // namespace openefs::bench
