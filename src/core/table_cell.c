#include "core/table_cell.h"

#include <math.h>

double cm__table_number(const CmTable *table, int64_t row, int column) {
  if (cm_table_is_missing(table, row, column)) return NAN;
  switch (cm_table_column_type(table, column)) {
    case CM_COLUMN_INT:
      return (double)cm_table_int(table, row, column);
    case CM_COLUMN_REAL:
      return cm_table_real(table, row, column);
    default:
      return NAN;
  }
}

bool cm__table_copy_cell(CmTable *to, int64_t row, int column, const CmTable *from, int64_t from_row, int from_column,
                         CmError **err) {
  if (cm_table_is_missing(from, from_row, from_column)) return true;
  CmColumnType type = cm_table_column_type(to, column);
  char text[64];
  if (type == CM_COLUMN_TEXT) {
    const char *value = cm_table_text(from, from_row, from_column);
    return cm_table_set_text(to, row, column,
                             value ? value : cm_table_cell(from, from_row, from_column, text, sizeof text), err);
  }
  if (type == CM_COLUMN_INT)
    cm_table_set_int(to, row, column, cm_table_int(from, from_row, from_column));
  else if (cm_table_column_type(from, from_column) == CM_COLUMN_INT)
    cm_table_set_real(to, row, column, (double)cm_table_int(from, from_row, from_column));
  else
    cm_table_set_real(to, row, column, cm_table_real(from, from_row, from_column));
  return true;
}
