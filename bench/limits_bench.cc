// What this machine can do at best: loopback TCP, disk, erasure coding, memory. The other figures
// of a comparison are to be seen beside these, measured in the same run.
//
//   limits_bench DIRECTORY     a JSON object; DIRECTORY is on the disk that the servers use
#include <arpa/inet.h>
#include <fcntl.h>
#include <isa-l/erasure_code.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <unistd.h>

#include <atomic>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "common/check.h"
#include "common/clock.h"

namespace openefs {
namespace {

constexpr int64_t kRunNs = 500'000'000;
constexpr size_t kMiB = 1 << 20;
constexpr size_t kPageBytes = 4096;

int64_t NowNs() { return SystemClock::Get()->MonotonicNs(); }

// Calls `once` until the time is up; calls a second.
template <typename Once>
double Rate(const Once& once) {
  const int64_t begin = NowNs();
  int64_t now = begin;
  double count = 0;
  for (; now - begin < kRunNs; now = NowNs()) {
    once();
    ++count;
  }
  return count * 1e9 / static_cast<double>(now - begin);
}

void SendAll(int socket, const char* bytes, size_t size) {
  while (size > 0) {
    const ssize_t sent = ::send(socket, bytes, size, MSG_NOSIGNAL);
    OPENEFS_CHECK(sent > 0);
    bytes += sent;
    size -= static_cast<size_t>(sent);
  }
}

bool ReceiveAll(int socket, char* bytes, size_t size) {
  while (size > 0) {
    const ssize_t got = ::recv(socket, bytes, size, 0);
    if (got <= 0) return false;
    bytes += got;
    size -= static_cast<size_t>(got);
  }
  return true;
}

// As front-ends do: what BBR paces is far below what loopback can carry.
void UseCubic(int socket) {
  constexpr char kName[] = "cubic";
  (void)::setsockopt(socket, IPPROTO_TCP, TCP_CONGESTION, kName, sizeof kName - 1);
}

// Two ends of a TCP connection over loopback.
struct Pair {
  Pair() {
    const int listener = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    UseCubic(listener);
    sockaddr_in at = {};
    at.sin_family = AF_INET;
    at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof at;
    OPENEFS_CHECK(::bind(listener, reinterpret_cast<sockaddr*>(&at), size) == 0);
    OPENEFS_CHECK(::listen(listener, 1) == 0);
    OPENEFS_CHECK(::getsockname(listener, reinterpret_cast<sockaddr*>(&at), &size) == 0);
    client = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    UseCubic(client);
    OPENEFS_CHECK(::connect(client, reinterpret_cast<sockaddr*>(&at), size) == 0);
    server = ::accept(listener, nullptr, nullptr);
    ::close(listener);
    const int one = 1;
    ::setsockopt(client, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    ::setsockopt(server, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
  }
  ~Pair() {
    ::close(client);
    ::close(server);
  }
  int client = -1;
  int server = -1;
};

// Requests and replies of these sizes, `outstanding` at once, each batch in one write.
double PingPong(size_t request_bytes, size_t reply_bytes, size_t outstanding) {
  Pair pair;
  std::thread server([&] {
    std::vector<char> request(request_bytes * outstanding), reply(reply_bytes * outstanding);
    while (ReceiveAll(pair.server, request.data(), request.size())) {
      SendAll(pair.server, reply.data(), reply.size());
    }
  });
  std::vector<char> request(request_bytes * outstanding), reply(reply_bytes * outstanding);
  const double rate = Rate([&] {
    SendAll(pair.client, request.data(), request.size());
    OPENEFS_CHECK(ReceiveAll(pair.client, reply.data(), reply.size()));
  });
  ::shutdown(pair.client, SHUT_RDWR);
  server.join();
  return rate * static_cast<double>(outstanding);
}

// Appends of `bytes`, each durable before the next.
double SyncedAppends(const std::string& directory, size_t bytes) {
  const std::string path = directory + "/limits_bench.tmp";
  const int file = ::open(path.c_str(), O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
  OPENEFS_CHECK(file >= 0);
  const std::vector<char> data(bytes, 'x');
  const double rate = Rate([&] {
    OPENEFS_CHECK(::write(file, data.data(), data.size()) == static_cast<ssize_t>(data.size()));
    OPENEFS_CHECK(::fdatasync(file) == 0);
  });
  ::close(file);
  ::unlink(path.c_str());
  return rate;
}

// Bytes a second that this many threads read from files of their own, past the page cache; 0 where
// that cannot be done.
double UncachedReads(const std::string& directory, int threads) {
  constexpr size_t kFileBytes = 128 * kMiB;
  std::vector<std::thread> readers;
  std::atomic<bool> stop{false};
  std::atomic<size_t> read{0};
  const std::vector<char> data(kMiB, 'x');
  for (int i = 0; i < threads; ++i) {
    const std::string path = directory + "/limits_bench.tmp" + std::to_string(i);
    const int out = ::open(path.c_str(), O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    for (size_t at = 0; at < kFileBytes; at += kMiB) {
      OPENEFS_CHECK(::write(out, data.data(), kMiB) == static_cast<ssize_t>(kMiB));
    }
    OPENEFS_CHECK(::fdatasync(out) == 0);
    ::close(out);
    const int in = ::open(path.c_str(), O_RDONLY | O_DIRECT | O_CLOEXEC);
    ::unlink(path.c_str());
    if (in < 0) continue;
    readers.emplace_back([in, &stop, &read] {
      const std::unique_ptr<char, decltype(&std::free)> memory(
          static_cast<char*>(std::aligned_alloc(kPageBytes, kMiB)), &std::free);
      for (size_t at = 0; !stop; at = (at + kMiB) % kFileBytes) {
        const ssize_t n = ::pread(in, memory.get(), kMiB, static_cast<off_t>(at));
        OPENEFS_CHECK(n == static_cast<ssize_t>(kMiB));
        read += kMiB;
      }
      ::close(in);
    });
  }
  read = 0;  // those before the last file was there
  const int64_t begin = NowNs();
  std::this_thread::sleep_for(std::chrono::nanoseconds(kRunNs));
  const double rate = static_cast<double>(read) * 1e9 / static_cast<double>(NowNs() - begin);
  stop = true;
  for (std::thread& reader : readers) reader.join();
  return rate;
}

// Reed-Solomon 3+3, as data is stored by default: data bytes a second.
double Encode() {
  constexpr int kData = 3, kParity = 3, kFragmentBytes = 349'568;  // a MiB in three, rounded to 64
  std::vector<unsigned char> matrix(static_cast<size_t>((kData + kParity) * kData));
  std::vector<unsigned char> tables(32 * kData * kParity);
  gf_gen_cauchy1_matrix(matrix.data(), kData + kParity, kData);
  ec_init_tables(kData, kParity, &matrix[kData * kData], tables.data());
  std::vector<std::vector<unsigned char>> fragments(kData + kParity,
                                                    std::vector<unsigned char>(kFragmentBytes, 7));
  std::vector<unsigned char*> pointers;
  for (auto& fragment : fragments) pointers.push_back(fragment.data());
  return Rate([&] {
           ec_encode_data(kFragmentBytes, kData, kParity, tables.data(), pointers.data(),
                          pointers.data() + kData);
         }) *
         kData * kFragmentBytes;
}

double Copy() {
  std::vector<char> from(64 * kMiB, 'a'), to(64 * kMiB, 'b');
  return Rate([&] {
           std::memcpy(to.data(), from.data(), from.size());
           asm volatile("" ::"r"(to.data()) : "memory");  // somebody might look at it
         }) *
         64 * kMiB;
}

int Main(const std::string& directory) {
  std::printf("{\n");
  std::printf("  \"TCP 128 B, 1 outstanding, per second\": %.0f,\n", PingPong(128, 128, 1));
  std::printf("  \"TCP 128 B, 64 outstanding, per second\": %.0f,\n", PingPong(128, 128, 64));
  std::printf("  \"TCP 4 KiB requests, 64 outstanding, per second\": %.0f,\n",
              PingPong(4096, 128, 64));
  std::printf("  \"TCP 1 MiB requests, 4 outstanding, MB/s\": %.0f,\n",
              PingPong(kMiB, 128, 4) * kMiB / 1e6);
  std::printf("  \"TCP 1 MiB replies, 4 outstanding, MB/s\": %.0f,\n",
              PingPong(128, kMiB, 4) * kMiB / 1e6);
  std::printf("  \"append 4 KiB and fdatasync, per second\": %.0f,\n",
              SyncedAppends(directory, 4096));
  std::printf("  \"append 1 MiB and fdatasync, MB/s\": %.0f,\n",
              SyncedAppends(directory, kMiB) * kMiB / 1e6);
  std::printf("  \"append 16 MiB and fdatasync, MB/s\": %.0f,\n",
              SyncedAppends(directory, 16 * kMiB) * 16 * kMiB / 1e6);
  std::printf("  \"read 1 MiB, 6 at once, not cached, MB/s\": %.0f,\n",
              UncachedReads(directory, 6) / 1e6);
  std::printf("  \"read 1 MiB, 1 at once, not cached, MB/s\": %.0f,\n",
              UncachedReads(directory, 1) / 1e6);
  std::printf("  \"Reed-Solomon 3+3 (ISA-L), MB/s\": %.0f,\n", Encode() / 1e6);
  std::printf("  \"memcpy, MB/s\": %.0f\n}\n", Copy() / 1e6);
  return 0;
}

}  // namespace
}  // namespace openefs

int main(int argc, char** argv) {
  if (argc != 2) {
    std::fprintf(stderr, "usage: limits_bench DIRECTORY\n");
    return 1;
  }
  return openefs::Main(argv[1]);
}
