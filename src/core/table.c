#include "core/table_priv.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "cormack/parallel.h"

CmTable *cm_table_create(CmContext *ctx, CmError **err) {
  CmTable *table = cm_calloc(ctx, 1, sizeof *table, err);
  if (!table) return NULL;
  table->ctx = ctx;
  atomic_init(&table->references, 1);
  return table;
}

CmTable *cm_table_ref(CmTable *table) {
  atomic_fetch_add(&table->references, 1);
  return table;
}

static void free_column(const CmTable *table, CmColumn *column) {
  if (column->type == CM_COLUMN_TEXT && column->cells)
    for (int64_t row = 0; row < table->rows; row++) cm_free(column->present[row] ? column->cells[row].text : NULL);
  cm_free(column->cells);
  cm_free(column->present);
  cm_free(column->name);
  cm_free(column->unit);
}

void cm_table_unref(CmTable **table) {
  if (!table || !*table) return;
  CmTable *gone = *table;
  *table = NULL;
  if (atomic_fetch_sub(&gone->references, 1) != 1) return;
  for (int i = 0; i < gone->columns; i++) free_column(gone, &gone->column[i]);
  cm_free(gone->column);
  cm_free(gone->place);
  cm_free(gone);
}

int cm_table_columns(const CmTable *table) {
  return table->columns;
}
int64_t cm_table_rows(const CmTable *table) {
  return table->rows;
}
const char *cm_table_column_name(const CmTable *table, int column) {
  return table->column[column].name;
}
CmColumnType cm_table_column_type(const CmTable *table, int column) {
  return table->column[column].type;
}
const char *cm_table_column_unit(const CmTable *table, int column) {
  return table->column[column].unit;
}

/* FNV-1a */
static uint64_t hash_of(const char *name) {
  uint64_t hash = UINT64_C(14695981039346656037);
  for (; *name; name++) hash = (hash ^ (unsigned char)*name) * UINT64_C(1099511628211);
  return hash;
}

/* Where the column is listed, or would be: tables of thousands of columns are searched often. */
static int *place_of(const CmTable *table, const char *name, uint64_t hash) {
  const uint64_t last = 2 * (uint64_t)table->column_room - 1; /* a power of two less one */
  for (uint64_t at = hash & last;; at = (at + 1) & last) {
    const int column = table->place[at];
    if (column < 0 || (table->column[column].hash == hash && strcmp(table->column[column].name, name) == 0))
      return &table->place[at];
  }
}

int cm_table_find_column(const CmTable *table, const char *name) {
  return table->columns ? *place_of(table, name, hash_of(name)) : -1;
}

static bool room_for_column(CmTable *table, CmError **err) {
  if (table->columns < table->column_room) return true;
  const int room = table->column_room ? 2 * table->column_room : 16;
  int *place = cm_alloc_array(table->ctx, 2 * (size_t)room, sizeof *place, err);
  CmColumn *grown = place ? cm_realloc(table->ctx, table->column, (size_t)room * sizeof *grown, err) : NULL;
  if (!grown) {
    cm_free(place);
    return false;
  }
  cm_free(table->place);
  table->column = grown;
  table->column_room = room;
  table->place = place;
  for (int i = 0; i < 2 * room; i++) place[i] = -1;
  for (int i = 0; i < table->columns; i++) *place_of(table, grown[i].name, grown[i].hash) = i;
  return true;
}

static bool allocate_cells(CmTable *table, CmColumn *column, CmError **err) {
  size_t room = table->row_room ? (size_t)table->row_room : 1;
  column->cells = cm_calloc(table->ctx, room, sizeof *column->cells, err);
  if (column->cells) column->present = cm_calloc(table->ctx, room, 1, err);
  return column->present != NULL;
}

int cm_table_add_column(CmTable *table, const char *name, CmColumnType type, const char *unit, CmError **err) {
  if (!*name || cm_table_find_column(table, name) >= 0) {
    cm_error_set(err, CM_ERR_DATA, "column «%s» %s", name,
                 *name ? "is there already; every column needs a name of its own" : "has no name");
    return -1;
  }
  if (!room_for_column(table, err)) return -1;
  CmColumn column = {.type = type, .hash = hash_of(name)};
  column.name = cm_strdup(table->ctx, name, err);
  if (column.name) column.unit = cm_strdup(table->ctx, unit ? unit : "", err);
  if (!column.unit || !allocate_cells(table, &column, err)) {
    free_column(table, &column);
    return -1;
  }
  table->column[table->columns] = column;
  *place_of(table, name, column.hash) = table->columns;
  return table->columns++;
}

/* Grows one column to `room` rows. Cells and flags grow together or not at all. */
static bool grow_column(CmTable *table, CmColumn *column, size_t room, CmError **err) {
  CmCell *cells = cm_calloc(table->ctx, room, sizeof *cells, err);
  uint8_t *present = cells ? cm_calloc(table->ctx, room, 1, err) : NULL;
  if (!present) {
    cm_free(cells);
    return false;
  }
  memcpy(cells, column->cells, (size_t)table->rows * sizeof *cells);
  memcpy(present, column->present, (size_t)table->rows);
  cm_free(column->cells);
  cm_free(column->present);
  column->cells = cells;
  column->present = present;
  return true;
}

int64_t cm_table_add_row(CmTable *table, CmError **err) {
  if (table->rows == table->row_room) {
    int64_t room = table->row_room ? 2 * table->row_room : 16;
    for (int i = 0; i < table->columns; i++)
      if (!grow_column(table, &table->column[i], (size_t)room, err)) return -1;
    table->row_room = room;
  }
  return table->rows++;
}

bool cm_table_is_missing(const CmTable *table, int64_t row, int column) {
  return !table->column[column].present[row];
}

void cm_table_set_missing(CmTable *table, int64_t row, int column) {
  CmColumn *c = &table->column[column];
  if (c->present[row] && c->type == CM_COLUMN_TEXT) cm_free(c->cells[row].text);
  c->present[row] = 0;
}

void cm_table_set_real(CmTable *table, int64_t row, int column, double value) {
  CmColumn *c = &table->column[column];
  if (c->type != CM_COLUMN_REAL) return;
  c->cells[row].real = value;
  c->present[row] = (uint8_t)(isnan(value) ? 0 : 1);
}

void cm_table_set_int(CmTable *table, int64_t row, int column, int64_t value) {
  CmColumn *c = &table->column[column];
  if (c->type == CM_COLUMN_TEXT) return;
  if (c->type == CM_COLUMN_REAL)
    c->cells[row].real = (double)value;
  else
    c->cells[row].integer = value;
  c->present[row] = 1;
}

bool cm_table_set_text(CmTable *table, int64_t row, int column, const char *value, CmError **err) {
  CmColumn *c = &table->column[column];
  if (c->type != CM_COLUMN_TEXT) {
    cm_error_set(err, CM_ERR_FAULT, "text for the number column «%s»", c->name);
    return false;
  }
  char *copy = value ? cm_strdup(table->ctx, value, err) : NULL;
  if (value && !copy) return false;
  cm_table_set_missing(table, row, column);
  c->cells[row].text = copy;
  c->present[row] = (uint8_t)(value != NULL);
  return true;
}

double cm_table_real(const CmTable *table, int64_t row, int column) {
  const CmColumn *c = &table->column[column];
  if (!c->present[row] || c->type == CM_COLUMN_TEXT) return NAN;
  return c->type == CM_COLUMN_REAL ? c->cells[row].real : (double)c->cells[row].integer;
}

int64_t cm_table_int(const CmTable *table, int64_t row, int column) {
  const CmColumn *c = &table->column[column];
  if (!c->present[row] || c->type == CM_COLUMN_TEXT) return 0;
  return c->type == CM_COLUMN_INT ? c->cells[row].integer : (int64_t)c->cells[row].real;
}

const char *cm_table_text(const CmTable *table, int64_t row, int column) {
  const CmColumn *c = &table->column[column];
  return c->present[row] && c->type == CM_COLUMN_TEXT ? c->cells[row].text : NULL;
}

const char *cm_table_cell(const CmTable *table, int64_t row, int column, char *to, size_t size) {
  const CmColumn *c = &table->column[column];
  char number[32];
  if (!size) return to;
  to[0] = 0;
  if (!c->present[row]) return to;
  if (c->type == CM_COLUMN_TEXT)
    snprintf(to, size, "%s", c->cells[row].text);
  else if (c->type == CM_COLUMN_INT)
    snprintf(to, size, "%lld", (long long)c->cells[row].integer);
  else
    snprintf(to, size, "%s", cm_real_text(c->cells[row].real, number));
  return to;
}

/* Columns of `extra` in `table`, made where absent. */
static bool match_columns(CmTable *table, const CmTable *extra, int *at, CmError **err) {
  for (int i = 0; i < extra->columns; i++) {
    const CmColumn *from = &extra->column[i];
    at[i] = cm_table_find_column(table, from->name);
    if (at[i] < 0) at[i] = cm_table_add_column(table, from->name, from->type, from->unit, err);
    if (at[i] < 0) return false;
    const CmColumn *to = &table->column[at[i]];
    bool fits = to->type == from->type || (to->type == CM_COLUMN_REAL && from->type == CM_COLUMN_INT);
    if (fits && strcmp(to->unit, from->unit) == 0) continue;
    cm_error_set(err, CM_ERR_DATA, "column «%s» has another type or unit in the two tables ([%s] and [%s]); rename one",
                 from->name, to->unit, from->unit);
    return false;
  }
  return true;
}

static bool copy_row(CmTable *table, const CmTable *extra, int64_t row, const int *at, CmError **err) {
  int64_t to = cm_table_add_row(table, err);
  if (to < 0) return false;
  for (int i = 0; i < extra->columns; i++) {
    if (cm_table_is_missing(extra, row, i)) continue;
    const CmColumn *from = &extra->column[i];
    if (from->type == CM_COLUMN_REAL)
      cm_table_set_real(table, to, at[i], from->cells[row].real);
    else if (from->type == CM_COLUMN_INT)
      cm_table_set_int(table, to, at[i], from->cells[row].integer);
    else if (!cm_table_set_text(table, to, at[i], from->cells[row].text, err))
      return false;
  }
  return true;
}

bool cm_table_append(CmTable *table, const CmTable *extra, CmError **err) {
  int *at = cm_calloc(table->ctx, (size_t)extra->columns + 1, sizeof *at, err);
  bool good = at && match_columns(table, extra, at, err);
  for (int64_t row = 0; good && row < extra->rows; row++) good = copy_row(table, extra, row, at, err);
  cm_free(at);
  return good;
}

/* ---- hash -----------------------------------------------------------------------------------------------------------
 */

/* Cells as bytes, in blocks; what an absent one holds does not count. */
static void hash_numbers(const CmColumn *column, int64_t rows, CmHasher *hasher) {
  enum { BLOCK = 1024 };
  CmCell block[BLOCK];
  int64_t given = 0;
  for (int64_t row = 0; row < rows; row++) given += column->present[row];
  cm_hash_add(hasher, &given, sizeof given);
  if (given == rows) {
    cm_hash_add(hasher, column->cells, (size_t)rows * sizeof *block);
    return;
  }
  cm_hash_add(hasher, column->present, (size_t)rows);
  for (int64_t first = 0; first < rows; first += BLOCK) {
    int64_t count = rows - first < BLOCK ? rows - first : BLOCK;
    for (int64_t k = 0; k < count; k++)
      block[k] = column->present[first + k] ? column->cells[first + k] : (CmCell){.integer = 0};
    cm_hash_add(hasher, block, (size_t)count * sizeof *block);
  }
}

static void hash_column(const CmColumn *column, int64_t rows, CmHash *hash) {
  CmHasher hasher;
  const int64_t type = column->type;
  cm_hash_start(&hasher);
  cm_hash_add_text(&hasher, column->name);
  cm_hash_add_text(&hasher, column->unit);
  cm_hash_add(&hasher, &type, sizeof type);
  if (column->type != CM_COLUMN_TEXT) hash_numbers(column, rows, &hasher);
  for (int64_t row = 0; column->type == CM_COLUMN_TEXT && row < rows; row++)
    cm_hash_add_text(&hasher, column->present[row] ? column->cells[row].text : NULL);
  cm_hash_finish(&hasher, hash);
}

enum { HASHED_TOGETHER = 64 };

typedef struct Hashed {
  const CmTable *table;
  int first;
  CmHash part[HASHED_TOGETHER];
} Hashed;

static bool hash_columns(void *arg, CmRange range, CmError **err) {
  (void)err;
  Hashed *hashed = arg;
  for (int64_t k = range.begin; k < range.end; k++)
    hash_column(&hashed->table->column[hashed->first + k], hashed->table->rows, &hashed->part[k]);
  return true;
}

void cm_table_hash(const CmTable *table, CmHash *hash) {
  CmHasher hasher;
  Hashed hashed = {.table = table};
  const int64_t shape[2] = {table->columns, table->rows};
  cm_hash_start(&hasher);
  cm_hash_add(&hasher, shape, sizeof shape);
  for (; hashed.first < table->columns; hashed.first += HASHED_TOGETHER) {
    int count = table->columns - hashed.first < HASHED_TOGETHER ? table->columns - hashed.first : HASHED_TOGETHER;
    /* a cancelled loop leaves some out; a hash has no way to fail */
    if (!cm_parallel_for(table->ctx, NULL, count, 1, hash_columns, &hashed, NULL))
      hash_columns(&hashed, (CmRange){.end = count}, NULL);
    cm_hash_add(&hasher, hashed.part, (size_t)count * sizeof *hashed.part);
  }
  cm_hash_finish(&hasher, hash);
}
