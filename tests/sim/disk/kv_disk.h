// A state machine's store on a disk: what was not flushed may be lost in a crash, from some write
// on. Beside production's engine in memory it keeps the content as plain maps, to survive the
// process and to be compared.
#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <string>

#include "metadata/store/kv.h"
#include "tests/sim/kernel/random.h"

namespace openefs::sim {

using KvImage = std::map<std::string, std::string>;

class KvDisk {
 public:
  // An engine with the content as it stands. One at a time; it must not outlive the disk.
  std::unique_ptr<metadata::KvEngine> Open();

  // The engine is gone; of the unflushed writes the first `surviving` happen to be there.
  void Crash(size_t surviving);
  size_t unflushed() const { return unflushed_.size(); }

  const KvImage& content() const { return live_; }
  // Of the content; equal for equal content whatever the order of the writes.
  uint64_t hash() const { return hash_; }

  // Whether the next writes fail as on a full disk.
  bool full = false;

 private:
  class Engine;

  void Apply(const metadata::KvWrites& writes, KvImage& image);
  void ApplyLive(const metadata::KvWrites& writes);
  void Flush();
  void Replace(const metadata::KvSnapshot& snapshot);
  void HashAnew();

  KvImage durable_;
  std::deque<metadata::KvWrites> unflushed_;
  KvImage live_;
  uint64_t hash_ = 0;
};

}  // namespace openefs::sim
