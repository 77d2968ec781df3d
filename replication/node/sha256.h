// SHA-256 of bytes that come in pieces.
#pragma once

#include <memory>
#include <string>
#include <string_view>

namespace openefs::replication {

class Sha256 {
 public:
  Sha256();
  ~Sha256();
  Sha256(Sha256&&) = default;

  void Add(std::string_view bytes);
  // 32 bytes; nothing may be added afterwards.
  std::string Finish();

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace openefs::replication
