#include "study/report/rows.h"

#include <math.h>
#include <string.h>

const char *cm__row_text(const CmTable *table, int64_t row, const char *column) {
  int at = cm_table_find_column(table, column);
  const char *text = at < 0 ? NULL : cm_table_text(table, row, at);
  return text ? text : "";
}

double cm__row_real(const CmTable *table, int64_t row, const char *column) {
  int at = cm_table_find_column(table, column);
  return at < 0 ? NAN : cm_table_real(table, row, at);
}

bool cm__row_is(const CmTable *table, int64_t row, const char *column, const char *value) {
  return strcmp(cm__row_text(table, row, column), value) == 0;
}

int64_t cm__find_row(const CmTable *table, int64_t from, const char *const *pairs) {
  for (int64_t row = from; row < cm_table_rows(table); row++) {
    bool all = true;
    for (int i = 0; all && pairs[i]; i += 2) all = cm__row_is(table, row, pairs[i], pairs[i + 1]);
    if (all) return row;
  }
  return -1;
}

int cm__distinct(const CmTable *table, const char *column, const char **to, int most) {
  int count = 0, at = cm_table_find_column(table, column);
  if (at < 0) return 0;
  for (int64_t row = 0; row < cm_table_rows(table) && count < most; row++) {
    const char *text = cm_table_text(table, row, at);
    bool known = !text;
    for (int i = 0; i < count && !known; i++) known = strcmp(to[i], text) == 0;
    if (!known) to[count++] = text;
  }
  return count;
}
