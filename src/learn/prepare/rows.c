#include "learn/prepare/rows.h"

#include <stdlib.h>
#include <string.h>

bool cm__rows_plan(CmLearnData *data, const CmLearnColumns *columns, CmAbility ability, CmError **err) {
  const CmPrepareParams *p = ability.prepare;
  data->batch = -1;
  if (ability.unlike) {
    cm_error_set(err, CM_ERR_USAGE, "prepare: models that are compared must have the same batch; validate them apart");
    return false;
  }
  if (!p || !*p->batch.value) return true;
  data->batch_column = p->batch.value;
  const char *roles[] = {columns->target, columns->event, columns->subject, columns->hold_out, columns->time};
  for (int i = 0; i < CM_COUNT(roles); i++) {
    if (!roles[i] || strcmp(roles[i], data->batch_column)) continue;
    cm_error_set(err, CM_ERR_PARAMETER, "batch: \"%s\" has another role; name the column of the scanner or site",
                 data->batch_column);
    return false;
  }
  return cm__named_column(data->table, data->batch_column, "batch", err) >= 0;
}

static int by_text(const void *a, const void *b) {
  return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static int level_of(const CmLearnData *data, const char *text) {
  const char **found = bsearch(&text, data->level, (size_t)data->levels, sizeof text, by_text);
  return (int)(found - data->level);
}

bool cm__rows_batch(CmLearnData *data, CmError **err) {
  int64_t every = data->rows + data->unlabelled;
  int column = data->batch < 0 ? -1 : data->column[data->batch];
  if (column < 0) return true;
  const char **text = CM__NEW(&data->hold, const char *, every, err);
  data->level = CM__NEW(&data->hold, const char *, every, err);
  if (!text || !data->level) return false;
  for (int64_t i = 0; i < every; i++) {
    char cell[CM_TEXT_MAX];
    if (cm_table_is_missing(data->table, data->row[i], column)) {
      cm_error_set(err, CM_ERR_DATA, "batch: row %lld has no \"%s\"; fill it", (long long)data->row[i] + 1,
                   data->batch_column);
      return false;
    }
    text[i] = cm__arena_strdup(&data->hold, cm_table_cell(data->table, data->row[i], column, cell, sizeof cell), err);
    if (!text[i]) return false;
    data->level[i] = text[i];
  }
  qsort(data->level, (size_t)every, sizeof *data->level, by_text);
  for (int64_t i = 0; i < every; i++) {
    if (i && !strcmp(data->level[i], data->level[data->levels - 1])) continue;
    if (data->levels == CM__MOST_LEVELS) {
      cm_error_set(err, CM_ERR_DATA, "batch: \"%s\" has more than %d values; name the column of the scanner or site",
                   data->batch_column, CM__MOST_LEVELS);
      return false;
    }
    data->level[data->levels++] = data->level[i];
  }
  for (int64_t i = 0; i < every; i++) data->x[i * data->features + data->batch] = level_of(data, text[i]);
  return true;
}
