// What the small programs of the guest cases share: they say what went wrong, with errno, and stop.
#pragma once
#include <errno.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

__attribute__((noreturn, format(printf, 1, 2))) static inline void Fail(const char* format, ...) {
  int error = errno;
  va_list args;
  va_start(args, format);
  vfprintf(stderr, format, args);
  va_end(args);
  fprintf(stderr, " (errno %d: %s)\n", error, strerror(error));
  exit(1);
}

// splitmix64: every byte of test data is a function of a seed, so that no expected copy has to be
// kept.
static inline uint64_t NextRandom(uint64_t* state) {
  uint64_t z = (*state += 0x9e3779b97f4a7c15u);
  z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
  z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
  return z ^ (z >> 31);
}

// Fills `bytes` (a multiple of 8) from a seed.
static inline void FillFrom(uint64_t seed, void* buffer, size_t bytes) {
  uint64_t* words = buffer;
  for (size_t i = 0; i < bytes / sizeof(uint64_t); ++i) words[i] = NextRandom(&seed);
}

static inline void WriteAll(int fd, const void* buffer, size_t bytes, off_t offset) {
  for (size_t done = 0; done < bytes;) {
    ssize_t n = pwrite(fd, (const char*)buffer + done, bytes - done, offset + (off_t)done);
    if (n <= 0) Fail("pwrite at %lld", (long long)offset);
    done += (size_t)n;
  }
}

static inline void ReadAll(int fd, void* buffer, size_t bytes, off_t offset) {
  for (size_t done = 0; done < bytes;) {
    ssize_t n = pread(fd, (char*)buffer + done, bytes - done, offset + (off_t)done);
    if (n <= 0) Fail("pread of %zu bytes at %lld returned %zd", bytes, (long long)offset, n);
    done += (size_t)n;
  }
}

// Waits for `count` children; any that failed fails the whole program.
static inline void WaitForChildren(int count) {
  for (int i = 0; i < count; ++i) {
    int status = 0;
    if (wait(&status) < 0) Fail("wait");
    if (!WIFEXITED(status) || WEXITSTATUS(status) != 0) {
      errno = 0;
      Fail("a child process failed with status %d", status);
    }
  }
}
