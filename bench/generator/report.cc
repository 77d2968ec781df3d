#include "bench/generator/report.h"

#include <cstdarg>
#include <cstdio>

#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"

namespace openefs::bench {
namespace {

// Above this share of its threads' time the generator's own speed shows in the figures.
constexpr double kGeneratorBusy = 0.8;

constexpr double kPercentiles[] = {50, 90, 99, 99.9};

[[gnu::format(printf, 1, 2)]] std::string Format(const char* format, ...) {
  char line[256];
  va_list arguments;
  va_start(arguments, format);
  std::vsnprintf(line, sizeof line, format, arguments);
  va_end(arguments);
  return line;
}

// "850 us", "12.3 ms"
std::string Duration(int64_t ns) {
  const auto value = static_cast<double>(ns);
  if (value < 1e6) return Format("%.0f us", value / 1e3);
  if (value < 1e9) return Format(value < 1e7 ? "%.2f ms" : "%.1f ms", value / 1e6);
  return Format("%.2f s", value / 1e9);
}

std::string Bytes(uint64_t bytes) {
  if (bytes >= (1u << 20) && bytes % (1u << 20) == 0) return absl::StrCat(bytes >> 20, " MiB");
  if (bytes >= (1u << 10) && bytes % (1u << 10) == 0) return absl::StrCat(bytes >> 10, " KiB");
  return absl::StrCat(bytes, " B");
}

std::string Row(const std::string& name, const Series& series, double seconds, bool step) {
  const auto count = static_cast<double>(series.in_window);
  std::string row = Format("  %-22s %10.1f", name.c_str(), count / seconds);
  row += series.bytes == 0 ? Format(" %9s", "")
                           : Format(" %9.1f", static_cast<double>(series.bytes) / seconds / 1e6);
  for (const double percentile : kPercentiles) {
    row += Format(" %9s", Duration(series.latency.PercentileNs(percentile)).c_str());
  }
  row += Format(" %9s", Duration(series.latency.max_ns()).c_str());
  // A call that is refused may be just what the step wanted.
  if (step) row += Format(" %7llu", static_cast<unsigned long long>(series.failed));
  return row + "\n";
}

std::string Title(const RunResult& result) {
  const WorkloadOptions& options = result.options;
  std::string title =
      absl::StrCat(result.workload, ": ", result.sessions, " sessions x ", result.in_flight,
                   " in flight, ", result.connections, " connections");
  if (options.io_bytes != 0) absl::StrAppend(&title, ", ", Bytes(options.io_bytes));
  if (options.file_bytes != 0) absl::StrAppend(&title, " in ", Bytes(options.file_bytes));
  if (options.files != 0) absl::StrAppend(&title, ", ", options.files, " files");
  absl::StrAppend(&title, options.shared ? ", shared" : ", private");
  if (options.unstable) absl::StrAppend(&title, ", unstable");
  if (result.rate > 0) absl::StrAppend(&title, Format(", open loop at %.0f/s", result.rate));
  absl::StrAppend(&title, Format(", %.1f s", result.seconds));
  if (result.interrupted) absl::StrAppend(&title, ", interrupted");
  return title + "\n";
}

double PerStep(double value, const RunResult& result) {
  return result.steps() == 0 ? 0 : value / static_cast<double>(result.steps());
}

std::string CostLines(const RunResult& result) {
  std::string lines;
  if (result.server_cpu_seconds) {
    lines += Format("  server: %.1f us of CPU per step, %.2f cores\n",
                    PerStep(*result.server_cpu_seconds, result) * 1e6,
                    *result.server_cpu_seconds / result.seconds);
  }
  if (result.disk_grown_bytes && result.user_bytes > 0) {
    lines += Format(
        "  disk: %.2f bytes for each byte of the files (%.1f MB of files)\n",
        static_cast<double>(*result.disk_grown_bytes) / static_cast<double>(result.user_bytes),
        static_cast<double>(result.user_bytes) / 1e6);
  }
  const double busy = result.generator_cpu_seconds / result.seconds / result.threads;
  lines += Format("  generator: %.1f us of CPU per step, %.0f %% of %u thread(s)%s\n",
                  PerStep(result.generator_cpu_seconds, result) * 1e6, busy * 100, result.threads,
                  busy > kGeneratorBusy ? ": IT IS THE BOUND (more --threads?)" : "");
  return lines;
}

std::string TroubleLines(const RunResult& result) {
  std::string lines;
  const Tally& tally = result.tally;
  if (tally.delays + tally.resends + tally.session_losses + result.reconnects > 0) {
    absl::StrAppend(&lines, "  retries: ", tally.delays, " after NFS4ERR_DELAY or GRACE, ",
                    tally.resends, " sent again on another connection, ", result.reconnects,
                    " reconnects, ", tally.session_losses, " sessions lost\n");
  }
  for (const auto& [message, count] : tally.errors) {
    absl::StrAppend(&lines, "  error, ", count, " times: ", message, "\n");
  }
  return lines;
}

Series AllSteps(const RunResult& result) {
  Series all;
  for (const Series& series : result.tally.steps) {
    all.latency.Merge(series.latency);
    all.in_window += series.in_window;
    all.bytes += series.bytes;
    all.failed += series.failed;
  }
  return all;
}

// JSON, written by hand: there are only numbers and short names.
class Json {
 public:
  std::string Take() { return std::move(text_); }

  Json& Open(const char* name, char bracket) {
    Begin(name);
    text_ += bracket;
    first_ = true;
    return *this;
  }
  Json& Close(char bracket) {
    text_ += bracket;
    first_ = false;
    return *this;
  }
  Json& Number(const char* name, double value) {
    Begin(name);
    text_ += Format("%.9g", value);
    return *this;
  }
  Json& Count(const char* name, uint64_t value) {
    Begin(name);
    absl::StrAppend(&text_, value);
    return *this;
  }
  Json& Bool(const char* name, bool value) {
    Begin(name);
    text_ += value ? "true" : "false";
    return *this;
  }
  Json& Text(const char* name, const std::string& value) {
    Begin(name);
    Quote(value);
    return *this;
  }

 private:
  void Begin(const char* name) {
    if (!first_) text_ += ',';
    first_ = false;
    if (name == nullptr) return;
    Quote(name);
    text_ += ':';
  }
  void Quote(const std::string& value) {
    text_ += '"';
    for (const char c : value) {
      if (c == '"' || c == '\\') text_ += '\\';
      if (static_cast<unsigned char>(c) >= 0x20) text_ += c;
    }
    text_ += '"';
  }

  std::string text_;
  bool first_ = true;
};

void WriteSeries(Json& json, const std::string& name, const Series& series, double seconds) {
  const auto micros = [&](double percentile) {
    return static_cast<double>(series.latency.PercentileNs(percentile)) / 1e3;
  };
  json.Open(nullptr, '{').Text("name", name).Count("count", series.in_window);
  json.Number("per_second", static_cast<double>(series.in_window) / seconds);
  json.Number("mb_per_second", static_cast<double>(series.bytes) / seconds / 1e6);
  json.Count("failed", series.failed).Number("mean_us", series.latency.mean_ns() / 1e3);
  json.Number("p50_us", micros(50)).Number("p90_us", micros(90)).Number("p99_us", micros(99));
  json.Number("p999_us", micros(99.9));
  json.Number("max_us", static_cast<double>(series.latency.max_ns()) / 1e3).Close('}');
}

void WriteOptions(Json& json, const RunResult& result) {
  const WorkloadOptions& options = result.options;
  json.Count("sessions", result.sessions).Count("in_flight", result.in_flight);
  json.Count("connections", result.connections).Count("threads", result.threads);
  json.Number("rate", result.rate).Count("io_bytes", options.io_bytes);
  json.Count("file_bytes", options.file_bytes).Count("files", options.files);
  json.Bool("shared", options.shared).Bool("unstable", options.unstable);
}

void WriteCosts(Json& json, const RunResult& result) {
  json.Number("generator_cpu_us_per_step", PerStep(result.generator_cpu_seconds, result) * 1e6);
  json.Number("generator_cores", result.generator_cpu_seconds / result.seconds);
  if (result.server_cpu_seconds) {
    json.Number("server_cpu_us_per_step", PerStep(*result.server_cpu_seconds, result) * 1e6);
    json.Number("server_cores", *result.server_cpu_seconds / result.seconds);
  }
  if (result.disk_grown_bytes) {
    json.Number("disk_grown_bytes", static_cast<double>(*result.disk_grown_bytes));
    json.Count("user_bytes", result.user_bytes);
  }
}

void WriteRun(Json& json, const RunResult& result) {
  const Tally& tally = result.tally;
  json.Open(nullptr, '{').Text("workload", result.workload);
  WriteOptions(json, result);
  json.Number("seconds", result.seconds).Bool("interrupted", result.interrupted);
  json.Number("steps_per_second", static_cast<double>(result.steps()) / result.seconds);
  json.Number("mb_per_second", static_cast<double>(result.bytes()) / result.seconds / 1e6);
  json.Count("failed", result.failed());
  const Series all = AllSteps(result);
  json.Number("p50_us", static_cast<double>(all.latency.PercentileNs(50)) / 1e3);
  json.Number("p99_us", static_cast<double>(all.latency.PercentileNs(99)) / 1e3);
  WriteCosts(json, result);
  json.Count("delays", tally.delays).Count("resends", tally.resends);
  json.Count("reconnects", result.reconnects).Count("session_losses", tally.session_losses);
  json.Open("errors", '{');
  for (const auto& [message, count] : tally.errors) json.Count(message.c_str(), count);
  json.Close('}').Open("steps", '[');
  for (size_t i = 0; i < tally.steps.size(); ++i) {
    WriteSeries(json, result.kinds[i], tally.steps[i], result.seconds);
  }
  json.Close(']').Open("calls", '[');
  for (size_t i = 0; i < tally.calls.size(); ++i) {
    if (tally.calls[i].latency.count() == 0) continue;
    WriteSeries(json, NameOf(static_cast<CallKind>(i)), tally.calls[i], result.seconds);
  }
  json.Close(']').Close('}');
}

}  // namespace

std::string ReportTable(const RunResult& result) {
  std::string table = Title(result);
  table += Format("  %-22s %10s %9s %9s %9s %9s %9s %9s %7s\n", "", "per second", "MB/s", "p50",
                  "p90", "p99", "p99.9", "max", "failed");
  for (size_t i = 0; i < result.tally.steps.size(); ++i) {
    table += Row(result.kinds[i], result.tally.steps[i], result.seconds, true);
  }
  if (result.kinds.size() > 1) table += Row("all", AllSteps(result), result.seconds, true);
  for (size_t i = 0; i < result.tally.calls.size(); ++i) {
    const Series& calls = result.tally.calls[i];
    if (calls.latency.count() == 0) continue;
    table +=
        Row(absl::StrCat("  ", NameOf(static_cast<CallKind>(i))), calls, result.seconds, false);
  }
  return table + CostLines(result) + TroubleLines(result);
}

std::string ReportJson(const std::vector<RunResult>& results) {
  Json json;
  json.Open(nullptr, '[');
  for (const RunResult& result : results) WriteRun(json, result);
  json.Close(']');
  return json.Take() + "\n";
}

std::string ReportProgress(const std::string& workload, const Progress& progress) {
  return Format("%s: %s %5.1f s  %10.1f/s  %8.1f MB/s  %llu errors  %llu retries", workload.c_str(),
                progress.phase, progress.seconds, progress.steps_per_second, progress.mb_per_second,
                static_cast<unsigned long long>(progress.errors),
                static_cast<unsigned long long>(progress.delays));
}

}  // namespace openefs::bench
