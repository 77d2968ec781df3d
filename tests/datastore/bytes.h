// Bytes, directories and callbacks for the tests of the datastore.
#pragma once

#include <stdlib.h>
#include <unistd.h>

#include <catch2/catch.hpp>
#include <chrono>
#include <filesystem>
#include <future>
#include <memory>
#include <string>
#include <thread>
#include <utility>

#include "common/buffer.h"
#include "common/random.h"

namespace openefs::datastore {

inline std::string TestBytes(size_t size, uint64_t seed) { return SeededRandom(seed).Bytes(size); }

inline std::string JoinPieces(const BufferList& list) {
  std::string joined;
  for (const Buffer& piece : list) joined += piece.view();
  return joined;
}

// A directory that goes with the object. In memory where there is such a place: syncing a real disk
// for every small step of a test takes long and proves nothing; lost writes are the business of
// MemoryFileSystem.
class TestDirectory {
 public:
  TestDirectory() {
    const bool memory = ::access("/dev/shm", W_OK) == 0;
    const std::filesystem::path parent =
        memory ? "/dev/shm" : std::filesystem::temp_directory_path();
    std::string path = (parent / "openefs-XXXXXX").string();
    REQUIRE(::mkdtemp(path.data()) != nullptr);
    path_ = path;
  }
  ~TestDirectory() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }
  const std::string& path() const { return path_; }

 private:
  std::string path_;
};

// Waits until `done` says so; as long as any test may ever need.
template <typename Done>
void Await(Done done) {
  const auto until = std::chrono::steady_clock::now() + std::chrono::seconds(60);
  while (!done()) {
    REQUIRE(std::chrono::steady_clock::now() < until);
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
  }
}

// Waits for the one value that a callback is to be called with. Hangs are failures: no test needs
// as long as this.
template <typename T>
class Awaited {
 public:
  auto Callback() {
    return [promise = promise_](T value) { promise->set_value(std::move(value)); };
  }
  bool Ready() const {
    return future_.wait_for(std::chrono::seconds(0)) == std::future_status::ready;
  }
  T GetAnyThread() { return future_.get(); }  // where REQUIRE may not be
  T Get() {
    REQUIRE(future_.wait_for(std::chrono::seconds(60)) == std::future_status::ready);
    return future_.get();
  }

 private:
  std::shared_ptr<std::promise<T>> promise_ = std::make_shared<std::promise<T>>();
  std::future<T> future_ = promise_->get_future();
};

}  // namespace openefs::datastore
