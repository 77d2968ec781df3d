#include "bench/generator/runner.h"

#include <spawn.h>
#include <sys/wait.h>

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "bench/generator/mix64.h"
#include "common/random.h"

extern char** environ;

namespace openefs::bench {
namespace {

constexpr int64_t kMs = 1'000'000;
constexpr int64_t kProgressNs = 1'000 * kMs;

// An actor whose step failed takes a breath: a server that refuses everything must not be asked a
// million times a second.
constexpr int64_t kAfterErrorNs = 10 * kMs;

// An actor that waits for its next arrival looks this often whether the run was ended.
constexpr int64_t kLookNs = 50 * kMs;

absl::Status RunShell(const std::string& command) {
  const char* argv[] = {"/bin/sh", "-c", command.c_str(), nullptr};
  pid_t pid = 0;
  int status = 0;
  const int error =
      posix_spawn(&pid, argv[0], nullptr, nullptr, const_cast<char* const*>(argv), environ);
  const bool ran = error == 0 && waitpid(pid, &status, 0) == pid && status == 0;
  return ran ? absl::OkStatus() : absl::AbortedError(absl::StrCat("failed: ", command));
}

// One run from its beginning to its end.
class Run {
 public:
  Run(const WorkloadInfo& info, const WorkloadOptions& options, const RunOptions& run,
      const RunHooks& hooks)
      : info_(info),
        options_(options),
        run_(run),
        hooks_(hooks),
        workload_(info.make(options)),
        kinds_(workload_->Kinds()),
        fleet_(run.fleet, &window_, kinds_.size()) {}

  absl::StatusOr<RunResult> Execute();

 private:
  struct Sample {
    int64_t at_ns = 0;
    int64_t generator_cpu_ns = 0;
    absl::StatusOr<int64_t> server_cpu_ns = 0;
  };

  uint32_t actors() const { return run_.fleet.sessions * run_.in_flight; }
  absl::Status MakeRoot();
  absl::Status SetUp();
  absl::Status Load();
  absl::Status TearDown();
  void ClearUp();
  absl::Status MeasureDisk();
  void MakeActors();
  void MakeSchedules();
  Task<void> Act(uint32_t index);
  Task<bool> WaitForArrival(Loop& loop, int64_t at_ns);
  void Watch();
  void ShowProgress();
  Sample TakeSample() const;
  RunResult Result();
  absl::Status ForAllActors(Task<absl::Status> (Actor::*phase)(), const char* name);

  const WorkloadInfo& info_;
  const WorkloadOptions& options_;
  const RunOptions& run_;
  const RunHooks& hooks_;
  Window window_;
  const std::unique_ptr<Workload> workload_;
  const std::vector<std::string> kinds_;
  std::vector<std::unique_ptr<Actor>> actors_;
  std::vector<std::unique_ptr<Schedule>> schedules_;  // by thread; empty: closed loop
  FileHandle parent_;
  FileHandle root_;
  std::string root_name_;
  bool interrupted_ = false;
  absl::Status closing_;  // what was found when the actors closed, reading back included

  Sample begin_;
  Sample end_;
  std::optional<uint64_t> disk_before_;
  std::optional<uint64_t> disk_after_;
  uint64_t user_bytes_ = 0;

  const char* phase_ = "";
  int64_t phase_began_ns_ = 0;
  int64_t shown_ns_ = 0;
  uint64_t shown_steps_ = 0;
  uint64_t shown_bytes_ = 0;

  // Last: its threads end before what they use goes.
  Fleet fleet_;
};

absl::StatusOr<RunResult> Run::Execute() {
  if (!run_.server.directories.empty()) {
    absl::StatusOr<uint64_t> before = BytesOnDisk(run_.server.directories);
    if (!before.ok()) return before.status();
    disk_before_ = *before;
  }
  absl::Status status = TakeSample().server_cpu_ns.status();
  if (status.ok()) status = fleet_.Open();
  if (status.ok()) status = MakeRoot();
  if (!status.ok()) return status;
  status = SetUp();
  if (status.ok() && !interrupted_) status = Load();
  if (status.ok()) closing_ = TearDown();
  if (status.ok() && closing_.ok()) status = MeasureDisk();
  ClearUp();
  if (!status.ok()) return status;
  return Result();
}

// The run's own directory below the path: what others have there is not touched.
absl::Status Run::MakeRoot() {
  root_name_ =
      absl::StrCat("openefs-bench-", info_.name, "-", absl::Hex(SystemRandom::Get()->Next64()));
  return fleet_.RunFirst([this](Client& client) -> Task<absl::Status> {
    absl::StatusOr<uint32_t> lease = co_await client.LeaseSeconds();
    if (!lease.ok()) co_return lease.status();
    fleet_.SetLeaseSeconds(*lease);
    absl::StatusOr<FileHandle> parent = co_await client.LookupPath(run_.path);
    if (!parent.ok()) co_return parent.status();
    parent_ = *parent;
    absl::StatusOr<FileHandle> root = co_await client.MakeDirectory(parent_, root_name_);
    if (!root.ok()) co_return root.status();
    root_ = *root;
    co_return absl::OkStatus();
  });
}

absl::Status Run::SetUp() {
  phase_ = "setting up";
  const absl::Status status = fleet_.RunFirst([this](Client& client) -> Task<absl::Status> {
    const uint32_t most = client.session().max_io_bytes();
    if (options_.io_bytes > most) {
      co_return absl::InvalidArgumentError(absl::StrCat("the server's sessions take ", most,
                                                        " bytes at once, not ", options_.io_bytes));
    }
    co_return co_await workload_->SetUp(client, root_, actors());
  });
  if (!status.ok()) return status;
  MakeActors();
  const absl::Status made = ForAllActors(&Actor::SetUp, "setting up");
  if (!made.ok() || run_.before_load.empty() || interrupted_) return made;
  return RunShell(run_.before_load);
}

void Run::MakeActors() {
  for (uint32_t i = 0; i < actors(); ++i) {
    ActorContext context;
    context.client = &fleet_.client(i % fleet_.sessions());
    context.index = i;
    context.count = actors();
    context.root = root_;
    context.seed = Mix64(run_.seed + i);
    actors_.push_back(workload_->MakeActor(context));
  }
}

absl::Status Run::ForAllActors(Task<absl::Status> (Actor::*phase)(), const char* name) {
  phase_ = name;
  phase_began_ns_ = NowNs();
  return fleet_.RunAll(
      actors(), [&](uint32_t index) { return (actors_[index].get()->*phase)(); }, [&] { Watch(); });
}

// Each thread has its share of the arrivals.
void Run::MakeSchedules() {
  if (run_.rate <= 0) return;
  const uint32_t threads = fleet_.threads();
  const int64_t start_ns = NowNs();
  for (uint32_t i = 0; i < threads; ++i) {
    const auto offset_ns = static_cast<int64_t>(1e9 / run_.rate * i);
    schedules_.push_back(std::make_unique<Schedule>(run_.rate / threads, run_.arrival,
                                                    start_ns + offset_ns, Mix64(run_.seed + i)));
  }
}

absl::Status Run::Load() {
  MakeSchedules();
  const int64_t begin_ns = NowNs() + (info_.exhaustible ? 0 : run_.warmup_ms * kMs);
  window_.begin_ns = begin_ns;
  window_.end_ns = begin_ns + run_.run_ms * kMs;
  if (begin_ns <= NowNs()) begin_ = TakeSample();
  phase_ = "warming up";
  phase_began_ns_ = NowNs();
  const auto act = [this](uint32_t index) -> Task<absl::Status> {
    co_await Act(index);
    co_return absl::OkStatus();
  };
  const absl::Status status = fleet_.RunAll(actors(), act, [this] { Watch(); });
  if (begin_.at_ns == 0) begin_ = TakeSample();
  if (end_.at_ns == 0) end_ = TakeSample();
  if (!status.ok()) return status;
  if (!begin_.server_cpu_ns.ok()) return begin_.server_cpu_ns.status();
  return end_.server_cpu_ns.status();
}

// Called about every 20 ms while tasks run: samples at the window's edges, shows progress, looks
// for an interruption.
void Run::Watch() {
  const int64_t now = NowNs();
  if (!interrupted_ && hooks_.interrupted && hooks_.interrupted()) {
    interrupted_ = true;
    window_.EndNow();
  }
  if (begin_.at_ns == 0 && now >= window_.begin_ns) {
    begin_ = TakeSample();
    phase_ = "measuring";
    phase_began_ns_ = now;
  }
  if (end_.at_ns == 0 && window_.Over()) end_ = TakeSample();
  ShowProgress();
}

void Run::ShowProgress() {
  const int64_t now = NowNs();
  if (now - shown_ns_ < kProgressNs) return;
  uint64_t steps = 0, bytes = 0;
  Progress progress;
  for (uint32_t i = 0; i < fleet_.threads(); ++i) {
    const Recorder::Live& live = fleet_.recorder(i).live();
    steps += live.steps;
    bytes += live.bytes;
    progress.errors += live.errors;
    progress.delays += live.delays;
  }
  const double seconds = static_cast<double>(now - shown_ns_) / 1e9;
  progress.phase = phase_;
  progress.seconds = static_cast<double>(now - phase_began_ns_) / 1e9;
  if (shown_ns_ != 0) {
    progress.steps_per_second = static_cast<double>(steps - shown_steps_) / seconds;
    progress.mb_per_second = static_cast<double>(bytes - shown_bytes_) / seconds / 1e6;
    if (hooks_.progress) hooks_.progress(progress);
  }
  shown_ns_ = now;
  shown_steps_ = steps;
  shown_bytes_ = bytes;
}

Run::Sample Run::TakeSample() const {
  Sample sample;
  sample.at_ns = NowNs();
  sample.generator_cpu_ns = fleet_.CpuNs();
  sample.server_cpu_ns = ServerCpuNs(run_.server);
  return sample;
}

// False: the window ended before.
Task<bool> Run::WaitForArrival(Loop& loop, int64_t at_ns) {
  while (!window_.Over()) {
    if (at_ns <= NowNs()) co_return true;
    co_await loop.SleepUntil(std::min(at_ns, NowNs() + kLookNs));
  }
  co_return false;
}

Task<void> Run::Act(uint32_t index) {
  const uint32_t thread = fleet_.ThreadOf(index % fleet_.sessions());
  Loop& loop = fleet_.loop(thread);
  Recorder& recorder = fleet_.recorder(thread);
  Schedule* schedule = schedules_.empty() ? nullptr : schedules_[thread].get();
  while (!window_.Over()) {
    const int64_t intended_ns = schedule != nullptr ? schedule->NextNs() : NowNs();
    if (schedule != nullptr && !co_await WaitForArrival(loop, intended_ns)) co_return;
    const StepResult result = co_await actors_[index]->Step();
    if (absl::IsOutOfRange(result.status)) {
      window_.EndNow();
      co_return;
    }
    recorder.Step(result.kind, intended_ns, result.bytes, result.status);
    if (!result.status.ok()) co_await loop.SleepFor(kAfterErrorNs);
  }
}

absl::Status Run::TearDown() { return ForAllActors(&Actor::TearDown, "closing"); }

// How many bytes the files of the run hold, against what the server's directories grew by.
absl::Status Run::MeasureDisk() {
  if (!disk_before_) return absl::OkStatus();
  const absl::StatusOr<uint64_t> after = BytesOnDisk(run_.server.directories);
  if (!after.ok()) return after.status();
  disk_after_ = *after;
  return fleet_.RunFirst([this](Client& client) -> Task<absl::Status> {
    absl::StatusOr<uint64_t> bytes = co_await client.TreeBytes(root_);
    if (bytes.ok()) user_bytes_ = *bytes;
    co_return bytes.status();
  });
}

void Run::ClearUp() {
  if (run_.keep) return;
  phase_ = "clearing up";
  phase_began_ns_ = NowNs();
  (void)fleet_.RunAll(
      1, [this](uint32_t) { return fleet_.client(0).RemoveTree(parent_, root_name_); },
      [this] { ShowProgress(); });
}

RunResult Run::Result() {
  RunResult result;
  result.workload = info_.name;
  result.kinds = kinds_;
  result.options = options_;
  result.sessions = fleet_.sessions();
  result.in_flight = run_.in_flight;
  result.connections = fleet_.connections();
  result.threads = fleet_.threads();
  result.rate = run_.rate;
  result.interrupted = interrupted_;
  result.tally = fleet_.TotalTally();
  result.reconnects = fleet_.Reconnects();
  if (!closing_.ok()) {
    ++result.tally.errors[absl::StrCat("at the end: ", closing_.message())];
    ++result.tally.steps[0].failed;
  }
  if (disk_after_) {
    result.disk_grown_bytes =
        static_cast<int64_t>(*disk_after_) - static_cast<int64_t>(*disk_before_);
  }
  result.user_bytes = user_bytes_;
  const int64_t window_ns = std::max<int64_t>(window_.end_ns - window_.begin_ns, 0);
  result.seconds = std::max(1e-9, static_cast<double>(window_ns) / 1e9);
  // The samples lie up to 20 ms behind the window's edges: what they say is scaled to the window.
  const double scale =
      result.seconds / std::max(1e-3, static_cast<double>(end_.at_ns - begin_.at_ns) / 1e9);
  result.generator_cpu_seconds =
      scale * static_cast<double>(end_.generator_cpu_ns - begin_.generator_cpu_ns) / 1e9;
  const bool watched = !run_.server.pids.empty() || !run_.server.cgroup.empty();
  if (watched && begin_.server_cpu_ns.ok() && end_.server_cpu_ns.ok()) {
    result.server_cpu_seconds =
        scale * static_cast<double>(*end_.server_cpu_ns - *begin_.server_cpu_ns) / 1e9;
  }
  return result;
}

}  // namespace

absl::Status Exhausted() { return absl::OutOfRangeError("there is nothing left to do"); }

uint64_t RunResult::steps() const {
  uint64_t total = 0;
  for (const Series& series : tally.steps) total += series.in_window;
  return total;
}

uint64_t RunResult::bytes() const {
  uint64_t total = 0;
  for (const Series& series : tally.steps) total += series.bytes;
  return total;
}

uint64_t RunResult::failed() const {
  uint64_t total = 0;
  for (const Series& series : tally.steps) total += series.failed;
  return total;
}

absl::StatusOr<RunResult> RunWorkload(const WorkloadInfo& info, const WorkloadOptions& options,
                                      const RunOptions& run, const RunHooks& hooks) {
  return Run(info, options, run, hooks).Execute();
}

}  // namespace openefs::bench
