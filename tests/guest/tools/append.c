// append FILE PROCESSES RECORDS: every process appends RECORDS numbered lines with O_APPEND; each
// line must be there once, whole, and in the order of its process.
#include <fcntl.h>

#include "tool.h"

enum { kMaxProcesses = 64, kRecordBytes = 64 };

static void AppendRecords(const char* path, int process, int records) {
  int fd = open(path, O_WRONLY | O_APPEND | O_CREAT, 0644);
  if (fd < 0) Fail("open %s", path);
  for (int i = 0; i < records; ++i) {
    char line[2 * kRecordBytes];
    snprintf(line, sizeof line, "%08d %08d %*s\n", process, i, kRecordBytes - 19, "end");
    if (write(fd, line, kRecordBytes) != kRecordBytes) Fail("append record %d", i);
  }
  if (close(fd) != 0) Fail("close");
}

static void CheckRecords(const char* path, int processes, int records) {
  int next[kMaxProcesses] = {0};
  FILE* file = fopen(path, "r");
  if (!file) Fail("open %s", path);
  char line[kRecordBytes + 2];
  for (int n = 0; fgets(line, sizeof line, file); ++n) {
    int process = -1, record = -1;
    errno = 0;
    if (strlen(line) != kRecordBytes || sscanf(line, "%d %d end", &process, &record) != 2 ||
        process < 0 || process >= processes || record != next[process]++) {
      Fail("line %d is wrong: %s", n, line);
    }
  }
  for (int i = 0; i < processes; ++i) {
    if (next[i] != records) Fail("process %d: %d of %d records are there", i, next[i], records);
  }
}

int main(int argc, char** argv) {
  if (argc != 4) Fail("usage: append FILE PROCESSES RECORDS");
  int processes = atoi(argv[2]), records = atoi(argv[3]);
  if (processes < 1 || processes > kMaxProcesses) Fail("1 to %d processes", kMaxProcesses);
  for (int i = 0; i < processes; ++i) {
    if (fork() == 0) {
      AppendRecords(argv[1], i, records);
      exit(0);
    }
  }
  WaitForChildren(processes);
  CheckRecords(argv[1], processes, records);
  return 0;
}
