// lock hold fcntl|flock FILE [START LENGTH] -- COMMAND...: waits for an exclusive lock, runs a
// command under it, and ends with the command's status. lock try  fcntl|flock FILE [START LENGTH]:
// status 0 when the lock was free, 1 when somebody else has it.
#include <fcntl.h>
#include <sys/file.h>

#include "tool.h"

static int TakeLock(int fd, const char* kind, long long start, long long length, int wait) {
  if (strcmp(kind, "flock") == 0) return flock(fd, LOCK_EX | (wait ? 0 : LOCK_NB));
  struct flock range = {.l_type = F_WRLCK, .l_whence = SEEK_SET, .l_start = start, .l_len = length};
  return fcntl(fd, wait ? F_SETLKW : F_SETLK, &range);
}

int main(int argc, char** argv) {
  if (argc < 4) Fail("usage: lock hold|try fcntl|flock FILE [START LENGTH] [-- COMMAND...]");
  int hold = strcmp(argv[1], "hold") == 0, next = 4;
  long long start = 0, length = 0;
  if (argc > 5 && strcmp(argv[4], "--") != 0) {
    start = atoll(argv[4]), length = atoll(argv[5]);
    next = 6;
  }
  int fd = open(argv[3], O_RDWR | O_CREAT, 0666);
  if (fd < 0) Fail("open %s", argv[3]);
  if (TakeLock(fd, argv[2], start, length, hold) != 0) {
    if (!hold && (errno == EAGAIN || errno == EACCES || errno == EWOULDBLOCK)) return 1;
    Fail("%s %s", argv[2], argv[3]);
  }
  if (!hold) return 0;
  // The command runs in a child, without the descriptor: with flock a copy of it would keep the
  // lock.
  pid_t child = fork();
  if (child == 0) {
    close(fd);
    if (next + 1 >= argc) exit(0);
    execvp(argv[next + 1], argv + next + 1);
    Fail("exec %s", argv[next + 1]);
  }
  int status = 0;
  if (wait(&status) < 0) Fail("wait");
  return WIFEXITED(status) ? WEXITSTATUS(status) : 1;
}
