#include "core/table_priv.h"

#include <math.h>

void cm_table_describe(const CmTable *table, const char **names, const char **units, CmColumnType *types) {
  for (int i = 0; i < table->columns; i++) {
    names[i] = table->column[i].name;
    units[i] = table->column[i].unit;
    types[i] = table->column[i].type;
  }
}

void cm_table_get_reals(const CmTable *table, double *to) {
  for (int i = 0; i < table->columns; i++) {
    if (table->column[i].type != CM_COLUMN_REAL) continue;
    for (int64_t row = 0; row < table->rows; row++) *to++ = cm_table_real(table, row, i);
  }
}

void cm_table_copy_reals(const CmTable *table, int column, const int64_t *row, int64_t first, int64_t count, double *to,
                         int64_t stride) {
  const CmColumn *c = &table->column[column];
  for (int64_t k = first; k < first + count; k++, to += stride) {
    const int64_t at = row ? row[k] : k;
    const bool given = c->present[at] && c->type != CM_COLUMN_TEXT;
    *to = !given ? NAN : c->type == CM_COLUMN_REAL ? c->cells[at].real : (double)c->cells[at].integer;
  }
}

void cm_table_get_ints(const CmTable *table, int column, int64_t *to, uint8_t *present) {
  const CmColumn *c = &table->column[column];
  for (int64_t row = 0; row < table->rows; row++) {
    present[row] = (uint8_t)(c->type == CM_COLUMN_INT && c->present[row]);
    to[row] = present[row] ? c->cells[row].integer : 0;
  }
}

void cm_table_get_texts(const CmTable *table, int column, const char **to) {
  for (int64_t row = 0; row < table->rows; row++) to[row] = cm_table_text(table, row, column);
}

void cm_table_set_reals(CmTable *table, int column, const double *from) {
  for (int64_t row = 0; row < table->rows; row++) cm_table_set_real(table, row, column, from[row]);
}

void cm_table_set_ints(CmTable *table, int column, const int64_t *from, const uint8_t *present) {
  for (int64_t row = 0; row < table->rows; row++) {
    if (present[row])
      cm_table_set_int(table, row, column, from[row]);
    else
      cm_table_set_missing(table, row, column);
  }
}

bool cm_table_add_rows(CmTable *table, int64_t count, CmError **err) {
  for (int64_t k = 0; k < count; k++)
    if (cm_table_add_row(table, err) < 0) return false;
  return true;
}
