// create_files DIR PROCESSES COUNT: each process creates COUNT files, writes 4 KiB to each and closes it. Prints files per second.
#include <fcntl.h>
#include <time.h>

#include "../tests/guest/tools/tool.h"

enum { kBytes = 4096 };

static double Now(void) {
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

static void CreateFiles(const char* dir, int process, int count) {
  char data[kBytes];
  FillFrom((uint64_t)process, data, kBytes);
  for (int i = 0; i < count; ++i) {
    char path[4096];
    snprintf(path, sizeof path, "%s/f-%d-%d", dir, process, i);
    int fd = open(path, O_WRONLY | O_CREAT | O_EXCL, 0644);
    if (fd < 0) Fail("create %s", path);
    WriteAll(fd, data, kBytes, 0);
    if (close(fd) != 0) Fail("close %s", path);
  }
}

int main(int argc, char** argv) {
  if (argc != 4) Fail("usage: create_files DIR PROCESSES COUNT");
  int processes = atoi(argv[2]), count = atoi(argv[3]);
  double start = Now();
  for (int i = 0; i < processes; ++i) {
    if (fork() == 0) {
      CreateFiles(argv[1], i, count);
      exit(0);
    }
  }
  WaitForChildren(processes);
  printf("%.1f\n", processes * count / (Now() - start));
  return 0;
}
