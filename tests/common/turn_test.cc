#include "common/turn.h"

#include <catch2/catch.hpp>
#include <functional>
#include <string>
#include <thread>
#include <vector>

namespace openefs {
namespace {

class Noted final : public Deferred {
 public:
  explicit Noted(std::function<void()> act) : act_(std::move(act)) {}
  void OnTurnEnd() override { act_(); }

 private:
  const std::function<void()> act_;
};

struct Log {
  std::shared_ptr<Deferred> Adding(char name) {
    return std::make_shared<Noted>([this, name] { text += name; });
  }
  std::string text;
};

TEST_CASE("what is deferred in a turn happens once, at its end, in order") {
  Log log;
  const auto a = log.Adding('a');
  const auto b = log.Adding('b');
  {
    const Turn turn;
    CHECK(Turn::Defer(b));
    CHECK(Turn::Defer(a));
    CHECK(Turn::Defer(b));
    {
      const Turn inner;
      CHECK(Turn::Defer(a));
    }
    CHECK(log.text.empty());
  }
  CHECK(log.text == "ba");
}

TEST_CASE("outside of a turn nothing is deferred, and a turn is its thread's own") {
  Log log;
  const auto a = log.Adding('a');
  CHECK_FALSE(Turn::Defer(a));
  {
    const Turn turn;
    bool elsewhere = true;
    std::thread([&] { elsewhere = Turn::Defer(a); }).join();
    CHECK_FALSE(elsewhere);
  }
  CHECK_FALSE(Turn::Defer(a));
  CHECK(log.text.empty());
}

TEST_CASE("what the end of a turn defers comes after it, also if it came before") {
  Log log;
  const auto a = log.Adding('a');
  const auto b = std::make_shared<Noted>([&] {
    log.text += 'b';
    CHECK(Turn::Defer(a));
  });
  {
    const Turn turn;
    CHECK(Turn::Defer(a));
    CHECK(Turn::Defer(b));
  }
  CHECK(log.text == "aba");
}

TEST_CASE("a turn comes to an end, however long what it ends leads to more") {
  std::vector<std::shared_ptr<Deferred>> both(2);
  size_t ended = 0;
  bool refused = false;
  const auto other = [&](size_t i) {
    ++ended;
    refused = !Turn::Defer(both[1 - i]);
  };
  both[0] = std::make_shared<Noted>([&] { other(0); });
  both[1] = std::make_shared<Noted>([&] { other(1); });
  {
    const Turn turn;
    CHECK(Turn::Defer(both[0]));
  }
  CHECK(ended == kMaxDeferred);
  CHECK(refused);
}

}  // namespace
}  // namespace openefs
