// sparse write FILE GIB SEED: a file of GIB GiB with dense stretches of 16 MiB and single blocks,
// the rest holes. sparse check FILE GIB SEED: every written byte is what was written, every stretch
// between reads as zeros.
#include <fcntl.h>
#include <sys/stat.h>

#include "tool.h"

// Of every 256 MiB the first 16 are dense; of the rest, one block of 8 KiB starts at an odd offset
// every 16 MiB.
static const off_t kPeriod = 256 << 20, kDense = 16 << 20, kBlockStep = 16 << 20, kBlock = 8192,
                   kBlockSkew = 12345;
enum { kChunk = 1 << 20 };

static uint64_t ChunkSeed(uint64_t seed, off_t offset) {
  return seed ^ ((uint64_t)offset * 0x9e3779b97f4a7c15u);
}

typedef void (*Visit)(int fd, off_t offset, size_t bytes, uint64_t seed);

static void WriteChunk(int fd, off_t offset, size_t bytes, uint64_t seed) {
  static char data[kChunk];
  FillFrom(ChunkSeed(seed, offset), data, bytes);
  WriteAll(fd, data, bytes, offset);
}

static void CheckChunk(int fd, off_t offset, size_t bytes, uint64_t seed) {
  static char want[kChunk], got[kChunk];
  FillFrom(ChunkSeed(seed, offset), want, bytes);
  ReadAll(fd, got, bytes, offset);
  errno = 0;
  if (memcmp(want, got, bytes) != 0) Fail("bytes at %lld are wrong", (long long)offset);
}

// The holes around each lone block are read in one go: 1 MiB that is zero but for the block.
static void CheckSurroundings(int fd, off_t offset, size_t bytes, uint64_t seed) {
  static char want[kChunk], got[kChunk];
  memset(want, 0, sizeof want);
  off_t from = offset - kBlockSkew;
  FillFrom(ChunkSeed(seed, offset), want + kBlockSkew, bytes);
  ReadAll(fd, got, kChunk, from);
  errno = 0;
  if (memcmp(want, got, kChunk) != 0) Fail("the hole around %lld is not zero", (long long)offset);
}

static void VisitAll(int fd, off_t size, uint64_t seed, Visit dense, Visit block) {
  for (off_t period = 0; period < size; period += kPeriod) {
    for (off_t at = 0; at < kDense; at += kChunk) dense(fd, period + at, kChunk, seed);
    for (off_t at = kDense; at < kPeriod; at += kBlockStep)
      block(fd, period + at + kBlockSkew, (size_t)kBlock, seed);
  }
}

int main(int argc, char** argv) {
  if (argc != 5) Fail("usage: sparse write|check FILE GIB SEED");
  int writing = strcmp(argv[1], "write") == 0;
  off_t size = (off_t)atoll(argv[3]) << 30;
  uint64_t seed = strtoull(argv[4], NULL, 10);
  int fd = open(argv[2], writing ? O_RDWR | O_CREAT | O_TRUNC : O_RDONLY, 0644);
  if (fd < 0) Fail("open %s", argv[2]);
  if (writing) {
    if (ftruncate(fd, size) != 0) Fail("ftruncate");
    VisitAll(fd, size, seed, WriteChunk, WriteChunk);
    if (fsync(fd) != 0 || close(fd) != 0) Fail("fsync and close");
    return 0;
  }
  struct stat info;
  if (fstat(fd, &info) != 0) Fail("fstat");
  errno = 0;
  if (info.st_size != size)
    Fail("size is %lld, wanted %lld", (long long)info.st_size, (long long)size);
  VisitAll(fd, size, seed, CheckChunk, CheckSurroundings);
  return 0;
}
