// Structured logs: an event name and fields, one line each. Cheap to include; spdlog stays in
// log.cc.
//
//   Log(LogLevel::kInfo, "raft.leader", {{"group", group}, {"term", term}});
//   2026-01-02T03:04:05.678Z info raft.leader group=1 term=7
#pragma once

#include <concepts>
#include <initializer_list>
#include <string>
#include <string_view>

namespace openefs {

enum class LogLevel { kDebug, kInfo, kWarning, kError };

class LogField {
 public:
  LogField(std::string_view key, std::string_view value) : key_(key), value_(value) {}
  LogField(std::string_view key, const char* value) : key_(key), value_(value) {}
  LogField(std::string_view key, const std::string& value) : key_(key), value_(value) {}
  LogField(std::string_view key, bool value) : key_(key), value_(value ? "true" : "false") {}
  LogField(std::string_view key, std::integral auto value)
      : key_(key), value_(std::to_string(value)) {}
  LogField(std::string_view key, std::floating_point auto value)
      : key_(key), value_(std::to_string(value)) {}

  std::string_view key() const { return key_; }
  const std::string& value() const { return value_; }

 private:
  std::string_view key_;
  std::string value_;
};

// Events are named "<folder>.<what>". Any thread.
void Log(LogLevel level, std::string_view event, std::initializer_list<LogField> fields = {});

// What is below is not written. kInfo if never called. Any thread.
void SetLogLevel(LogLevel level);

}  // namespace openefs
