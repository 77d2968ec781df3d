// The parts of mixes that change something: each actor in a directory of its own.
#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "bench/generator/mix.h"
#include "bench/generator/pattern.h"

namespace openefs::bench {
namespace {

// An actor keeps so many files of its own; then the oldest one goes for each new one.
constexpr size_t kMaxOwnFiles = 64;

constexpr uint32_t kLogLineBytes = 200;
constexpr uint64_t kMaxLogBytes = 4 << 20;  // then it begins anew, as rotated logs do

}  // namespace

MixActor::OwnFile MixActor::NewOwn() {
  const uint64_t number = ++names_;
  const uint64_t seed = Mix64(context().seed + number);
  return {absl::StrCat("f", number), seed, DrawSize(info_.made, seed)};
}

// The whole content under `name`. `there`: it is a file already and is cut first.
Task<absl::Status> MixActor::Write(const std::string& name, const OwnFile& content, bool there) {
  absl::StatusOr<OpenFile> file = co_await client().Open(
      own_directory_, name, owner(), {.create = true, .guarded = !there, .truncate = there});
  if (!file.ok()) co_return file.status();
  const uint32_t stable = options_.unstable ? nfs4::UNSTABLE4 : nfs4::FILE_SYNC4;
  const uint64_t most = client().session().max_io_bytes();
  absl::Status status;
  bool commit = false;
  for (uint64_t at = 0; at < content.bytes && status.ok(); at += most) {
    const uint64_t here = std::min(most, content.bytes - at);
    const absl::StatusOr<WriteResult> written =
        co_await client().Write(*file, at, stable, PatternBytes(content.seed, at, here));
    status = written.status();
    commit |= written.ok() && written->committed != nfs4::FILE_SYNC4;
  }
  if (status.ok() && commit) status = (co_await client().Commit(file->handle)).status();
  const absl::Status closed = co_await client().Close(*std::move(file));
  co_return status.ok() ? closed : status;
}

Task<StepResult> MixActor::Make() {
  const OwnFile made = NewOwn();
  const absl::Status written = co_await Write(made.name, made, false);
  if (!written.ok()) co_return StepResult{written};
  own_.push_back(made);
  if (own_.size() <= kMaxOwnFiles) co_return StepResult{.bytes = made.bytes};
  StepResult removed = co_await Delete();
  removed.bytes = made.bytes;
  co_return removed;
}

Task<StepResult> MixActor::Save() {
  if (own_.empty()) co_return co_await Make();
  OwnFile saved = NewOwn();
  const absl::Status written = co_await Write(saved.name, saved, false);
  if (!written.ok()) co_return StepResult{written};
  OwnFile& old = own_[RandomBelow(own_.size())];
  const std::string temporary = std::exchange(saved.name, old.name);
  const absl::Status renamed =
      co_await client().Rename(own_directory_, temporary, own_directory_, old.name);
  if (renamed.ok()) old = saved;
  co_return StepResult{.status = renamed, .bytes = saved.bytes};
}

Task<StepResult> MixActor::Rewrite() {
  if (own_.empty()) co_return co_await Make();
  const size_t chosen = RandomBelow(own_.size());
  OwnFile content = NewOwn();
  content.name = own_[chosen].name;
  const absl::Status written = co_await Write(content.name, content, true);
  if (written.ok()) {
    own_[chosen] = content;
  } else {
    own_.erase(own_.begin() + static_cast<ptrdiff_t>(chosen));  // its content is not known now
  }
  co_return StepResult{.status = written, .bytes = content.bytes};
}

Task<StepResult> MixActor::ReadOwn() {
  if (own_.empty()) co_return co_await Make();
  const OwnFile& file = own_[RandomBelow(own_.size())];
  co_return co_await ReadAll(own_directory_, file.name, file.seed, file.bytes);
}

Task<StepResult> MixActor::Delete() {
  if (own_.empty()) co_return co_await Make();
  const OwnFile oldest = own_.front();
  own_.pop_front();
  co_return StepResult{co_await client().Remove(own_directory_, oldest.name)};
}

Task<absl::Status> MixActor::OpenLog() {
  absl::StatusOr<OpenFile> file =
      co_await client().Open(own_directory_, "log", owner(), {.create = true, .truncate = true});
  if (file.ok()) log_ = *std::move(file);
  log_bytes_ = 0;
  co_return file.status();
}

Task<StepResult> MixActor::Append() {
  const bool lost = log_.incarnation != client().session().incarnation();
  if (log_.stateid.empty() || lost) {
    const absl::Status opened = co_await OpenLog();
    if (!opened.ok()) co_return StepResult{opened};
  }
  if (log_bytes_ >= kMaxLogBytes) log_bytes_ = 0;
  const absl::StatusOr<WriteResult> written = co_await client().Write(
      log_, log_bytes_, nfs4::FILE_SYNC4, PatternBytes(context().seed, log_bytes_, kLogLineBytes));
  if (!written.ok()) {
    log_.stateid.clear();
    co_return StepResult{written.status()};
  }
  log_bytes_ += kLogLineBytes;
  co_return StepResult{.bytes = kLogLineBytes};
}

Task<StepResult> MixActor::MakeDirectory() {
  const std::string name = absl::StrCat("dir", ++names_);
  const absl::StatusOr<FileHandle> made = co_await client().MakeDirectory(own_directory_, name);
  if (!made.ok()) co_return StepResult{made.status()};
  co_return StepResult{co_await client().Remove(own_directory_, name)};
}

}  // namespace openefs::bench
