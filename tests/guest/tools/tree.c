// tree DIR FILES SEED: a deterministic source tree: directories to depth 6, files from empty to 256
// KiB (most of them small), names with spaces and bytes above 127, modes, symbolic links. Always
// the same for the same seed.
#include <fcntl.h>
#include <sys/stat.h>

#include "tool.h"

enum { kPathBytes = 1024, kMaxDirectories = 512, kMaxFileBytes = 256 << 10 };

static char* directories[kMaxDirectories];
static int directory_count;

static void MakeDirectory(const char* parent, int number, int depth) {
  static const char* const kNames[] = {"source",  "include", "with space", "d\xc3\xa9j\xc3\xa0-vu",
                                       ".hidden", "x"};
  char* path = malloc(kPathBytes);
  if (!path) Fail("memory");
  directories[directory_count++] = path;
  int n = snprintf(path, kPathBytes, "%s/%s-%d", parent, kNames[(number + depth) % 6], number);
  if (n >= kPathBytes || mkdir(path, depth % 3 == 0 ? 0755 : 0750) != 0) Fail("mkdir %s", path);
}

static size_t FileBytes(uint64_t random) {
  switch (random % 16) {
    case 0:
      return 0;
    case 1:
      return 16384 + (random >> 8) % (kMaxFileBytes - 16384);
    default:
      return 1 + (random >> 8) % 8192;
  }
}

static void MakeFile(const char* path, uint64_t* random) {
  static char data[kMaxFileBytes + 8];
  static const mode_t kModes[] = {0644, 0600, 0755, 0444};
  size_t bytes = FileBytes(NextRandom(random));
  FillFrom(NextRandom(random), data, (bytes + 7) / 8 * 8);
  int fd = open(path, O_WRONLY | O_CREAT | O_EXCL, 0600);
  if (fd < 0) Fail("create %s", path);
  WriteAll(fd, data, bytes, 0);
  if (fchmod(fd, kModes[NextRandom(random) % 4]) != 0 || close(fd) != 0) Fail("finish %s", path);
}

static void MakeEntry(const char* directory, int number, uint64_t* random) {
  char path[kPathBytes + 64], target[64];
  snprintf(path, sizeof path, "%s/file %d.c", directory, number);
  if (number % 50 != 49) {
    MakeFile(path, random);
    return;
  }
  snprintf(target, sizeof target, "./file %d.c", number - 1);
  if (symlink(target, path) != 0) Fail("symlink %s", path);
}

int main(int argc, char** argv) {
  if (argc != 4) Fail("usage: tree DIR FILES SEED");
  int count = atoi(argv[2]);
  uint64_t random = strtoull(argv[3], NULL, 10);
  umask(0);
  directories[directory_count++] = argv[1];
  if (mkdir(argv[1], 0755) != 0) Fail("mkdir %s", argv[1]);
  for (int i = 0; i < count / 20 && i < kMaxDirectories - 1; ++i) {
    // The parent is one of the last few made, or the root: deep in places, wide in others.
    int depth = i % 6, parent = depth == 0 ? 0 : directory_count - 1;
    MakeDirectory(directories[parent], i, depth);
  }
  for (int i = 0; i < count; ++i)
    MakeEntry(directories[NextRandom(&random) % (uint64_t)directory_count], i, &random);
  return 0;
}
