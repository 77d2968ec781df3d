// What runs went through: one that exercised nothing proves nothing.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>

namespace openefs::sim {

class Counts {
 public:
  // `name` is a literal.
  void Add(std::string_view name, uint64_t count = 1) { counts_[name] += count; }
  void Add(const Counts& other) {
    for (const auto& [name, count] : other.counts_) counts_[name] += count;
  }
  uint64_t operator[](std::string_view name) const {
    const auto found = counts_.find(name);
    return found == counts_.end() ? 0 : found->second;
  }
  // One line each: name and count, by name.
  std::string ToString() const {
    std::string text;
    for (const auto& [name, count] : counts_) {
      text += std::string(name) + " " + std::to_string(count) + "\n";
    }
    return text;
  }

 private:
  std::map<std::string_view, uint64_t> counts_;
};

}  // namespace openefs::sim
