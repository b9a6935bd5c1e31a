#include "learn/data.h"
#include "core/text.h"
#include "cormack/parallel.h"
#include "learn/prepare/rows.h"

#include <errno.h>
#include <float.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void cm__data_free(CmLearnData *data) {
  cm__arena_free(&data->hold);
}

bool cm__data_note(CmLearnData *data, CmError **err, const char *level, const char *code, const char *format, ...) {
  char text[1024];
  va_list args;
  va_start(args, format);
  vsnprintf(text, sizeof text, format, args);
  va_end(args);
  CmLearnNote *note = CM__NEW(&data->hold, CmLearnNote, 1, err);
  if (!note) return false;
  note->level = level;
  note->code = code;
  note->text = cm__arena_strdup(&data->hold, text, err);
  if (!note->text) return false;
  *data->notes_end = note;
  data->notes_end = &note->next;
  return true;
}

/* ---- numbers --------------------------------------------------------------------------------------------------------
 */

typedef struct Reals {
  const CmTable *table;
  const int *column;
  int count;
  const int64_t *row;
  double *x;
} Reals;

/* So few rows that their lines stay in the first cache while the columns are put into them one after the other. */
enum { ROWS_A_BLOCK = 256 };

static bool read_reals(void *arg, CmRange range, CmError **err) {
  (void)err;
  const Reals *r = arg;
  for (int j = 0; j < r->count; j++)
    cm_table_copy_reals(r->table, r->column[j], r->row, range.begin, range.end - range.begin,
                        r->x + range.begin * r->count + j, r->count);
  return true;
}

bool cm__table_reals(CmContext *ctx, const CmTable *table, const int *columns, int count, const int64_t *row,
                     int64_t rows, double *x, CmError **err) {
  Reals reals = {table, columns, count, row, x};
  return cm_parallel_for(ctx, NULL, rows, ROWS_A_BLOCK, read_reals, &reals, err);
}

/* ---- subjects -------------------------------------------------------------------------------------------------------
 */

typedef struct CmKey {
  const char *text;
  int64_t row;
} CmKey;

static int by_key(const void *a, const void *b) {
  const CmKey *p = a, *q = b;
  int order = strcmp(p->text, q->text);
  return order ? order : p->row < q->row ? -1 : p->row > q->row;
}

static bool each_its_own(CmLearnData *data, CmError **err) {
  for (int64_t i = 0; i < data->rows + data->unlabelled; i++) data->subject[i] = i;
  data->subjects = data->rows;
  return cm__data_note(data, err, "warning", "no_subject",
                       "No subject column was given: every row is taken as a subject of its own. If a patient has "
                       "several rows, the results are too good.");
}

bool cm__data_subjects(CmLearnData *data, const char *name, CmError **err) {
  int64_t every = data->rows + data->unlabelled, subjects = 0;
  data->subject = CM__NEW(&data->hold, int64_t, every, err);
  data->subject_name = CM__NEW(&data->hold, const char *, every, err);
  if (!data->subject || !data->subject_name) return false;
  if (!name) return each_its_own(data, err);
  int column = cm__named_column(data->table, name, "subject", err);
  CmKey *key = CM__NEW(&data->hold, CmKey, every, err);
  if (column < 0 || !key) return false;
  for (int64_t i = 0; i < every; i++) {
    char cell[CM_TEXT_MAX];
    if (cm_table_is_missing(data->table, data->row[i], column)) {
      cm_error_set(err, CM_ERR_DATA,
                   "subject: row %lld has no \"%s\"; fill it, so that no patient is in training and test at once",
                   (long long)data->row[i] + 1, name);
      return false;
    }
    const char *text =
        cm_table_column_type(data->table, column) == CM_COLUMN_TEXT
            ? cm_table_text(data->table, data->row[i], column)
            : cm__arena_strdup(&data->hold, cm_table_cell(data->table, data->row[i], column, cell, sizeof cell), err);
    if (!text) return false;
    key[i] = (CmKey){.text = text, .row = i};
  }
  qsort(key, (size_t)every, sizeof *key, by_key);
  int64_t *first = CM__NEW(&data->hold, int64_t, every, err), *number = CM__NEW(&data->hold, int64_t, every, err);
  if (!first || !number) return false;
  for (int64_t i = 0, start = 0; i < every; i++) { /* equal keys are sorted by row: the run's first is the first row */
    if (i && strcmp(key[i].text, key[i - 1].text)) start = i;
    first[key[i].row] = key[start].row;
  }
  for (int64_t i = 0; i < every; i++) {
    if (first[i] == i) number[i] = subjects++;
    data->subject[i] = number[first[i]];
    if (i < data->rows) data->subjects = subjects;
  }
  for (int64_t i = 0; i < every; i++) data->subject_name[data->subject[key[i].row]] = key[i].text;
  return true;
}

/* ---- time and hold-out ----------------------------------------------------------------------------------------------
 */

static bool read_times(CmLearnData *data, const char *name, const char *role, double **to, CmError **err) {
  if (!name) return true;
  int column = cm__named_column(data->table, name, role, err);
  double *when = *to = CM__NEW(&data->hold, double, data->rows, err);
  if (column < 0 || !when) return false;
  for (int64_t i = 0; i < data->rows; i++) {
    int64_t row = data->row[i];
    if (cm_table_is_missing(data->table, row, column))
      when[i] = NAN;
    else if (cm_table_column_type(data->table, column) != CM_COLUMN_TEXT)
      when[i] = cm__table_number(data->table, row, column);
    else if (!cm__parse_time(cm_table_text(data->table, row, column), &when[i])) {
      cm_error_set(err, CM_ERR_DATA, "%s: row %lld of \"%s\" holds \"%s\"; write dates as 2024-05-31 or 20240531", role,
                   (long long)row + 1, name, cm_table_text(data->table, row, column));
      return false;
    }
  }
  return true;
}

bool cm__data_times(CmLearnData *data, const char *name, CmError **err) {
  return read_times(data, name, "time", &data->when, err);
}

static bool holds_text(const CmTable *table, const char *name) {
  return cm_table_column_type(table, cm_table_find_column(table, name)) == CM_COLUMN_TEXT;
}

static bool read_outcome_times(CmLearnData *data, const CmLearnColumns *columns, CmError **err) {
  const char *time = columns->time, *known = columns->outcome_time;
  if (known && !time) {
    cm_error_set(err, CM_ERR_USAGE, "outcome_time: it is set against when a row was seen; name that column as time");
    return false;
  }
  if (!read_times(data, known, "outcome_time", &data->known, err)) return false;
  if (!known || holds_text(data->table, time) == holds_text(data->table, known)) return true;
  cm_error_set(err, CM_ERR_DATA,
               "outcome_time: of \"%s\" and \"%s\" one holds dates and the other numbers; write both as 2024-05-31, or "
               "both as numbers",
               known, time);
  return false;
}

static bool read_held(CmLearnData *data, const char *name, CmError **err) {
  if (!name) return true;
  int column = cm__named_column(data->table, name, "hold_out", err);
  data->held = CM__NEW(&data->hold, uint8_t, data->rows, err);
  if (column < 0 || !data->held) return false;
  int64_t held = 0;
  for (int64_t i = 0; i < data->rows; i++) {
    int64_t row = data->row[i];
    char cell[CM_TEXT_MAX];
    const char *text = cm_table_cell(data->table, row, column, cell, sizeof cell);
    bool test = !strcmp(text, "test") || !strcmp(text, "val") || !strcmp(text, "1"),
         train = !strcmp(text, "train") || !strcmp(text, "0") || !*text;
    if (!test && !train) {
      cm_error_set(
          err, CM_ERR_DATA,
          "hold_out: row %lld of \"%s\" holds \"%s\"; use 1, \"test\" or \"val\" for held-out rows, 0 or \"train\" for "
          "the others",
          (long long)row + 1, name, text);
      return false;
    }
    data->held[i] = test;
    held += test;
  }
  if (held == 0 || held == data->rows) {
    cm_error_set(err, CM_ERR_DATA, "hold_out: \"%s\" marks %s row; mark some", name, held ? "every" : "no");
    return false;
  }
  return true;
}

/* ---- features -------------------------------------------------------------------------------------------------------
 */

static bool same(const char *a, const char *b) {
  return a && b && !strcmp(a, b);
}

static bool has_role(const CmLearnData *data, const CmLearnColumns *columns, const char *name) {
  if (same(name, data->batch_column) || same(name, columns->target) || same(name, columns->subject) ||
      same(name, columns->time) || same(name, columns->hold_out) || same(name, columns->event) ||
      same(name, columns->start) || same(name, columns->group) || same(name, columns->outcome_time))
    return true;
  for (int i = 0; i < columns->ignore_count; i++)
    if (same(name, columns->ignore[i])) return true;
  for (int i = 0; i < columns->label_count; i++)
    if (same(name, columns->labels[i])) return true;
  for (int i = 0; i < columns->subgroup_count; i++)
    if (same(name, columns->subgroups[i])) return true;
  return false;
}

static bool add_feature(CmLearnData *data, int column, CmError **err) {
  data->column[data->features] = column;
  data->feature[data->features] = cm__arena_strdup(&data->hold, cm_table_column_name(data->table, column), err);
  data->unit[data->features] = cm__arena_strdup(&data->hold, cm_table_column_unit(data->table, column), err);
  if (!data->feature[data->features] || !data->unit[data->features]) return false;
  data->features++;
  return true;
}

/* The first row whose cell of a text column is no number, where most are; -1: it holds text. */
static int64_t odd_cell(const CmTable *table, int column) {
  int64_t numbers = 0, others = 0, first = -1;
  for (int64_t row = 0; row < cm_table_rows(table); row++) {
    double value;
    if (cm_table_is_missing(table, row, column)) continue;
    if (cm__parse_real(cm_table_text(table, row, column), &value)) {
      numbers++;
    } else {
      others++;
      if (first < 0) first = row;
    }
  }
  return numbers > others ? first : -1;
}

static bool note_odd_cell(CmLearnData *data, int column, CmError **err) {
  int64_t row = odd_cell(data->table, column);
  const char *name = cm_table_column_name(data->table, column);
  return row < 0 || cm__data_note(data, err, "warning", "text_among_numbers",
                                  "\"%s\" is no feature, since row %lld of it holds \"%.40s\"; mend or empty the cell.",
                                  name, (long long)row + 1, cm_table_text(data->table, row, column));
}

/* Numbers are features; text that has no role is passed over, and said so. */
static bool take_numeric(CmLearnData *data, const CmLearnColumns *columns, CmError **err) {
  char passed[800] = "";
  int count = 0;
  for (int c = 0; c < cm_table_columns(data->table); c++) {
    const char *name = cm_table_column_name(data->table, c);
    if (has_role(data, columns, name)) continue;
    if (cm_table_column_type(data->table, c) != CM_COLUMN_TEXT) {
      if (!add_feature(data, c, err)) return false;
      continue;
    }
    if (!note_odd_cell(data, c, err)) return false;
    size_t used = strlen(passed);
    if (used + strlen(name) + 4 < sizeof passed)
      snprintf(passed + used, sizeof passed - used, "%s%s", count ? ", " : "", name);
    count++;
  }
  return !count || cm__data_note(data, err, "note", "text_columns", "%d text column%s no feature: %s.", count,
                                 count > 1 ? "s are" : " is", passed);
}

static bool take_named(CmLearnData *data, const CmLearnColumns *columns, CmError **err) {
  for (int i = 0; i < columns->feature_count; i++) {
    const char *name = columns->features[i];
    if (same(name, data->batch_column)) continue;
    int column = cm__named_column(data->table, name, "features", err);
    if (column < 0) return false;
    for (int j = 0; j < data->features; j++) {
      if (data->column[j] != column) continue;
      cm_error_set(err, CM_ERR_PARAMETER, "features: \"%s\" is named twice; name it once", name);
      return false;
    }
    if (cm_table_column_type(data->table, column) == CM_COLUMN_TEXT && !has_role(data, columns, name)) {
      cm_error_set(err, CM_ERR_DATA, "features: \"%s\" holds text; features are numbers", name);
      return false;
    }
    if (!add_feature(data, column, err)) return false;
  }
  return true;
}

/* A misspelt name would leave in just the column that was to stay out. */
static bool check_ignored(const CmLearnData *data, const CmLearnColumns *columns, CmError **err) {
  for (int i = 0; i < columns->ignore_count; i++)
    if (cm__named_column(data->table, columns->ignore[i], "ignore", err) < 0) return false;
  return true;
}

static bool name_features(CmLearnData *data, const CmLearnColumns *columns, CmError **err) {
  int most = 1 + (columns->features ? columns->feature_count : cm_table_columns(data->table)); /* and the batch */
  if (!check_ignored(data, columns, err)) return false;
  data->column = CM__NEW(&data->hold, int, most + 1, err);
  data->feature = CM__NEW(&data->hold, const char *, most + 1, err);
  data->unit = CM__NEW(&data->hold, const char *, most + 1, err);
  if (!data->column || !data->feature || !data->unit) return false;
  if (!(columns->features ? take_named(data, columns, err) : take_numeric(data, columns, err))) return false;
  if (!data->features) {
    cm_error_set(
        err, CM_ERR_DATA,
        "there is no feature: no numeric column is left beside target, subject, time, hold-out and what is ignored");
    return false;
  }
  if (data->batch_column) {
    data->batch = data->features;
    if (!add_feature(data, cm_table_find_column(data->table, data->batch_column), err)) return false;
  }
  return true;
}

static bool check_finite(void *arg, CmRange range, CmError **err) {
  const CmLearnData *data = arg;
  for (int64_t i = range.begin; i < range.end; i++) {
    const double *x = data->x + i * data->features;
    int infinite = 0;
    for (int j = 0; j < data->features; j++) infinite |= fabs(x[j]) > DBL_MAX;
    if (!infinite) continue;
    int j = 0;
    while (!isinf(x[j])) j++;
    cm_error_set(err, CM_ERR_DATA, "row %lld of \"%s\" is infinite; leave the cell empty or mend its cause",
                 (long long)data->row[i] + 1, data->feature[j]);
    return false;
  }
  return true;
}

static bool read_features(CmLearnData *data, CmError **err) {
  CmContext *ctx = data->hold.ctx;
  size_t cells;
  int64_t every = data->rows + data->unlabelled;
  if (!cm_size_multiply((size_t)every, (size_t)data->features, &cells, err)) return false;
  data->x = CM__NEW_RAW(&data->hold, double, cells, err);
  return data->x && cm__table_reals(ctx, data->table, data->column, data->features, data->row, every, data->x, err) &&
         cm_parallel_for(ctx, NULL, every, ROWS_A_BLOCK, check_finite, data, err);
}

bool cm__data_read(CmContext *ctx, const CmTable *table, const CmLearnColumns *columns, CmAbility ability,
                   CmLearnData *data, CmError **err) {
  *data = (CmLearnData){.hold = {.ctx = ctx}, .table = table};
  data->notes_end = &data->notes;
  if (!cm_table_rows(table)) {
    cm_error_set(err, CM_ERR_DATA, "the table has no rows; there is nothing to learn from");
    return false;
  }
  CmHash hash;
  cm_table_hash(table, &hash);
  cm_hash_hex(&hash, data->table_hash);
  data->subject_column = cm__arena_strdup(&data->hold, columns->subject, err);
  data->time_column = cm__arena_strdup(&data->hold, columns->time, err);
  if ((columns->subject && !data->subject_column) || (columns->time && !data->time_column)) return false;
  if (!cm__rows_plan(data, columns, ability, err) || !name_features(data, columns, err) ||
      !cm__target_read(data, columns, ability, err) || !cm__data_subjects(data, columns->subject, err) ||
      !cm__data_times(data, columns->time, err) || !read_outcome_times(data, columns, err) ||
      !cm__data_starts(data, columns->start, err) || !read_held(data, columns->hold_out, err) ||
      !read_features(data, err) || !cm__rows_batch(data, err) || !cm__rows_along_time(data, err))
    return false;
  return !data->rows_without_target ||
         cm__data_note(data, err, "note", "rows_without_target", "%lld rows have no %s and are %s.",
                       (long long)data->rows_without_target, data->target,
                       data->unlabelled ? "trained on without it" : "left out");
}
