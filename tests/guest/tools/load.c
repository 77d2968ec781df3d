// A workload that knows what it was promised.
//
//   load run   DIR LOG SECONDS PROCESSES SEED MIX   works in DIR/pN (one directory per process)
//   until
//                                                   the time is over or LOG.stop exists; every
//                                                   operation must succeed
//   load check DIR LOG PROCESSES                    replays the log and compares: everything
//                                                   acknowledged is there
//
// MIX is "data" (creates, overwrites, truncates, renames, deletes) or "names" (metadata alone:
// empty files, links, directories, symbolic links, renames, deletes). An effect that came twice is
// an error of the operation (a file that exists already, or is gone) or a wrong link count in the
// check.
//
// Each process logs an operation before it starts it ("B ...") and after it was acknowledged ("A",
// the time in milliseconds since 1970 and how long it took in microseconds), to LOG.N. Data is
// acknowledged by fsync or close. Files consist of blocks of 4 KiB, each filled from (file, block,
// version), so that a block tells which write it came from: the checker accepts the last
// acknowledged version and nothing else. Of the names in the one operation that a log may leave
// open, nothing is demanded. Names are checked both ways: none missing, none extra.
#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <time.h>

#include "tool.h"

enum {
  kBlock = 4096,
  kMaxBlocks = 512,  // 2 MiB: whole blobs and more than one of them
  kMaxFiles =
      4096,  // live files of one process; beyond it, files are removed before new ones are made
  kMaxNames = 1 << 14,  // names one process uses, over and over
  kZeros = 0,           // the version of a block that a truncate upwards made
  kPathBytes = 4096,
};

struct File {
  int live;
  char type;  // of the name: f, d or l
  int blocks;
  uint32_t version[kMaxBlocks];
};

struct Operation {
  // C create, W overwrite, R rename, D delete, T truncate, L link, M mkdir, S symlink
  char kind;
  int name, other, first, count;
  uint32_t version;
};

static struct File* files;  // by name number

static int MakesOther(char kind) { return kind == 'R' || kind == 'L'; }

static uint64_t BlockSeed(uint32_t identity, int block, uint32_t version) {
  return ((uint64_t)identity << 40) ^ ((uint64_t)block << 28) ^ version;
}

static double Now(void) {
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

static void PathOf(char* path, const char* dir, int process, int name) {
  snprintf(path, kPathBytes, "%s/p%d/f%d", dir, process, name);
}

// --- the model
// -------------------------------------------------------------------------------------------------

// The contents move with the name: identity is the version that created the file, kept in `origin`.
static uint32_t* origin;

static void MakeInModel(const struct Operation* op, char type) {
  struct File* file = &files[op->name];
  file->live = 1;
  file->type = type;
  file->blocks = op->count;
  origin[op->name] = op->version;
}

static void CopyInModel(int from, int to) {
  files[to] = files[from];
  origin[to] = origin[from];
}

static void ApplyToModel(const struct Operation* op) {
  struct File* file = &files[op->name];
  switch (op->kind) {
    case 'C':
      MakeInModel(op, 'f');
      for (int i = 0; i < op->count; ++i) file->version[i] = op->version;
      break;
    case 'W':
      for (int i = 0; i < op->count; ++i) file->version[op->first + i] = op->version;
      if (op->first + op->count > file->blocks) file->blocks = op->first + op->count;
      break;
    case 'M':
      MakeInModel(op, 'd');
      break;
    case 'S':
      MakeInModel(op, 'l');
      break;
    case 'L':
      CopyInModel(op->name, op->other);
      break;
    case 'R':
      CopyInModel(op->name, op->other);
      file->live = 0;
      break;
    case 'D':
      file->live = 0;
      break;
    case 'T':
      for (int i = file->blocks; i < op->count; ++i) file->version[i] = kZeros;
      file->blocks = op->count;
      break;
  }
}

// --- the work
// --------------------------------------------------------------------------------------------------

static void WriteBlocks(int fd, const struct Operation* op, uint32_t identity) {
  static char data[kMaxBlocks * kBlock];
  for (int i = 0; i < op->count; ++i) {
    FillFrom(BlockSeed(identity, op->first + i, op->version), data + (size_t)i * kBlock, kBlock);
  }
  WriteAll(fd, data, (size_t)op->count * kBlock, (off_t)op->first * kBlock);
}

static void WriteFile(const char* path, int flags, const struct Operation* op, uint32_t identity) {
  int fd = open(path, flags, 0644);
  if (fd < 0) Fail("open %s", path);
  WriteBlocks(fd, op, identity);
  // Odd versions rely on close alone, which a client flushes at.
  if (op->version % 2 == 0 && fsync(fd) != 0) Fail("fsync %s", path);
  if (close(fd) != 0) Fail("close %s", path);
}

static const char* LinkTarget(uint32_t identity) {
  static char target[32];
  snprintf(target, sizeof target, "target-%u", identity);
  return target;
}

static void Perform(const char* dir, int process, const struct Operation* op) {
  char path[kPathBytes], other[kPathBytes];
  PathOf(path, dir, process, op->name);
  PathOf(other, dir, process, op->other);
  switch (op->kind) {
    case 'C':
      WriteFile(path, O_WRONLY | O_CREAT | O_EXCL, op, op->version);
      break;
    case 'W':
      WriteFile(path, O_WRONLY, op, origin[op->name]);
      break;
    case 'R':
      if (rename(path, other) != 0) Fail("rename %s", path);
      break;
    case 'D':
      if (remove(path) != 0) Fail("remove %s", path);
      break;
    case 'L':
      if (link(path, other) != 0) Fail("link %s", path);
      break;
    case 'M':
      if (mkdir(path, 0755) != 0) Fail("mkdir %s", path);
      break;
    case 'S':
      if (symlink(LinkTarget(op->version), path) != 0) Fail("symlink %s", path);
      break;
    case 'T':
      if (truncate(path, (off_t)op->count * kBlock) != 0) Fail("truncate %s", path);
      break;
  }
}

static int SomeSize(uint64_t random) {
  // Most files are small, as in life: 1 to 4 blocks travel inline, the others as coded blobs.
  uint64_t limit = random % 4 != 0 ? 4 : kMaxBlocks;
  return 1 + (int)((random >> 8) % limit);
}

static int SomeLiveFile(uint64_t random, int used) {
  for (int i = 0; i < used; ++i) {
    int name = (int)((random + (uint64_t)i) % (uint64_t)used);
    if (files[name].live) return name;
  }
  return -1;
}

// A name that leads to nothing. There is one: a process has fewer live names than names.
static int UnusedName(uint64_t random, int* used) {
  if (*used < kMaxNames) return (*used)++;
  int name = (int)(random % kMaxNames);
  while (files[name].live) name = (name + 1) % kMaxNames;
  return name;
}

static struct Operation ChooseOperation(const char* mix, uint64_t* random, int* used, int live,
                                        uint32_t version) {
  const char* kinds = strcmp(mix, "names") == 0 ? "CCCMSLRRDDD" : "CCCWWWRDT";
  struct Operation op = {.kind = kinds[NextRandom(random) % strlen(kinds)], .version = version};
  uint64_t pick = NextRandom(random), size = NextRandom(random);
  op.name = SomeLiveFile(pick, *used);
  if (op.name < 0) op.kind = 'C';
  if (live >= kMaxFiles) op.kind = 'D';
  if (op.kind == 'L' && files[op.name].type != 'f') op.kind = 'R';
  if (op.kind == 'C') {
    op.name = UnusedName(pick, used);
    op.count = strcmp(mix, "names") == 0 ? 0 : SomeSize(size);
  } else if (op.kind == 'M' || op.kind == 'S') {
    op.name = UnusedName(pick, used);
  } else if (op.kind == 'R' || op.kind == 'L') {
    op.other = UnusedName(size, used);
  } else if (op.kind == 'W') {
    op.first = (int)((size >> 40) % (uint64_t)(files[op.name].blocks + 1));
    if (op.first == kMaxBlocks) op.first = 0;
    op.count = SomeSize(size);
    if (op.first + op.count > kMaxBlocks) op.count = kMaxBlocks - op.first;
  } else if (op.kind == 'T') {
    op.count = (int)(size % (kMaxBlocks + 1));
  }
  return op;
}

static void LogOperation(FILE* log, const struct Operation* op) {
  fprintf(log, "B %c %d %d %d %d %u\n", op->kind, op->name, op->other, op->first, op->count,
          op->version);
  if (fflush(log) != 0) Fail("write the log");
}

static int LiveChange(char kind) { return strchr("CLMS", kind) ? 1 : kind == 'D' ? -1 : 0; }

static void LogAcknowledgement(FILE* log, double seconds) {
  struct timespec wall;
  clock_gettime(CLOCK_REALTIME, &wall);
  fprintf(log, "A %lld %.0f\n", (long long)wall.tv_sec * 1000 + wall.tv_nsec / 1000000,
          seconds * 1e6);
}

static void RunProcess(const char* dir, const char* log_base, int process, double seconds,
                       uint64_t seed, const char* mix) {
  char path[kPathBytes], stop[kPathBytes];
  snprintf(stop, sizeof stop, "%s.stop", log_base);
  snprintf(path, sizeof path, "%s.%d", log_base, process);
  FILE* log = fopen(path, "w");
  if (!log) Fail("open %s", path);
  snprintf(path, sizeof path, "%s/p%d", dir, process);
  if (mkdir(path, 0755) != 0) Fail("mkdir %s", path);
  uint64_t random = seed + (uint64_t)process;
  int used = 0, live = 0;
  double end = Now() + seconds, longest = 0;
  uint32_t version = 1;
  for (; Now() < end && access(stop, F_OK) != 0; ++version) {
    struct Operation op = ChooseOperation(mix, &random, &used, live, version);
    LogOperation(log, &op);
    double start = Now();
    Perform(dir, process, &op);
    double taken = Now() - start;
    if (taken > longest) longest = taken;
    ApplyToModel(&op);
    live += LiveChange(op.kind);
    LogAcknowledgement(log, taken);
  }
  if (fclose(log) != 0) Fail("close the log");
  printf("process %d: %u operations, longest %.1f s\n", process, version - 1, longest);
}

// --- the check
// -------------------------------------------------------------------------------------------------

static int ReadOperation(FILE* log, struct Operation* op) {
  return fscanf(log, " B %c %d %d %d %d %u", &op->kind, &op->name, &op->other, &op->first,
                &op->count, &op->version) == 6;
}

// Replays a log; returns 1 and the operation when the last one was not acknowledged.
static int Replay(const char* path, int* used, struct Operation* open_op) {
  FILE* log = fopen(path, "r");
  if (!log) Fail("open %s", path);
  int pending = 0;
  while (ReadOperation(log, open_op)) {
    char ack = 0;
    if (open_op->name >= *used) *used = open_op->name + 1;
    if (MakesOther(open_op->kind) && open_op->other >= *used) *used = open_op->other + 1;
    long long wall_ms, taken_us;
    pending = fscanf(log, " %c %lld %lld", &ack, &wall_ms, &taken_us) != 3 || ack != 'A';
    if (pending) break;
    ApplyToModel(open_op);
  }
  fclose(log);
  return pending;
}

static int BlockIs(const char* got, uint32_t identity, int block, uint32_t version) {
  char want[kBlock] = {0};
  if (version != kZeros) FillFrom(BlockSeed(identity, block, version), want, kBlock);
  return memcmp(got, want, kBlock) == 0;
}

// The names that the operation left open by the log may have changed are not checked: either
// outcome is right.
static int IsOpen(const struct Operation* op, int pending, int name) {
  return pending && (name == op->name || (MakesOther(op->kind) && name == op->other));
}

// How many names the model has for what `name` leads to; -1: the open operation decides.
static int LinksTo(int name, int used, int pending, const struct Operation* op) {
  int links = 0;
  for (int other = 0; other < used; ++other) {
    if (origin[other] != origin[name]) continue;
    if (IsOpen(op, pending, other)) return -1;
    links += files[other].live;
  }
  return links;
}

static void CheckNode(const char* path, int name, int links) {
  struct stat info;
  if (lstat(path, &info) != 0) Fail("acknowledged name %s", path);
  errno = 0;
  const mode_t type = files[name].type == 'd'   ? S_IFDIR
                      : files[name].type == 'l' ? S_IFLNK
                                                : S_IFREG;
  if ((info.st_mode & S_IFMT) != type) Fail("%s is of another type: mode %o", path, info.st_mode);
  if (type == S_IFDIR) return;
  if (links >= 0 && info.st_nlink != (nlink_t)links)
    Fail("%s has %lu links, acknowledged were %d", path, (unsigned long)info.st_nlink, links);
  char target[64] = {0};
  if (type == S_IFLNK && (readlink(path, target, sizeof target - 1) < 0 ||
                          strcmp(target, LinkTarget(origin[name])) != 0))
    Fail("%s leads to '%s'", path, target);
}

static void CheckFile(const char* path, int name) {
  const struct File* file = &files[name];
  static char got[kMaxBlocks * kBlock];
  int fd = open(path, O_RDONLY);
  if (fd < 0) Fail("acknowledged file %s", path);
  struct stat info;
  if (fstat(fd, &info) != 0) Fail("fstat %s", path);
  errno = 0;
  if (info.st_size != (off_t)file->blocks * kBlock) {
    Fail("%s has %lld bytes, acknowledged were %d", path, (long long)info.st_size,
         file->blocks * kBlock);
  }
  ReadAll(fd, got, (size_t)info.st_size, 0);
  for (int i = 0; i < file->blocks; ++i) {
    errno = 0;
    if (!BlockIs(got + (size_t)i * kBlock, origin[name], i, file->version[i])) {
      Fail("%s block %d is not version %u, which was acknowledged", path, i, file->version[i]);
    }
  }
  close(fd);
}

static void CheckNoExtraNames(const char* dir, int used, int pending, const struct Operation* op) {
  DIR* listing = opendir(dir);
  if (!listing) Fail("opendir %s", dir);
  for (struct dirent* entry; (entry = readdir(listing));) {
    int name = -1;
    if (entry->d_name[0] == '.') continue;
    errno = 0;
    if (sscanf(entry->d_name, "f%d", &name) != 1 || name < 0 || name >= used)
      Fail("strange name %s", entry->d_name);
    if (!files[name].live && !IsOpen(op, pending, name))
      Fail("%s/%s was removed or renamed", dir, entry->d_name);
  }
  closedir(listing);
}

static void CheckProcess(const char* dir, const char* log_base, int process) {
  char path[kPathBytes];
  struct Operation op;
  int used = 0, checked = 0;
  snprintf(path, sizeof path, "%s.%d", log_base, process);
  int pending = Replay(path, &used, &op);
  for (int name = 0; name < used; ++name) {
    if (!files[name].live || IsOpen(&op, pending, name)) continue;
    PathOf(path, dir, process, name);
    CheckNode(path, name, LinksTo(name, used, pending, &op));
    if (files[name].type == 'f') CheckFile(path, name);
    ++checked;
  }
  snprintf(path, sizeof path, "%s/p%d", dir, process);
  CheckNoExtraNames(path, used, pending, &op);
  printf("process %d: %d files are as acknowledged\n", process, checked);
}

int main(int argc, char** argv) {
  int running = argc == 8 && strcmp(argv[1], "run") == 0;
  if (!running && !(argc == 5 && strcmp(argv[1], "check") == 0)) {
    Fail("usage: load run DIR LOG SECONDS PROCESSES SEED MIX | load check DIR LOG PROCESSES");
  }
  int processes = atoi(argv[running ? 5 : 4]);
  for (int i = 0; i < processes; ++i) {
    if (fork() != 0) continue;
    files = calloc(kMaxNames, sizeof *files);
    origin = calloc(kMaxNames, sizeof *origin);
    if (!files || !origin) Fail("memory");
    if (running) {
      RunProcess(argv[2], argv[3], i, atof(argv[4]), strtoull(argv[6], NULL, 10), argv[7]);
    } else {
      CheckProcess(argv[2], argv[3], i);
    }
    exit(0);
  }
  WaitForChildren(processes);
  return 0;
}
