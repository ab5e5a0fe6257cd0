// Preloaded into a process, makes one file operation fail, hang, or kill the process half-way.
//
//   FAULT_OPERATION  write, fsync, rename, link, or any of them
//   FAULT_PATH       only files whose path contains this
//   FAULT_AT         which such operation, from 1
//   FAULT_ACTION     an error number; `kill` (a write is done by half before); `done` (kills after a rename); or `sleep`
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static atomic_int matches;

static int is_turn(const char *operation, const char *path) {
  const char *wanted = getenv("FAULT_OPERATION"), *part = getenv("FAULT_PATH"), *at = getenv("FAULT_AT");
  if (!wanted || !part || !at || (strcmp(wanted, "any") && strcmp(wanted, operation)) || !strstr(path, part)) return 0;
  return atomic_fetch_add(&matches, 1) + 1 == atoi(at);
}

static int is_turn_of_file(const char *operation, int file) {
  char link[64], path[4096];
  snprintf(link, sizeof link, "/proc/self/fd/%d", file);
  ssize_t length = readlink(link, path, sizeof path - 1);
  if (length < 0) return 0;
  path[length] = 0;
  return is_turn(operation, path);
}

/// Whether the operation fails; else it goes on.
static int act(void) {
  const char *action = getenv("FAULT_ACTION");
  if (!strcmp(action, "kill")) kill(getpid(), SIGKILL);
  if (!strcmp(action, "sleep")) {
    sleep(90);
    return 0;
  }
  errno = atoi(action);
  return 1;
}

ssize_t write(int file, const void *bytes, size_t count) {
  ssize_t (*next)(int, const void *, size_t) = dlsym(RTLD_NEXT, "write");
  if (is_turn_of_file("write", file)) {
    if (!strcmp(getenv("FAULT_ACTION"), "kill")) next(file, bytes, count / 2);
    if (act()) return -1;
  }
  return next(file, bytes, count);
}

int fsync(int file) {
  int (*next)(int) = dlsym(RTLD_NEXT, "fsync");
  return is_turn_of_file("fsync", file) && act() ? -1 : next(file);
}

int rename(const char *from, const char *to) {
  int (*next)(const char *, const char *) = dlsym(RTLD_NEXT, "rename");
  if (!is_turn("rename", from)) return next(from, to);
  if (!strcmp(getenv("FAULT_ACTION"), "done")) {
    next(from, to);
    kill(getpid(), SIGKILL);
  }
  return act() ? -1 : next(from, to);
}

int link(const char *from, const char *to) {
  int (*next)(const char *, const char *) = dlsym(RTLD_NEXT, "link");
  return is_turn("link", to) && act() ? -1 : next(from, to);
}
