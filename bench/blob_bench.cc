// Blob writes and reads over six data nodes in this process, beside what the disk and the coder do
// in the same run:  blob_bench DIRECTORY [SECONDS]
#include <fcntl.h>
#include <unistd.h>

#include <chrono>
#include <condition_variable>
#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <filesystem>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "common/check.h"
#include "common/clock.h"
#include "common/log.h"
#include "common/random.h"
#include "datastore/client/blob_client.h"
#include "datastore/codes/stripe.h"
#include "datastore/node/data_node.h"

namespace openefs::datastore {
namespace {

using Seconds = std::chrono::duration<double>;

constexpr int kNodes = 6;
constexpr size_t kMaxKept = 4096;  // blobs that are remembered for reading

struct Rate {
  double per_second = 0;
  double cpu_us = 0;  // per operation, of all threads
};

double CpuSeconds() { return static_cast<double>(std::clock()) / CLOCKS_PER_SEC; }

void Print(const std::string& what, size_t bytes, const Rate& rate) {
  std::printf("%-46s %9.0f /s %8.0f MiB/s %8.0f us CPU\n", what.c_str(), rate.per_second,
              rate.per_second * static_cast<double>(bytes) / (1 << 20), rate.cpu_us);
}

// Runs `once` again and again for `seconds`.
template <typename Once>
Rate Measure(double seconds, Once once) {
  const auto begin = std::chrono::steady_clock::now();
  const double cpu = CpuSeconds();
  uint64_t count = 0;
  double elapsed = 0;
  while (elapsed < seconds) {
    once();
    ++count;
    elapsed = Seconds(std::chrono::steady_clock::now() - begin).count();
  }
  const auto n = static_cast<double>(count);
  return {n / elapsed, (CpuSeconds() - cpu) * 1e6 / n};
}

// Keeps `depth` operations under way for `seconds`. `start` is given what to call at the end of
// one.
template <typename Start>
Rate MeasureAsync(double seconds, int depth, Start start) {
  std::mutex mu;
  std::condition_variable changed;
  int in_flight = 0;
  uint64_t done = 0;
  const auto begin = std::chrono::steady_clock::now();
  const double cpu = CpuSeconds();
  const auto elapsed = [&] { return Seconds(std::chrono::steady_clock::now() - begin).count(); };
  std::unique_lock<std::mutex> lock(mu);
  while (elapsed() < seconds || in_flight > 0) {
    if (elapsed() < seconds && in_flight < depth) {
      ++in_flight;
      lock.unlock();
      start([&] {
        const std::lock_guard<std::mutex> guard(mu);
        --in_flight;
        ++done;
        changed.notify_one();
      });
      lock.lock();
    } else {
      changed.wait(lock);
    }
  }
  const auto n = static_cast<double>(done);
  return {n / elapsed(), (CpuSeconds() - cpu) * 1e6 / n};
}

// Appends of `bytes`, each synced: what one stream of this disk can do.
Rate RawSync(const std::string& directory, size_t bytes, double seconds) {
  const std::string path = directory + "/raw";
  const int fd = ::open(path.c_str(), O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
  OPENEFS_CHECK(fd >= 0);
  const std::string block = SeededRandom(1).Bytes(bytes);
  const Rate rate = Measure(seconds, [&] {
    OPENEFS_CHECK(::write(fd, block.data(), bytes) == static_cast<ssize_t>(bytes));
    OPENEFS_CHECK(::fdatasync(fd) == 0);
  });
  ::close(fd);
  ::unlink(path.c_str());
  return rate;
}

class Cluster {
 public:
  explicit Cluster(const std::string& directory) {
    auto map = std::make_shared<pb::ClusterMap>();
    auto* group = map->add_placement_groups();
    group->set_code(pb::RS_3_3);
    for (NodeId id = 1; id <= kNodes; ++id) {
      DataNodeOptions options;
      options.node_id = id;
      options.az = std::string(1, static_cast<char>('a' + id % 3));
      options.directory = directory + "/node" + std::to_string(id);
      options.cluster_id = std::string(16, 'b');
      nodes_.push_back(OpenDataNode(options).value());
      auto* node = map->add_data_nodes();
      node->set_node_id(id);
      node->set_az(options.az);
      group->add_node_ids(id);
    }
    client_ = MakeBlobClient(
        [this](const pb::DataNode& node) -> std::shared_ptr<DataNodeClient> {
          return MakeDirectDataNodeClient(nodes_[node.node_id() - 1].get());
        },
        {}, SystemClock::Get());
    client_->SetClusterMap(map);
  }

  Rate Write(size_t bytes, int depth, double seconds) {
    blobs_.clear();
    const Buffer data = Buffer::FromString(SeededRandom(2).Bytes(bytes));
    return MeasureAsync(seconds, depth, [&](auto done) {
      client_->Write({data}, [this, done](const absl::StatusOr<WrittenBlob>& blob) {
        OPENEFS_CHECK(blob.ok());
        {
          const std::lock_guard<std::mutex> lock(mu_);
          if (blobs_.size() < kMaxKept) blobs_.push_back(*blob);
          late_ += blob->missing_mask != 0 ? 1 : 0;
        }
        done();
      });
    });
  }

  // Of the blobs written last, `bytes` from somewhere.
  Rate Read(uint32_t bytes, int depth, double seconds) {
    SeededRandom random(3);
    return MeasureAsync(seconds, depth, [&](auto done) {
      const WrittenBlob& blob = blobs_[random.Next64() % blobs_.size()];
      const uint32_t room = blob.length - bytes;
      const uint32_t offset = room == 0 ? 0 : static_cast<uint32_t>(random.Next64() % room);
      client_->Read(blob.id, blob.length, offset, bytes,
                    [done](const absl::StatusOr<BufferList>& got) {
                      OPENEFS_CHECK(got.ok());
                      done();
                    });
    });
  }

  // How many writes were answered before their last fragment was durable.
  uint64_t late() const { return late_; }

 private:
  std::vector<std::unique_ptr<DataNode>> nodes_;
  std::mutex mu_;
  std::vector<WrittenBlob> blobs_;
  uint64_t late_ = 0;
  std::unique_ptr<BlobClient> client_;
};

void Encode(size_t bytes, double seconds) {
  const Buffer data = Buffer::FromString(SeededRandom(4).Bytes(bytes));
  Print("encode RS 3+3", bytes, Measure(seconds, [&] {
          OPENEFS_CHECK(EncodeBlob(kCodeTable[0], {data}).size() == kNodes);
        }));
}

void Run(const std::string& directory, double seconds) {
  Cluster cluster(directory);
  for (const size_t bytes : {size_t{1} << 20, size_t{64} << 10}) {
    std::printf("--- %zu KiB\n", bytes >> 10);
    Print("append + fdatasync, one stream", bytes, RawSync(directory, bytes, seconds));
    // What a blob costs the disk: six fragments of a third each.
    Print("the same, twice the bytes", bytes, RawSync(directory, bytes * 2, seconds));
    Encode(bytes, seconds);
    for (const int depth : {1, 8, 64}) {
      const std::string under_way = ", " + std::to_string(depth) + " under way";
      Print("write blob" + under_way, bytes, cluster.Write(bytes, depth, seconds));
      Print("read blob" + under_way, bytes,
            cluster.Read(static_cast<uint32_t>(bytes), depth, seconds));
    }
    Print("read 4 KiB of a blob, 8 under way", 4096, cluster.Read(4096, 8, seconds));
  }
  std::printf("writes answered before the last fragment was durable: %llu\n",
              static_cast<unsigned long long>(cluster.late()));
}

}  // namespace
}  // namespace openefs::datastore

int main(int argc, char** argv) {
  if (argc < 2) {
    std::fprintf(stderr, "usage: blob_bench DIRECTORY [SECONDS]\n");
    return 1;
  }
  openefs::SetLogLevel(openefs::LogLevel::kWarning);
  const std::string directory = std::string(argv[1]) + "/blob_bench";
  std::filesystem::create_directories(directory);
  openefs::datastore::Run(directory, argc > 2 ? std::atof(argv[2]) : 2.0);
  std::filesystem::remove_all(directory);
  return 0;
}
