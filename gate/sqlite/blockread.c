#include "blockread.h"

#include <stdlib.h>
#include <string.h>

// SQLite is linked into the program by its driver
// (https://sqlite.org/c3ref/funclist.html).
#define WEAK __attribute__((weak))
extern int sqlite3_open_v2(const char *, sqlite3 **, int, const char *) WEAK;
extern int sqlite3_close(sqlite3 *) WEAK;
extern int sqlite3_busy_timeout(sqlite3 *, int) WEAK;
extern const char *sqlite3_errmsg(sqlite3 *) WEAK;
extern int sqlite3_exec(sqlite3 *, const char *, int (*)(void *, int, char **, char **), void *, char **) WEAK;
extern int sqlite3_prepare_v2(sqlite3 *, const char *, int, sqlite3_stmt **, const char **) WEAK;
extern int sqlite3_finalize(sqlite3_stmt *) WEAK;
extern int sqlite3_bind_parameter_count(sqlite3_stmt *) WEAK;
extern int sqlite3_bind_int64(sqlite3_stmt *, int, long long) WEAK;
extern int sqlite3_step(sqlite3_stmt *) WEAK;
extern int sqlite3_reset(sqlite3_stmt *) WEAK;
extern int sqlite3_column_count(sqlite3_stmt *) WEAK;
extern int sqlite3_column_type(sqlite3_stmt *, int) WEAK;
extern long long sqlite3_column_int64(sqlite3_stmt *, int) WEAK;
extern const void *sqlite3_column_blob(sqlite3_stmt *, int) WEAK;
extern int sqlite3_column_bytes(sqlite3_stmt *, int) WEAK;

enum { OK = 0, NOMEM = 7, ROW = 100, DONE = 101 };
enum { TYPE_INTEGER = 1, TYPE_NULL = 5 };
enum { OPEN_READONLY = 1, OPEN_NOMUTEX = 0x8000 };

int block_open(const char *path, int patience, sqlite3 **db) {
  int rc = sqlite3_open_v2(path, db, OPEN_READONLY | OPEN_NOMUTEX, 0);
  if (rc == OK) rc = sqlite3_busy_timeout(*db, patience);
  return rc;
}

int block_prepare(sqlite3 *db, const char *query, sqlite3_stmt **s) { return sqlite3_prepare_v2(db, query, -1, s, 0); }

int block_exec(sqlite3 *db, const char *query) { return sqlite3_exec(db, query, 0, 0, 0); }

const char *block_error(sqlite3 *db) { return sqlite3_errmsg(db); }

void block_finish(sqlite3_stmt *s) { sqlite3_finalize(s); }

int block_close(sqlite3 *db) { return sqlite3_close(db); }

// put adds a column; nothing where there is no memory.
static int put(struct block_buffer *b, int64_t mark, const void *bytes, int64_t n) {
  int64_t need = b->size + (int64_t)sizeof mark + n;
  if (need > b->room) {
    int64_t room = need * 2;
    char *at = realloc(b->at, room);
    if (!at) return NOMEM;
    b->at = at;
    b->room = room;
  }
  memcpy(b->at + b->size, &mark, sizeof mark);
  if (n > 0) memcpy(b->at + b->size + sizeof mark, bytes, n);
  b->size = need;
  return OK;
}

int block_read(sqlite3_stmt *s, int64_t from, int64_t to, struct block_buffer *b, int64_t *rows) {
  int parameters = sqlite3_bind_parameter_count(s), columns = sqlite3_column_count(s);
  int rc = OK, ended;
  if (parameters > 0) rc = sqlite3_bind_int64(s, 1, from);
  if (parameters > 1 && rc == OK) rc = sqlite3_bind_int64(s, 2, to);
  *rows = 0;
  while (rc == OK && (rc = sqlite3_step(s)) == ROW) {
    rc = OK;
    for (int i = 0; i < columns && rc == OK; i++) {
      switch (sqlite3_column_type(s, i)) {
      case TYPE_NULL:
        rc = put(b, BLOCK_NULL, 0, 0);
        break;
      case TYPE_INTEGER: {
        int64_t v = sqlite3_column_int64(s, i);
        rc = put(b, BLOCK_INTEGER, &v, sizeof v);
        break;
      }
      default: {
        const void *bytes = sqlite3_column_blob(s, i);
        int64_t n = sqlite3_column_bytes(s, i);
        if (!bytes && n > 0)
          rc = NOMEM;
        else
          rc = put(b, n, bytes, n);
      }
      }
    }
    ++*rows;
  }
  ended = sqlite3_reset(s);
  if (rc != DONE) return rc != OK ? rc : ended;
  return OK;
}
