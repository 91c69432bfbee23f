#include "faulty.h"

#include <limits.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

// SQLite is linked into the same program by its driver.
extern int sqlite3_vfs_register(sqlite3_vfs *, int) __attribute__((weak));
extern sqlite3_vfs *sqlite3_vfs_find(const char *) __attribute__((weak));

enum { IS_DATABASE = 1, IS_WAL = 2, IS_OTHER = 4 };

// plan is what breaks on one disk.
struct plan {
  char dir[PATH_MAX];
  int op, file; // sets of bits
  int code;     // what SQLite is told
  int after;    // operations that still work
  int times;    // operations that then fail; negative: all
  int effect;   // the operation is done all the same
  int hits;     // operations that failed
};

static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static struct plan plans[FAULTY_DISKS];
static sqlite3_vfs real, shim;

// SQLite has methods for each way of locking: a write-ahead log has none.
static struct kind {
  const sqlite3_io_methods *whole;
  sqlite3_io_methods broken;
} kinds[8];

// tag lies behind the real file, in the room that SQLite gives it.
struct tag {
  int disk, file;
  const sqlite3_io_methods *whole;
};

static struct tag *tag_of(sqlite3_file *f) { return (struct tag *)((char *)f + real.szOsFile); }

enum { OP_READ = 1, OP_WRITE = 2, OP_SYNC = 4, OP_TRUNCATE = 8, OP_OPEN = 16 };

// fails says what an operation answers; 0 is that it works.
static int fails(struct tag *t, int op, int *effect) {
  int code = 0;
  if (t->disk < 0) return 0;
  pthread_mutex_lock(&mutex);
  struct plan *p = &plans[t->disk];
  if (p->code && (p->op & op) && (p->file & t->file)) {
    if (p->after > 0) {
      p->after--;
    } else if (p->times != 0) {
      if (p->times > 0) p->times--;
      p->hits++;
      code = p->code;
      *effect = p->effect;
    }
  }
  pthread_mutex_unlock(&mutex);
  return code;
}

static int do_read(sqlite3_file *f, void *to, int n, sqlite3_int64 at) {
  int effect = 0, code = fails(tag_of(f), OP_READ, &effect);
  return code ? code : tag_of(f)->whole->xRead(f, to, n, at);
}

static int do_write(sqlite3_file *f, const void *from, int n, sqlite3_int64 at) {
  int effect = 0, code = fails(tag_of(f), OP_WRITE, &effect);
  if (!code) return tag_of(f)->whole->xWrite(f, from, n, at);
  // A disk that fails amid a write leaves a part of it.
  if (effect) tag_of(f)->whole->xWrite(f, from, n, at);
  else if (n > 1) tag_of(f)->whole->xWrite(f, from, n / 2, at);
  return code;
}

static int do_truncate(sqlite3_file *f, sqlite3_int64 n) {
  int effect = 0, code = fails(tag_of(f), OP_TRUNCATE, &effect);
  return code ? code : tag_of(f)->whole->xTruncate(f, n);
}

static int do_sync(sqlite3_file *f, int flags) {
  int effect = 0, code = fails(tag_of(f), OP_SYNC, &effect);
  if (code && effect) tag_of(f)->whole->xSync(f, flags);
  return code ? code : tag_of(f)->whole->xSync(f, flags);
}

static int do_open(sqlite3_vfs *v, const char *name, sqlite3_file *f, int flags, int *out) {
  struct tag t = {-1, IS_OTHER, 0};
  int code, effect = 0;
  (void)v;
  if (flags & 0x00000100) t.file = IS_DATABASE;
  if (flags & 0x00080000) t.file = IS_WAL;
  pthread_mutex_lock(&mutex);
  for (int i = 0; name && i < FAULTY_DISKS; i++) {
    size_t n = strlen(plans[i].dir);
    if (n && !strncmp(name, plans[i].dir, n) && name[n] == '/') t.disk = i;
  }
  pthread_mutex_unlock(&mutex);
  f->pMethods = 0;
  if ((code = fails(&t, OP_OPEN, &effect))) return code;
  code = real.xOpen(&real, name, f, flags, out);
  if (!f->pMethods) return code;
  pthread_mutex_lock(&mutex);
  for (int i = 0; i < 8; i++) {
    struct kind *k = &kinds[i];
    if (!k->whole) {
      k->whole = f->pMethods;
      k->broken = *k->whole;
      k->broken.xRead = do_read;
      k->broken.xWrite = do_write;
      k->broken.xTruncate = do_truncate;
      k->broken.xSync = do_sync;
    }
    if (k->whole == f->pMethods) {
      t.whole = k->whole;
      *tag_of(f) = t;
      f->pMethods = &k->broken;
      break;
    }
  }
  pthread_mutex_unlock(&mutex);
  return code;
}

int faulty_install(void) {
  if (!sqlite3_vfs_find || !sqlite3_vfs_register) return -1;
  sqlite3_vfs *v = sqlite3_vfs_find(0);
  if (!v) return -1;
  real = *v;
  shim = *v;
  shim.pNext = 0;
  shim.zName = "faulty";
  shim.szOsFile = real.szOsFile + (int)sizeof(struct tag);
  shim.xOpen = do_open;
  return sqlite3_vfs_register(&shim, 1);
}

void faulty_disk(int disk, const char *dir) {
  pthread_mutex_lock(&mutex);
  memset(&plans[disk], 0, sizeof plans[disk]);
  strncpy(plans[disk].dir, dir, PATH_MAX - 1);
  pthread_mutex_unlock(&mutex);
}

void faulty_break(int disk, int op, int file, int code, int after, int times, int effect) {
  pthread_mutex_lock(&mutex);
  struct plan *p = &plans[disk];
  p->op = op, p->file = file, p->code = code, p->after = after, p->times = times, p->effect = effect, p->hits = 0;
  pthread_mutex_unlock(&mutex);
}

int faulty_hits(int disk) {
  pthread_mutex_lock(&mutex);
  int n = plans[disk].hits;
  pthread_mutex_unlock(&mutex);
  return n;
}
