// excl DIR PROCESSES NAMES: all processes try to create the same names with O_CREAT|O_EXCL; each
// name must have exactly one winner, and everybody else EEXIST.
#include <fcntl.h>

#include "tool.h"

// Writes a byte to `winners` for each name it won.
static void CreateAll(const char* dir, int process, int names, int winners) {
  for (int i = 0; i < names; ++i) {
    char path[4096];
    snprintf(path, sizeof path, "%s/name-%d", dir, i);
    int fd = open(path, O_WRONLY | O_CREAT | O_EXCL, 0600);
    if (fd < 0 && errno != EEXIST) Fail("create %s", path);
    if (fd < 0) continue;
    if (dprintf(fd, "%d\n", process) < 0 || close(fd) != 0) Fail("write %s", path);
    if (write(winners, "", 1) != 1) Fail("pipe");
  }
}

int main(int argc, char** argv) {
  if (argc != 4) Fail("usage: excl DIR PROCESSES NAMES");
  int processes = atoi(argv[2]), names = atoi(argv[3]), winners[2];
  if (pipe(winners) != 0) Fail("pipe");
  for (int i = 0; i < processes; ++i) {
    if (fork() == 0) {
      CreateAll(argv[1], i, names, winners[1]);
      exit(0);
    }
  }
  close(winners[1]);
  int won = 0;
  for (char byte; read(winners[0], &byte, 1) == 1;) ++won;
  WaitForChildren(processes);
  errno = 0;
  if (won != names) Fail("%d names had %d winners", names, won);
  return 0;
}
