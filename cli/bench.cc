// `openefs bench`: loads any NFSv4.1 server and says what it does and costs.
#include <CLI/CLI.hpp>
#include <cstdio>
#include <fstream>
#include <memory>
#include <string>
#include <vector>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "bench/generator/report.h"
#include "bench/generator/runner.h"
#include "cli/command.h"
#include "cli/roles/report.h"
#include "cli/roles/shutdown.h"

namespace openefs::cli {
namespace {

struct BenchCommand {
  std::vector<std::string> workloads;
  bool list = false;
  std::vector<std::string> servers = {"127.0.0.1:2049"};
  bench::RunOptions run;
  double warmup_seconds = 1;
  double seconds = 10;
  int64_t patience_seconds = 60;
  bool poisson = false;
  std::string json;
  bool quiet = false;

  // What the workload says where they are not given.
  std::optional<uint32_t> io_bytes;
  std::optional<uint64_t> file_bytes;
  std::optional<uint32_t> files;
  bool shared = false;
  bool unstable = false;
};

int ListWorkloads() {
  for (const bench::WorkloadInfo& info : bench::Workloads()) {
    std::printf("%-18s %s\n", info.name, info.help);
  }
  return 0;
}

absl::StatusOr<bench::Address> ParseAddress(const std::string& text) {
  bench::Address address;
  const size_t colon = text.rfind(':');
  // Several colons without brackets are an IPv6 address without a port.
  const bool port = colon != text.npos && (text.find(':') == colon || text[colon - 1] == ']');
  address.host = text.substr(0, port ? colon : text.npos);
  if (address.host.starts_with('[') && address.host.ends_with(']')) {
    address.host = address.host.substr(1, address.host.size() - 2);
  }
  uint32_t number = 2049;
  if (port && !absl::SimpleAtoi(text.substr(colon + 1), &number)) number = 0;
  if (number == 0 || number > 65535 || address.host.empty()) {
    return absl::InvalidArgumentError(absl::StrCat("--server ", text, " is not ADDRESS[:PORT]"));
  }
  address.port = static_cast<uint16_t>(number);
  return address;
}

// What a workload has no default for, it does not use.
bench::WorkloadOptions OptionsOf(const BenchCommand& command, const bench::WorkloadInfo& info) {
  bench::WorkloadOptions options = info.defaults;
  if (options.io_bytes != 0) options.io_bytes = command.io_bytes.value_or(options.io_bytes);
  if (options.file_bytes != 0) options.file_bytes = command.file_bytes.value_or(options.file_bytes);
  if (options.files != 0) options.files = command.files.value_or(options.files);
  options.shared = command.shared;
  options.unstable = command.unstable;
  return options;
}

absl::Status Complete(BenchCommand* command) {
  for (const std::string& name : command->workloads) {
    if (bench::FindWorkload(name) == nullptr) {
      return absl::InvalidArgumentError(
          absl::StrCat("there is no workload ", name, " (openefs bench --list)"));
    }
  }
  for (const std::string& text : command->servers) {
    absl::StatusOr<bench::Address> address = ParseAddress(text);
    if (!address.ok()) return address.status();
    command->run.fleet.servers.push_back(*std::move(address));
  }
  command->run.warmup_ms = static_cast<int64_t>(command->warmup_seconds * 1000);
  command->run.run_ms = static_cast<int64_t>(command->seconds * 1000);
  command->run.fleet.patience_ms = command->patience_seconds * 1000;
  using Arrival = bench::Schedule::Arrival;
  command->run.arrival = command->poisson ? Arrival::kPoisson : Arrival::kEven;
  return absl::OkStatus();
}

absl::Status WriteJson(const std::string& path, const std::vector<bench::RunResult>& results) {
  const std::string text = bench::ReportJson(results);
  if (path == "-") {
    std::fputs(text.c_str(), stdout);
    return absl::OkStatus();
  }
  std::ofstream out(path, std::ios::binary | std::ios::trunc);
  out << text;
  out.close();
  if (out) return absl::OkStatus();
  return absl::UnavailableError(absl::StrCat("cannot write ", path));
}

absl::StatusOr<bench::RunResult> RunOne(const BenchCommand& command, const std::string& name) {
  const bench::WorkloadInfo& info = *bench::FindWorkload(name);
  bench::RunHooks hooks;
  hooks.interrupted = ShutdownSignalled;
  if (!command.quiet) {
    hooks.progress = [&](const bench::Progress& progress) {
      std::fprintf(stderr, "%s\n", bench::ReportProgress(name, progress).c_str());
    };
  }
  return bench::RunWorkload(info, OptionsOf(command, info), command.run, hooks);
}

int RunBench(BenchCommand command) {
  if (command.list) return ListWorkloads();
  if (command.workloads.empty()) {
    return ReportError(absl::InvalidArgumentError("name a workload (openefs bench --list)"));
  }
  const absl::Status complete = Complete(&command);
  if (!complete.ok()) return ReportError(complete);
  std::vector<bench::RunResult> results;
  bool failed = false;
  for (const std::string& name : command.workloads) {
    absl::StatusOr<bench::RunResult> result = RunOne(command, name);
    if (!result.ok()) {
      return ReportError(absl::Status(result.status().code(),
                                      absl::StrCat(name, ": ", result.status().message())));
    }
    if (command.json != "-") std::fputs(bench::ReportTable(*result).c_str(), stdout);
    std::fflush(stdout);
    failed |= result->failed() > 0;
    results.push_back(*std::move(result));
    if (results.back().interrupted) break;
  }
  if (!command.json.empty()) {
    const absl::Status written = WriteJson(command.json, results);
    if (!written.ok()) return ReportError(written);
  }
  return failed ? 2 : 0;
}

void AddLoadOptions(CLI::App& bench, BenchCommand* command) {
  bench::RunOptions& run = command->run;
  bench.add_option("--sessions", run.fleet.sessions, "NFSv4.1 clients, with a session each")
      ->check(CLI::Range(1, 100'000))
      ->capture_default_str();
  bench.add_option("--in-flight", run.in_flight, "Actors of each session, each with one request")
      ->check(CLI::Range(1, 64))
      ->capture_default_str();
  bench
      .add_option("--connections", run.fleet.connections,
                  "TCP connections (0: one for each session, at most 256)")
      ->check(CLI::Range(0, 60'000))
      ->capture_default_str();
  bench.add_option("--threads", run.fleet.threads, "Threads of the generator")
      ->check(CLI::Range(1, 256))
      ->capture_default_str();
  bench
      .add_option("--rate", run.rate,
                  "Steps a second, begun on time whatever the server does (open loop); 0: each "
                  "actor goes on when it is answered (closed loop)")
      ->check(CLI::Range(0.0, 1e9))
      ->capture_default_str();
  bench.add_flag("--poisson", command->poisson, "With --rate: independent arrivals");
  bench.add_option("--seconds", command->seconds, "Length of the measurement")
      ->check(CLI::Range(0.01, 1e6))
      ->capture_default_str();
  bench
      .add_option("--warmup-seconds", command->warmup_seconds, "Load before it that is not counted")
      ->check(CLI::Range(0.0, 1e6))
      ->capture_default_str();
  bench
      .add_option("--patience-seconds", command->patience_seconds,
                  "A request that is not answered by then has failed, retries and all")
      ->check(CLI::Range(1, 100'000))
      ->capture_default_str();
  bench.add_option("--seed", run.seed, "Of the choice of files and offsets")->capture_default_str();
}

void AddWorkloadOptions(CLI::App& bench, BenchCommand* command) {
  bench.add_option("--io-size", command->io_bytes, "Bytes of a READ, WRITE or small file (4K, 1M)")
      ->transform(CLI::AsSizeValue(false));
  bench
      .add_option("--file-size", command->file_bytes,
                  "Bytes of each actor's large file, or its part")
      ->transform(CLI::AsSizeValue(false));
  bench.add_option("--files", command->files, "Files that are there before, all together");
  bench.add_flag("--shared", command->shared, "One directory or file for all actors");
  bench.add_flag("--unstable", command->unstable, "WRITE UNSTABLE4 and COMMIT, not FILE_SYNC4");
}

void AddReportOptions(CLI::App& bench, BenchCommand* command) {
  bench::RunOptions& run = command->run;
  bench
      .add_option("--server-pid", run.server.pids, "The server's processes: their CPU is reported")
      ->delimiter(',')
      ->allow_extra_args(false);
  bench.add_option("--server-cgroup", run.server.cgroup,
                   "The server's control group (/sys/fs/cgroup/...): its CPU is reported");
  bench
      .add_option("--server-dir", run.server.directories,
                  "Where the server keeps its data: bytes on disk are reported")
      ->delimiter(',')
      ->allow_extra_args(false);
  bench.add_option("--before-load", run.before_load,
                   "Shell command to run after setting up, before the load");
  bench.add_option("--json", command->json,
                   "Write the results there, too (-: instead of the table)");
  bench.add_flag("--quiet", command->quiet, "No progress");
  bench.add_flag("--keep", run.keep, "Leave the files");
}

}  // namespace

void AddBenchCommand(CLI::App& app, int* exit_code) {
  auto command = std::make_shared<BenchCommand>();
  CLI::App* bench = app.add_subcommand("bench", "Loads an NFSv4.1 server and measures it");
  bench->add_option("workload", command->workloads, "What to do, one after the other (--list)");
  bench->add_flag("--list", command->list, "Names the workloads");
  bench->add_option("--server", command->servers, "ADDRESS[:PORT] of the server's front-ends")
      ->delimiter(',')
      ->allow_extra_args(false)
      ->capture_default_str();
  bench->add_option("--path", command->run.path, "Directory of the server to work below");
  bench->add_option("--uid", command->run.fleet.uid, "User (AUTH_SYS)")->capture_default_str();
  bench->add_option("--gid", command->run.fleet.gid, "Group (AUTH_SYS)")->capture_default_str();
  AddLoadOptions(*bench, command.get());
  AddWorkloadOptions(*bench, command.get());
  AddReportOptions(*bench, command.get());
  bench->callback([command, exit_code] { *exit_code = RunBench(*command); });
}

}  // namespace openefs::cli
