// mapped write FILE BYTES SEED: writes a file through a shared mapping, in a scattered order, and
// reads it back by pread. mapped check FILE BYTES SEED: the same file must read the same through a
// private mapping and by pread.
#include <fcntl.h>
#include <sys/mman.h>

#include "tool.h"

enum { kPage = 4096 };

static void CheckPage(const void* got, uint64_t seed, size_t page, const char* how) {
  char want[kPage];
  FillFrom(seed + page, want, kPage);
  errno = 0;
  if (memcmp(got, want, kPage) != 0) Fail("page %zu is wrong by %s", page, how);
}

static void WriteMapped(char* map, size_t pages, uint64_t seed) {
  // 7919 is prime: for any number of pages that is not a multiple of it, the steps visit every page
  // once.
  for (size_t i = 0; i < pages; ++i) {
    size_t page = i * 7919 % pages;
    FillFrom(seed + page, map + page * kPage, kPage);
  }
  if (msync(map, pages * kPage, MS_SYNC) != 0) Fail("msync");
}

int main(int argc, char** argv) {
  if (argc != 5) Fail("usage: mapped write|check FILE BYTES SEED");
  int writing = strcmp(argv[1], "write") == 0;
  size_t pages = (size_t)atoll(argv[3]) / kPage;
  uint64_t seed = strtoull(argv[4], NULL, 10);
  int fd = open(argv[2], writing ? O_RDWR | O_CREAT : O_RDWR, 0644);
  if (fd < 0) Fail("open %s", argv[2]);
  if (writing && ftruncate(fd, (off_t)(pages * kPage)) != 0) Fail("ftruncate");
  int flags = writing ? MAP_SHARED : MAP_PRIVATE;
  char* map = mmap(NULL, pages * kPage, PROT_READ | PROT_WRITE, flags, fd, 0);
  if (map == MAP_FAILED) Fail("mmap");
  if (writing) WriteMapped(map, pages, seed);
  for (size_t page = 0; page < pages; ++page) {
    char got[kPage];
    ReadAll(fd, got, kPage, (off_t)(page * kPage));
    CheckPage(got, seed, page, "pread");
    CheckPage(map + page * kPage, seed, page, "mmap");
  }
  return 0;
}
