// Reads the rows of a query in one call: a call from Go into C for each row, and
// a value of Go for each column, cost more than reading the rows does.
#include <stdint.h>

typedef struct sqlite3 sqlite3;
typedef struct sqlite3_stmt sqlite3_stmt;

// block_buffer holds columns one after the other: of each its length in bytes, or
// one of the marks below, as eight bytes, then its bytes.
struct block_buffer {
  char *at;
  int64_t size, room;
};

enum { BLOCK_NULL = -1, BLOCK_INTEGER = -2 }; // an integer has eight bytes

// All give a result code of SQLite, 0 for none but success.
int block_open(const char *path, int patience, sqlite3 **db);
int block_prepare(sqlite3 *db, const char *query, sqlite3_stmt **s);
int block_exec(sqlite3 *db, const char *query);
// block_read adds the rows of a query to the buffer. Its parameters, up to two,
// are from and to.
int block_read(sqlite3_stmt *s, int64_t from, int64_t to, struct block_buffer *b, int64_t *rows);
const char *block_error(sqlite3 *db);
void block_finish(sqlite3_stmt *s);
int block_close(sqlite3 *db);
