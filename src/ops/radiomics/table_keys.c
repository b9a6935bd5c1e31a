#include "ops/radiomics/table_keys.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/text.h"

typedef struct Key {
  char *text;
  int64_t row;
} Key;

static int by_text(const void *a, const void *b) {
  const Key *x = a, *y = b;
  const int order = strcmp(x->text, y->text);
  return order ? order : (x->row > y->row) - (x->row < y->row);
}

bool cm__listed_columns(const CmTable *table, const char *list, int *columns, int *count, CmError **err) {
  *count = 0;
  for (const char *text = list; *text;) {
    const size_t size = strcspn(text, ",");
    char name[CM_TEXT_MAX];
    snprintf(name, sizeof name, "%.*s", (int)size, text);
    const int column = cm_table_find_column(table, name);
    if (column < 0 || *count == CM_LIST_MAX) {
      cm_error_set(err, CM_ERR_MISSING, "the table has no column «%s»; name columns that it has", name);
      return false;
    }
    columns[(*count)++] = column;
    text += size + (text[size] == ',');
  }
  return true;
}

static char *key_text(CmContext *ctx, const CmTable *table, int64_t row, const int *columns, int count, CmError **err) {
  CmTextBuffer text;
  char cell[64];
  cm__text_start(&text, ctx, err);
  for (int c = 0; c < count; c++) {
    const char *own = cm_table_text(table, row, columns[c]);
    cm__text_add(&text, own ? own : cm_table_cell(table, row, columns[c], cell, sizeof cell));
    cm__text_add_n(&text, "\x1f", 1);
  }
  return cm__text_finish(&text);
}

bool cm__number_rows(CmContext *ctx, const CmTable *table, const int *columns, int count, int64_t *number,
                     int64_t *most, CmError **err) {
  const int64_t rows = cm_table_rows(table);
  Key *keys = cm_calloc(ctx, (size_t)rows + 1, sizeof *keys, err);
  bool good = keys != NULL;
  for (int64_t r = 0; good && r < rows; r++) {
    keys[r].row = r;
    good = (keys[r].text = key_text(ctx, table, r, columns, count, err)) != NULL;
  }
  if (good) qsort(keys, (size_t)rows, sizeof *keys, by_text);
  *most = 0;
  for (int64_t r = 0; good && r < rows; r++) {
    *most += r == 0 || strcmp(keys[r].text, keys[r - 1].text) != 0;
    number[keys[r].row] = *most - 1;
  }
  for (int64_t r = 0; keys && r < rows; r++) cm_free(keys[r].text);
  cm_free(keys);
  return good;
}
