#include "learn/data.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MOST_CLASSES 64

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

/* A numeric cell; NaN where missing or text. */
static double number(const CmTable *table, int64_t row, int column) {
  if (cm_table_is_missing(table, row, column)) return NAN;
  return cm_table_column_type(table, column) == CM_COLUMN_INT ? (double)cm_table_int(table, row, column)
                                                              : cm_table_real(table, row, column);
}

void cm__table_reals(const CmTable *table, const int *columns, int count, double *x) {
  int64_t rows = cm_table_rows(table);
  for (int64_t i = 0; i < rows; i++) {
    for (int j = 0; j < count; j++) x[i * count + j] = number(table, i, columns[j]);
  }
}

static int named_column(const CmTable *table, const char *name, const char *role, CmError **err) {
  int at = cm_table_find_column(table, name);
  if (at >= 0) return at;
  int columns = cm_table_columns(table);
  const char *near = NULL;
  const char *names[256];
  int count = 0;
  for (int c = 0; c < columns && count < CM_COUNT(names); c++) names[count++] = cm_table_column_name(table, c);
  near = cm_nearest_name(name, names, count);
  if (near)
    cm_error_set(err, CM_ERR_MISSING, "%s: there is no column \"%s\"; did you mean \"%s\"?", role, name, near);
  else
    cm_error_set(err, CM_ERR_MISSING, "%s: there is no column \"%s\"; name one of the table's %d columns", role, name,
                 columns);
  return -1;
}

/* ---- classes --------------------------------------------------------------------------------------------------------
 */

typedef struct CmTargetValue {
  int64_t number;
  const char *text;
  int64_t row; /* place in data->row */
} CmTargetValue;

static int by_number(const void *a, const void *b) {
  const CmTargetValue *p = a, *q = b;
  if (p->number != q->number) return p->number < q->number ? -1 : 1;
  return p->row < q->row ? -1 : p->row > q->row;
}

static int by_text(const void *a, const void *b) {
  const CmTargetValue *p = a, *q = b;
  int order = strcmp(p->text, q->text);
  return order ? order : p->row < q->row ? -1 : p->row > q->row;
}

static void make_positive(CmLearnData *data, int positive) {
  if (positive == 1) return;
  const char *name = data->class_name[0];
  data->class_name[0] = data->class_name[1];
  data->class_name[1] = name;
  for (int64_t i = 0; i < data->rows; i++) data->y[i] = 1 - data->y[i];
}

static bool choose_positive(CmLearnData *data, const char *positive, CmError **err) {
  if (!positive) return true;
  if (data->classes != 2) {
    cm_error_set(err, CM_ERR_PARAMETER, "positive: \"%s\" is given, but %s has %d classes; leave it out", positive,
                 data->target, data->classes);
    return false;
  }
  for (int c = 0; c < 2; c++) {
    if (strcmp(data->class_name[c], positive)) continue;
    make_positive(data, c);
    return true;
  }
  cm_error_set(err, CM_ERR_PARAMETER, "positive: %s has no class \"%s\"; it has \"%s\" and \"%s\"", data->target,
               positive, data->class_name[0], data->class_name[1]);
  return false;
}

static bool read_classes(CmLearnData *data, int target, const char *positive, CmError **err) {
  const CmTable *table = data->table;
  bool text = cm_table_column_type(table, target) == CM_COLUMN_TEXT;
  CmTargetValue *label = CM__NEW(&data->hold, CmTargetValue, data->rows, err);
  data->y = CM__NEW(&data->hold, int, data->rows, err);
  data->class_name = CM__NEW(&data->hold, const char *, MOST_CLASSES, err);
  if (!label || !data->y || !data->class_name) return false;
  for (int64_t i = 0; i < data->rows; i++) {
    label[i].row = i;
    if (text)
      label[i].text = cm_table_text(table, data->row[i], target);
    else
      label[i].number = cm_table_int(table, data->row[i], target);
  }
  int (*compare)(const void *, const void *) = text ? by_text : by_number;
  qsort(label, (size_t)data->rows, sizeof *label, compare);
  for (int64_t i = 0; i < data->rows; i++) {
    bool fresh =
        i == 0 || (text ? strcmp(label[i].text, label[i - 1].text) != 0 : label[i].number != label[i - 1].number);
    if (fresh) {
      if (data->classes == MOST_CLASSES) {
        cm_error_set(err, CM_ERR_DATA,
                     "target: \"%s\" has more than %d values; a target names classes: group its values first",
                     data->target, MOST_CLASSES);
        return false;
      }
      char cell[32];
      snprintf(cell, sizeof cell, "%lld", (long long)label[i].number);
      const char *name = cm__arena_strdup(&data->hold, text ? label[i].text : cell, err);
      if (!name) return false;
      data->class_name[data->classes++] = name;
    }
    data->y[label[i].row] = data->classes - 1;
  }
  if (data->classes < 2) {
    cm_error_set(err, CM_ERR_DATA, "target: \"%s\" has %s; at least two classes are needed", data->target,
                 data->classes ? "one value only" : "no value at all");
    return false;
  }
  data->task = data->classes == 2 ? CM_TASK_BINARY : CM_TASK_MULTICLASS;
  return choose_positive(data, positive, err);
}

static bool read_target(CmLearnData *data, const CmLearnColumns *columns, CmError **err) {
  const CmTable *table = data->table;
  int target = named_column(table, columns->target, "target", err);
  if (target < 0) return false;
  if (cm_table_column_type(table, target) == CM_COLUMN_REAL) {
    cm_error_set(err, CM_ERR_DATA, "target: \"%s\" holds real numbers; classes are text or integers", columns->target);
    return false;
  }
  int64_t all = cm_table_rows(table);
  data->row = CM__NEW(&data->hold, int64_t, all, err);
  if (!data->row) return false;
  for (int64_t i = 0; i < all; i++)
    if (!cm_table_is_missing(table, i, target)) data->row[data->rows++] = i;
  data->rows_without_target = all - data->rows;
  return read_classes(data, target, columns->positive, err);
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
  for (int64_t i = 0; i < data->rows; i++) data->subject[i] = i;
  data->subjects = data->rows;
  return cm__data_note(data, err, "warning", "no_subject",
                       "No subject column was given: every row is taken as a subject of its own. If a patient has "
                       "several rows, the results are too good.");
}

static bool read_subjects(CmLearnData *data, const char *name, CmError **err) {
  data->subject = CM__NEW(&data->hold, int64_t, data->rows, err);
  data->subject_name = CM__NEW(&data->hold, const char *, data->rows, err);
  if (!data->subject || !data->subject_name) return false;
  if (!name) return each_its_own(data, err);
  int column = named_column(data->table, name, "subject", err);
  CmKey *key = CM__NEW(&data->hold, CmKey, data->rows, err);
  if (column < 0 || !key) return false;
  for (int64_t i = 0; i < data->rows; i++) {
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
  qsort(key, (size_t)data->rows, sizeof *key, by_key);
  int64_t *first = CM__NEW(&data->hold, int64_t, data->rows, err),
          *number = CM__NEW(&data->hold, int64_t, data->rows, err);
  if (!first || !number) return false;
  for (int64_t i = 0, start = 0; i < data->rows;
       i++) { /* equal keys are sorted by row: the run's first is the first row */
    if (i && strcmp(key[i].text, key[i - 1].text)) start = i;
    first[key[i].row] = key[start].row;
  }
  for (int64_t i = 0; i < data->rows; i++) {
    if (first[i] == i) number[i] = data->subjects++;
    data->subject[i] = number[first[i]];
  }
  for (int64_t i = 0; i < data->rows; i++) data->subject_name[data->subject[key[i].row]] = key[i].text;
  return true;
}

/* ---- time and hold-out ----------------------------------------------------------------------------------------------
 */

/* Days from 1970-01-01 in the proleptic Gregorian calendar (Fliegel and Van Flandern 1968). */
static double days(int year, int month, int day) {
  int a = (month - 14) / 12;
  return day - 32075 + 1461 * (year + 4800 + a) / 4 + 367 * (month - 2 - a * 12) / 12 -
         3 * ((year + 4900 + a) / 100) / 4 - 2440588;
}

/* ISO 8601 date, basic or extended, with hours, minutes and seconds behind it or not; seconds. */
static bool parse_time(const char *text, double *seconds) {
  int year, month, day, used = 0, hour = 0, minute = 0;
  double second = 0;
  bool read = sscanf(text, "%4d-%2d-%2d%n", &year, &month, &day, &used) == 3 && used == 10;
  if (!read) read = sscanf(text, "%4d%2d%2d%n", &year, &month, &day, &used) == 3 && used == 8;
  if (!read || month < 1 || month > 12 || day < 1 || day > 31) return false;
  text += used;
  if (*text == 'T' || *text == ' ') {
    used = 0;
    if (sscanf(text + 1, "%2d:%2d%n", &hour, &minute, &used) != 2 || !used || hour > 24 || minute > 59) return false;
    text += 1 + used;
    if (*text == ':') {
      used = 0;
      if (sscanf(text + 1, "%6lf%n", &second, &used) != 1 || second < 0 || second > 61) return false;
      text += 1 + used;
    }
    if (*text == 'Z') text++;
  }
  *seconds = days(year, month, day) * 86400 + hour * 3600 + minute * 60 + second;
  return !*text;
}

static bool read_time(CmLearnData *data, const char *name, CmError **err) {
  if (!name) return true;
  int column = named_column(data->table, name, "time", err);
  data->when = CM__NEW(&data->hold, double, data->rows, err);
  if (column < 0 || !data->when) return false;
  for (int64_t i = 0; i < data->rows; i++) {
    int64_t row = data->row[i];
    if (cm_table_is_missing(data->table, row, column))
      data->when[i] = NAN;
    else if (cm_table_column_type(data->table, column) != CM_COLUMN_TEXT)
      data->when[i] = number(data->table, row, column);
    else if (!parse_time(cm_table_text(data->table, row, column), &data->when[i])) {
      cm_error_set(err, CM_ERR_DATA, "time: row %lld of \"%s\" holds \"%s\"; write dates as 2024-05-31 or 20240531",
                   (long long)row + 1, name, cm_table_text(data->table, row, column));
      return false;
    }
  }
  return true;
}

static bool read_held(CmLearnData *data, const char *name, CmError **err) {
  if (!name) return true;
  int column = named_column(data->table, name, "hold_out", err);
  data->held = CM__NEW(&data->hold, uint8_t, data->rows, err);
  if (column < 0 || !data->held) return false;
  int64_t held = 0;
  for (int64_t i = 0; i < data->rows; i++) {
    int64_t row = data->row[i];
    char cell[CM_TEXT_MAX];
    const char *text = cm_table_cell(data->table, row, column, cell, sizeof cell);
    bool test = !strcmp(text, "test") || !strcmp(text, "1"),
         train = !strcmp(text, "train") || !strcmp(text, "0") || !*text;
    if (!test && !train) {
      cm_error_set(err, CM_ERR_DATA,
                   "hold_out: row %lld of \"%s\" holds \"%s\"; use 1 or \"test\" for held-out rows, 0 or \"train\" for "
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

static bool has_role(const CmLearnColumns *columns, const char *name) {
  if (same(name, columns->target) || same(name, columns->subject) || same(name, columns->time) ||
      same(name, columns->hold_out))
    return true;
  for (int i = 0; i < columns->ignore_count; i++)
    if (same(name, columns->ignore[i])) return true;
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

/* Numbers are features; text that has no role is passed over, and said so. */
static bool take_numeric(CmLearnData *data, const CmLearnColumns *columns, CmError **err) {
  char passed[800] = "";
  int count = 0;
  for (int c = 0; c < cm_table_columns(data->table); c++) {
    const char *name = cm_table_column_name(data->table, c);
    if (has_role(columns, name)) continue;
    if (cm_table_column_type(data->table, c) != CM_COLUMN_TEXT) {
      if (!add_feature(data, c, err)) return false;
      continue;
    }
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
    int column = named_column(data->table, name, "features", err);
    if (column < 0) return false;
    for (int j = 0; j < data->features; j++) {
      if (data->column[j] != column) continue;
      cm_error_set(err, CM_ERR_PARAMETER, "features: \"%s\" is named twice; name it once", name);
      return false;
    }
    if (cm_table_column_type(data->table, column) == CM_COLUMN_TEXT && !has_role(columns, name)) {
      cm_error_set(err, CM_ERR_DATA, "features: \"%s\" holds text; features are numbers", name);
      return false;
    }
    if (!add_feature(data, column, err)) return false;
  }
  return true;
}

static bool read_features(CmLearnData *data, const CmLearnColumns *columns, CmError **err) {
  int most = columns->features ? columns->feature_count : cm_table_columns(data->table);
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
  size_t cells;
  if (!cm_size_multiply((size_t)data->rows, (size_t)data->features, &cells, err)) return false;
  data->x = CM__NEW(&data->hold, double, cells, err);
  if (!data->x) return false;
  for (int64_t i = 0; i < data->rows; i++) {
    for (int j = 0; j < data->features; j++) {
      double *value = &data->x[i * data->features + j];
      *value = number(data->table, data->row[i], data->column[j]);
      if (isinf(*value)) {
        cm_error_set(err, CM_ERR_DATA, "row %lld of \"%s\" is infinite; leave the cell empty or mend its cause",
                     (long long)data->row[i] + 1, data->feature[j]);
        return false;
      }
    }
  }
  return true;
}

bool cm__data_read(CmContext *ctx, const CmTable *table, const CmLearnColumns *columns, CmLearnData *data,
                   CmError **err) {
  *data = (CmLearnData){.hold = {.ctx = ctx}, .table = table};
  data->notes_end = &data->notes;
  if (!columns->target || !*columns->target) {
    cm_error_set(err, CM_ERR_USAGE, "no target is given; name the column that holds the classes");
    return false;
  }
  CmHash hash;
  cm_table_hash(table, &hash);
  cm_hash_hex(&hash, data->table_hash);
  data->target = cm__arena_strdup(&data->hold, columns->target, err);
  data->subject_column = cm__arena_strdup(&data->hold, columns->subject, err);
  data->time_column = cm__arena_strdup(&data->hold, columns->time, err);
  if (!data->target || (columns->subject && !data->subject_column) || (columns->time && !data->time_column))
    return false;
  if (!read_target(data, columns, err) || !read_subjects(data, columns->subject, err) ||
      !read_time(data, columns->time, err) || !read_held(data, columns->hold_out, err) ||
      !read_features(data, columns, err))
    return false;
  return !data->rows_without_target ||
         cm__data_note(data, err, "note", "rows_without_target", "%lld rows have no %s and are left out.",
                       (long long)data->rows_without_target, data->target);
}
