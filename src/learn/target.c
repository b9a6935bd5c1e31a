/* What is to be learned, and from which rows: task, classes, numbers, times and events. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "learn/data.h"
#include "learn/labels.h"
#include "learn/prepare/rows.h"

#define MOST_CLASSES 64

int cm__named_column(const CmTable *table, const char *name, const char *role, CmError **err) {
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
  const char *text; /* NULL: a number */
  int at;           /* in the order of appearance */
} CmTargetValue;

static bool is_same(const CmTargetValue *a, const CmTargetValue *b) {
  return a->text ? !strcmp(a->text, b->text) : a->number == b->number;
}

/* Integers by value, text by bytes. */
static int by_value(const void *a, const void *b) {
  const CmTargetValue *p = a, *q = b;
  return p->text ? strcmp(p->text, q->text) : p->number < q->number ? -1 : p->number > q->number;
}

/* The values of the target as they appear; data->y: which of them a row has. How many there are; -1: too many. */
static int find_values(CmLearnData *data, int target, CmTargetValue *found, CmError **err) {
  bool text = cm_table_column_type(data->table, target) == CM_COLUMN_TEXT;
  int count = 0;
  for (int64_t i = 0; i < data->rows; i++) {
    CmTargetValue value = {.at = count};
    if (text)
      value.text = cm_table_text(data->table, data->row[i], target);
    else
      value.number = cm_table_int(data->table, data->row[i], target);
    int k = 0;
    while (k < count && !is_same(&value, &found[k])) k++;
    if (k == MOST_CLASSES) {
      cm_error_set(err, CM_ERR_DATA,
                   "target: \"%s\" has more than %d values; a target names classes: group its values first",
                   data->target, MOST_CLASSES);
      return -1;
    }
    if (k == count) found[count++] = value;
    data->y[i] = k;
  }
  return count;
}

static bool read_classes(CmLearnData *data, int target, CmError **err) {
  CmTargetValue found[MOST_CLASSES];
  int place[MOST_CLASSES];
  data->y = CM__NEW(&data->hold, int, data->rows, err);
  data->class_name = CM__NEW(&data->hold, const char *, MOST_CLASSES, err);
  if (!data->y || !data->class_name || (data->classes = find_values(data, target, found, err)) < 0) return false;
  qsort(found, (size_t)data->classes, sizeof *found, by_value);
  for (int c = 0; c < data->classes; c++) {
    char cell[32];
    snprintf(cell, sizeof cell, "%lld", (long long)found[c].number);
    place[found[c].at] = c;
    if (!(data->class_name[c] = cm__arena_strdup(&data->hold, found[c].text ? found[c].text : cell, err))) return false;
  }
  for (int64_t i = 0; i < data->rows; i++) data->y[i] = place[data->y[i]];
  if (data->classes >= 2) return true;
  cm_error_set(err, CM_ERR_DATA, "target: \"%s\" has %s; at least two classes are needed", data->target,
               data->classes ? "one value only" : "no value at all");
  return false;
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

/* Classes in the named order instead of their own. */
static bool put_in_order(CmLearnData *data, const CmLearnColumns *columns, bool text, CmError **err) {
  if (!columns->order_count && !text) return true;
  bool whole = columns->order_count == data->classes;
  int place[MOST_CLASSES];
  for (int c = 0; whole && c < data->classes; c++) {
    place[c] = 0;
    while (place[c] < columns->order_count && strcmp(columns->order[place[c]], data->class_name[c])) place[c]++;
    whole = place[c] < columns->order_count;
  }
  if (!whole) {
    cm_error_set(err, CM_ERR_PARAMETER, "order: name each of the %d classes of %s once, the lowest first",
                 data->classes, data->target);
    return false;
  }
  const char *name[MOST_CLASSES];
  memcpy(name, data->class_name, sizeof *name * (size_t)data->classes);
  for (int c = 0; c < data->classes; c++) data->class_name[place[c]] = name[c];
  for (int64_t i = 0; i < data->rows; i++) data->y[i] = place[data->y[i]];
  return true;
}

/* ---- numbers, times, events -----------------------------------------------------------------------------------------
 */

static bool read_values(CmLearnData *data, int target, CmError **err) {
  data->value = CM__NEW(&data->hold, double, data->rows, err);
  if (!data->value) return false;
  bool differ = false;
  for (int64_t i = 0; i < data->rows; i++) {
    double value = data->value[i] = cm__table_number(data->table, data->row[i], target);
    differ = differ || value != data->value[0];
    bool good = isfinite(value) && (data->task != CM_TASK_SURVIVAL || value > 0);
    if (good) continue;
    cm_error_set(err, CM_ERR_DATA, "target: row %lld of \"%s\" is not a %s; mend or empty the cell",
                 (long long)data->row[i] + 1, data->target,
                 data->task == CM_TASK_SURVIVAL ? "time above 0" : "finite number");
    return false;
  }
  if (differ) return true;
  cm_error_set(err, CM_ERR_DATA, "target: \"%s\" has %s; there is nothing to learn", data->target,
               data->rows ? "one value only" : "no value at all");
  return false;
}

static bool read_events(CmLearnData *data, const char *name, CmError **err) {
  if (!name) {
    cm_error_set(err, CM_ERR_USAGE,
                 "survival needs the column that says whether the time ended in the event; name it as event");
    return false;
  }
  int column = cm__named_column(data->table, name, "event", err);
  data->event = CM__NEW(&data->hold, uint8_t, data->rows, err);
  data->event_column = cm__arena_strdup(&data->hold, name, err);
  if (column < 0 || !data->event || !data->event_column) return false;
  int64_t events = 0;
  for (int64_t i = 0; i < data->rows; i++) {
    char cell[CM_TEXT_MAX];
    const char *text = cm_table_cell(data->table, data->row[i], column, cell, sizeof cell);
    bool came = !strcmp(text, "1") || !strcmp(text, "event"), open = !strcmp(text, "0") || !strcmp(text, "censored");
    if (!came && !open) {
      cm_error_set(err, CM_ERR_DATA, "event: row %lld of \"%s\" holds \"%s\"; use 1 or \"event\", 0 or \"censored\"",
                   (long long)data->row[i] + 1, name, text);
      return false;
    }
    events += data->event[i] = came;
  }
  if (events) return true;
  cm_error_set(err, CM_ERR_DATA, "event: \"%s\" has no event; survival cannot be learned without", name);
  return false;
}

/* ---- task and rows --------------------------------------------------------------------------------------------------
 */

const char *cm_learn_task_name(CmLearnTask task) {
#define NAME(code, name) name,
  static const char *const names[] = {CM_LEARN_TASKS(NAME)};
#undef NAME
  return (int)task >= 0 && task < CM_LEARN_TASK_COUNT ? names[task] : NULL;
}

static bool same_rows(const CmPrepareParams *a, const CmPrepareParams *b) {
  static const CmPrepareParams none;
  if (!a) a = &none;
  if (!b) b = &none;
  return !strcmp(a->batch.value, b->batch.value) && a->along_time == b->along_time &&
         (a->impute == CM_IMPUTE_DROP) == (b->impute == CM_IMPUTE_DROP);
}

CmAbility cm__ability(const CmLearner *learners, int count) {
  CmAbility ability = {.tasks = ~0u};
  for (int i = 0; i < count; i++) {
    ability.tasks &= learners[i].kind->tasks;
    ability.takes_unlabelled = ability.takes_unlabelled || learners[i].kind->takes_unlabelled;
    ability.unlike = ability.unlike || !same_rows(learners[0].prepare, learners[i].prepare);
  }
  ability.prepare = count ? learners[0].prepare : NULL;
  return ability;
}

static bool named_task(const char *name, CmLearnTask *task, CmError **err) {
  const char *names[CM_LEARN_TASK_COUNT];
  for (int t = 0; t < CM_LEARN_TASK_COUNT; t++) {
    names[t] = cm_learn_task_name((CmLearnTask)t);
    *task = (CmLearnTask)t;
    if (!strcmp(name, names[t])) return true;
  }
  const char *near = cm_nearest_name(name, names, CM_LEARN_TASK_COUNT);
  cm_error_set(err, CM_ERR_PARAMETER, "task: there is no \"%s\"; did you mean \"%s\"?", name, near ? near : "binary");
  return false;
}

/* By the columns and what the kinds can do; classes are counted later. */
static CmLearnTask guess_task(const CmLearnColumns *columns, CmColumnType type, uint32_t tasks) {
  for (int t = 0; t < CM_LEARN_TASK_COUNT; t++) /* kinds for one task alone */
    if (tasks == 1u << t) return (CmLearnTask)t;
  if (columns->event) return CM_TASK_SURVIVAL;
  bool number = type == CM_COLUMN_REAL || (type == CM_COLUMN_INT && !(tasks & CM_TASKS_CLASSES));
  if (number && tasks & 1u << CM_TASK_REGRESSION) return CM_TASK_REGRESSION;
  return tasks & CM_TASKS_CLASSES ? CM_TASK_MULTICLASS : CM_TASK_ORDINAL;
}

static bool check_task(const CmLearnData *data, uint32_t tasks, CmError **err) {
  if (tasks & 1u << data->task) return true;
  char can[200] = "";
  for (int t = 0; t < CM_LEARN_TASK_COUNT; t++)
    if (tasks & 1u << t)
      snprintf(can + strlen(can), sizeof can - strlen(can), "%s%s", *can ? ", " : "",
               cm_learn_task_name((CmLearnTask)t));
  cm_error_set(err, CM_ERR_UNSUPPORTED, "the task is %s, and the kinds of model do %s; use others, or name the task",
               cm_learn_task_name(data->task), *can ? can : "not share any");
  return false;
}

/* A number was guessed: two of them are mostly classes that got decimals on their way. */
static bool note_two_values(CmLearnData *data, CmError **err) {
  double other = NAN;
  for (int64_t i = 1; i < data->rows; i++) {
    if (data->value[i] == data->value[0] || data->value[i] == other) continue;
    if (!isnan(other)) return true;
    other = data->value[i];
  }
  return isnan(other) ||
         cm__data_note(data, err, "warning", "two_values",
                       "\"%s\" holds the numbers %g and %g alone and is learned as a number; for classes write them "
                       "without decimals, or as text.",
                       data->target, data->value[0], other);
}

static bool lacks_target(const CmLearnData *data, int target, int64_t row) {
  return target >= 0 && (cm_table_is_missing(data->table, row, target) || cm__labels_lack(data, row));
}

/* Labelled rows first, in their order; then the others, where they are wanted. */
static bool choose_rows(CmLearnData *data, int target, bool keep_unlabelled, CmError **err) {
  int64_t all = cm_table_rows(data->table), without = 0;
  data->row = CM__NEW(&data->hold, int64_t, all, err);
  uint8_t *whole = cm__rows_whole(data, err);
  if (!data->row || !whole) return false;
  for (int64_t i = 0; i < all; i++)
    if (whole[i] && !lacks_target(data, target, i)) data->row[data->rows++] = i;
  for (int64_t i = 0; i < all; i++)
    if (whole[i] && lacks_target(data, target, i)) data->row[data->rows + without++] = i;
  data->rows_without_target = without;
  data->unlabelled = keep_unlabelled ? without : 0;
  if (data->rows || !data->incomplete) return true;
  cm_error_set(err, CM_ERR_DATA, "impute=drop: no row has all features; leave sparse columns out, or fill them");
  return false;
}

static bool read_class_target(CmLearnData *data, const CmLearnColumns *columns, int target, CmColumnType type,
                              CmError **err) {
  if (type == CM_COLUMN_REAL) {
    cm_error_set(
        err, CM_ERR_DATA,
        "target: \"%s\" holds real numbers; classes are text or integers (write 0 and 1 without decimals), and "
        "regression needs a kind of model that does it",
        data->target);
    return false;
  }
  if (!read_classes(data, target, err)) return false;
  if (data->task == CM_TASK_ORDINAL) return put_in_order(data, columns, type == CM_COLUMN_TEXT, err);
  if (columns->task && data->task == CM_TASK_BINARY && data->classes != 2) {
    cm_error_set(err, CM_ERR_DATA, "task: binary needs two classes, and \"%s\" has %d; use multiclass", data->target,
                 data->classes);
    return false;
  }
  data->task = data->classes == 2 ? CM_TASK_BINARY : CM_TASK_MULTICLASS;
  return choose_positive(data, columns->positive, err);
}

static bool read_without(CmLearnData *data, CmAbility ability, CmError **err) {
  if (!(ability.tasks & CM_TASKS_WITHOUT_TARGET)) {
    cm_error_set(err, CM_ERR_USAGE, "no target is given; name the column that holds what is to be learned");
    return false;
  }
  return check_task(data, ability.tasks, err) && choose_rows(data, -1, false, err);
}

/* Labels are marks, of which each is learned as a class. */
static bool check_labels(const CmLearnData *data, CmError **err) {
  if (!data->labels || data->task == CM_TASK_BINARY) return true;
  cm_error_set(
      err, CM_ERR_UNSUPPORTED,
      "target: several columns are of 0 and 1, each learned as two classes, and not by %s; name one target, or "
      "a kind of model that does classes",
      cm_learn_task_name(data->task));
  return false;
}

bool cm__target_read(CmLearnData *data, const CmLearnColumns *columns, CmAbility ability, CmError **err) {
  const char *name = columns->target && *columns->target ? columns->target : NULL;
  int target = name ? cm__named_column(data->table, name, "target", err) : -1;
  if ((name && target < 0) || !cm__labels_find(data, columns, err)) return false;
  CmColumnType type = name ? cm_table_column_type(data->table, target) : CM_COLUMN_TEXT;
  if (!columns->task || !*columns->task)
    data->task = guess_task(columns, type, name ? ability.tasks : ability.tasks & CM_TASKS_WITHOUT_TARGET);
  else if (!named_task(columns->task, &data->task, err))
    return false;
  if (!name || 1u << data->task & CM_TASKS_WITHOUT_TARGET) return read_without(data, ability, err);
  data->target = cm__arena_strdup(&data->hold, name, err);
  data->target_unit = cm__arena_strdup(&data->hold, cm_table_column_unit(data->table, target), err);
  if (!data->target || !data->target_unit || !choose_rows(data, target, ability.takes_unlabelled, err)) return false;
  bool ok;
  if (data->task == CM_TASK_REGRESSION)
    ok = read_values(data, target, err) && (columns->task || note_two_values(data, err));
  else if (data->task == CM_TASK_SURVIVAL)
    ok = read_values(data, target, err) && read_events(data, columns->event, err);
  else
    ok = read_class_target(data, columns, target, type, err);
  return ok && cm__labels_read(data, err) && check_labels(data, err) && check_task(data, ability.tasks, err);
}
