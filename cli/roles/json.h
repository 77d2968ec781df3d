// Writes one JSON value piece by piece, for output that programs read. One thread.
#pragma once

#include <cstdint>
#include <string>

#include "absl/strings/string_view.h"

namespace openefs::cli {

class JsonWriter {
 public:
  // A name is needed inside objects only. Every Begin has its End.
  void BeginObject(absl::string_view name = "");
  void EndObject();
  void BeginArray(absl::string_view name = "");
  void EndArray();

  void Text(absl::string_view name, absl::string_view value);
  void Number(absl::string_view name, uint64_t value);
  void Flag(absl::string_view name, bool value);

  const std::string& text() const { return text_; }

 private:
  void Start(absl::string_view name);

  std::string text_;
  bool first_ = true;  // of the object or array that is open
};

}  // namespace openefs::cli
