/* The inside of a table, for the core's own files. */
#ifndef CORE_TABLE_PRIV_H
#define CORE_TABLE_PRIV_H

#include <stdatomic.h>

#include "cormack/table.h"

typedef union CmCell {
  double real;
  int64_t integer;
  char *text;
} CmCell;

typedef struct CmColumn {
  char *name, *unit;
  uint64_t hash; /* of the name */
  CmColumnType type;
  CmCell *cells;
  uint8_t *present;
} CmColumn;

struct CmTable {
  CmContext *ctx;
  atomic_int references;
  CmColumn *column;
  int columns, column_room;
  int *place; /* of columns by the hash of their names, twice as many as there is room for; -1: free */
  int64_t rows, row_room;
};

#endif
