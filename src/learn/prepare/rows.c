#include "learn/prepare/rows.h"

#include <math.h>

#include <stdlib.h>
#include <string.h>

#include "learn/prepare/along_time.h"

bool cm__rows_plan(CmLearnData *data, const CmLearnColumns *columns, CmAbility ability, CmError **err) {
  const CmPrepareParams *p = ability.prepare;
  data->batch = -1;
  if (ability.unlike) {
    cm_error_set(err, CM_ERR_USAGE,
                 "prepare: models that are compared must have the same batch and along_time, and all or none "
                 "impute=drop; validate them apart");
    return false;
  }
  if (!p) return true;
  data->whole = p->impute == CM_IMPUTE_DROP;
  data->along_time = p->along_time;
  if (data->along_time && (!columns->subject || !columns->time)) {
    cm_error_set(err, CM_ERR_USAGE, "along_time: it needs the columns of the subject and of the time; name them");
    return false;
  }
  if (!*p->batch.value) return true;
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

uint8_t *cm__rows_whole(CmLearnData *data, CmError **err) {
  int64_t all = cm_table_rows(data->table);
  uint8_t *whole = CM__NEW(&data->hold, uint8_t, all, err);
  if (!whole) return NULL;
  memset(whole, 1, (size_t)all);
  for (int j = 0; data->whole && j < data->features; j++) {
    int64_t present = 0;
    if (j == data->batch) continue;
    for (int64_t i = 0; i < all; i++) present += !isnan(cm__table_number(data->table, i, data->column[j]));
    for (int64_t i = 0; present && i < all; i++)
      if (isnan(cm__table_number(data->table, i, data->column[j]))) whole[i] = 0;
  }
  for (int64_t i = 0; i < all; i++) data->incomplete += !whole[i];
  bool ok = !data->incomplete || cm__data_note(data, err, "note", "incomplete_rows",
                                               "%lld rows lack a value of a feature and are left out (impute=drop).",
                                               (long long)data->incomplete);
  return ok ? whole : NULL;
}

bool cm__rows_along_time(CmLearnData *data, CmError **err) {
  int64_t filled;
  if (!data->along_time) return true;
  if (!cm__fill_along_time(data->hold.ctx, data->along_time, data->subject, data->when, data->rows,
                           data->features - (data->batch >= 0), data->features, data->x, &filled, err))
    return false;
  return !filled ||
         cm__data_note(data, err, "note", "along_time",
                       "%lld missing values are filled from other visits of the subject.", (long long)filled);
}
