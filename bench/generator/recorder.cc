#include "bench/generator/recorder.h"

#include <algorithm>

#include "bench/generator/loop.h"

namespace openefs::bench {
namespace {

void MergeSeries(const Series& from, Series* into) {
  into->latency.Merge(from.latency);
  into->in_window += from.in_window;
  into->bytes += from.bytes;
  into->failed += from.failed;
}

void Bump(std::atomic<uint64_t>* counter, uint64_t by = 1) {
  counter->fetch_add(by, std::memory_order_relaxed);
}

}  // namespace

bool Window::Over() const { return NowNs() >= end_ns.load(std::memory_order_relaxed); }

void Window::EndNow() {
  const int64_t now = NowNs();
  int64_t end = end_ns.load();
  while (end > now && !end_ns.compare_exchange_weak(end, now)) {
  }
}

void Tally::Merge(const Tally& other) {
  steps.resize(std::max(steps.size(), other.steps.size()));
  for (size_t i = 0; i < other.steps.size(); ++i) MergeSeries(other.steps[i], &steps[i]);
  for (size_t i = 0; i < calls.size(); ++i) MergeSeries(other.calls[i], &calls[i]);
  for (const auto& [message, count] : other.errors) errors[message] += count;
  delays += other.delays;
  resends += other.resends;
  session_losses += other.session_losses;
}

Recorder::Recorder(const Window* window, size_t step_kinds) : window_(window) {
  tally_.steps.resize(step_kinds);
}

bool Recorder::Counting() const { return window_->Contains(NowNs()); }

void Recorder::Step(int kind, int64_t intended_ns, uint64_t bytes, const absl::Status& status) {
  const int64_t now = NowNs();
  Bump(&live_.steps);
  Bump(&live_.bytes, bytes);
  Series& series = tally_.steps[static_cast<size_t>(kind)];
  if (status.ok() && window_->Contains(now)) {
    ++series.in_window;
    series.bytes += bytes;
  }
  if (!status.ok()) {
    Bump(&live_.errors);
    const bool room = tally_.errors.size() < kMaxErrorKinds;
    const std::string message(status.message());
    ++tally_.errors[room || tally_.errors.contains(message) ? message : "others"];
  }
  if (!window_->Contains(intended_ns)) return;
  if (status.ok()) {
    series.latency.Add(now - intended_ns);
  } else {
    ++series.failed;
  }
}

void Recorder::Call(CallKind kind, int64_t sent_ns, bool ok) {
  if (!window_->Contains(sent_ns)) return;
  const int64_t now = NowNs();
  Series& series = tally_.calls[static_cast<size_t>(kind)];
  series.latency.Add(now - sent_ns);
  series.failed += !ok;
  series.in_window += window_->Contains(now);
}

void Recorder::Delay() {
  Bump(&live_.delays);
  tally_.delays += Counting();
}

}  // namespace openefs::bench
