/* The table that is learned from: units grouped to rows, rows of regions made one, labels joined. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define HASH_NONFATAL_OOM 1
#include <uthash.h>

#include "study/tables.h"

/* A row to be: the units of one subject, visit or image, for each source. */
typedef struct Group {
  int subject;
  const char *visit, *series; /* NULL where the row has none */
  int item;                   /* one of its images */
} Group;

typedef struct Features {
  CmWork *work;
  CmSpec *spec;
  CmPlan *plan;
  CmContext *ctx;
  CmArena arena;
  Group *groups;
  int group_count;
  CmTable *table;
  CmTable **columns;          /* of each source, without rows; made where they are needed */
  int subject, visit, series; /* columns; -1: none */
} Features;

/* ---- rows -----------------------------------------------------------------------------------------------------------
 */

static bool is_done(const CmNode *node) {
  return node->state == CM__NODE_KEPT || node->state == CM__NODE_RUN;
}

/* The visit that the row of a subject takes; NULL: all. */
static const char *chosen_visit(const Features *f, int subject) {
  const CmPlanSubject *of = &f->plan->subjects[subject];
  const CmItem *items = f->plan->inputs.items;
  if (f->spec->learn.visit == CM__VISITS_ALL) return NULL;
  return f->spec->learn.visit == CM__VISITS_FIRST ? items[of->first_item].visit
                                                  : items[of->first_item + of->items - 1].visit;
}

static bool add_group(Features *f, const Group *group, CmError **err) {
  for (int g = f->group_count; g-- > 0 && f->groups[g].subject == group->subject;) {
    const Group *other = &f->groups[g];
    bool same = (!group->visit || (other->visit && strcmp(group->visit, other->visit) == 0)) &&
                (!group->series || (other->series && strcmp(group->series, other->series) == 0));
    if (same) return true;
  }
  Group *groups = cm__arena_grow(&f->arena, f->groups, f->group_count, sizeof *groups, err);
  if (!groups) return false;
  f->groups = groups;
  groups[f->group_count++] = *group;
  return true;
}

static bool is_source_node(const Features *f, const CmNode *node) {
  for (int i = 0; i < f->spec->learn.source_count; i++)
    if (node->step >= 0 && f->spec->learn.sources[i].ref.step == node->step) return is_done(node);
  return false;
}

static bool find_groups(Features *f, CmError **err) {
  for (int s = 0; s < f->plan->subject_count; s++) {
    const CmPlanSubject *subject = &f->plan->subjects[s];
    for (int n = subject->first_node; n < subject->first_node + subject->nodes; n++) {
      const CmNode *node = &f->plan->nodes[n];
      if (!is_source_node(f, node)) continue;
      Group group = {.subject = s, .item = node->item};
      if (f->spec->learn.row == CM__ROW_SUBJECT)
        group.visit = chosen_visit(f, s);
      else
        group.visit = node->later ? node->later : node->visit;
      if (f->spec->learn.row == CM__ROW_IMAGE) group.series = node->series;
      if (!add_group(f, &group, err)) return false;
    }
  }
  return true;
}

/* Whether a unit belongs to a row. A step between visits belongs to both of them where a subject is the row, else to
 * the later one. */
static bool in_group(const Features *f, const Group *group, const CmNode *node) {
  if (group->series && !node->later && strcmp(group->series, node->series) != 0) return false;
  if (!group->visit) return true;
  if (!node->later) return strcmp(group->visit, node->visit) == 0;
  if (f->spec->learn.row == CM__ROW_SUBJECT && f->spec->learn.visit == CM__VISITS_FIRST)
    return strcmp(group->visit, node->visit) == 0;
  return strcmp(group->visit, node->later) == 0;
}

/* The columns of a source, of all its units: one that has found nothing may not know them. */
static const CmTable *columns_of(Features *f, const CmSpecSource *source, CmError **err) {
  CmTable **columns = &f->columns[source - f->spec->learn.sources];
  if (*columns) return *columns;
  *columns = cm_table_create(f->ctx, err);
  if (*columns && !cm__tables_columns(f->work, source->ref.step, source->ref.port, *columns, err))
    cm_table_unref(columns);
  return *columns;
}

static CmTable *start_part(Features *f, const CmSpecSource *source, CmError **err) {
  const CmTable *columns = columns_of(f, source, err);
  CmTable *table = columns ? cm_table_create(f->ctx, err) : NULL;
  for (int c = 0; table && c < cm_table_columns(columns); c++)
    if (cm_table_add_column(table, cm_table_column_name(columns, c), cm_table_column_type(columns, c),
                            cm_table_column_unit(columns, c), err) < 0)
      cm_table_unref(&table);
  return table;
}

/* All rows of a source that belong to one row, under each other; NULL without an error where no unit was done. */
static CmTable *gather(Features *f, const CmSpecSource *source, const Group *group, CmError **err) {
  const CmPlanSubject *subject = &f->plan->subjects[group->subject];
  CmTable *table = NULL;
  for (int n = subject->first_node; n < subject->first_node + subject->nodes; n++) {
    const CmNode *node = &f->plan->nodes[n];
    if (node->step != source->ref.step || !is_done(node) || !in_group(f, group, node)) continue;
    CmValue value = {0};
    if (!table) table = start_part(f, source, err);
    const bool good = table && cm__work_value(f->work, n, source->ref.port, &value, err) &&
                      cm__tables_append(table, value.table, NULL, err);
    cm_value_unref(&value);
    if (good) continue;
    cm_table_unref(&table);
    return NULL;
  }
  return table;
}

/* ---- many rows to one -----------------------------------------------------------------------------------------------
 */

static int compare_reals(const void *a, const void *b) {
  double x = *(const double *)a, y = *(const double *)b;
  return (x > y) - (x < y);
}

/* One number of a column's present values; NaN where there is none. */
static double reduce(CmAggregateHow how, double *values, int64_t count) {
  if (how == CM__AGG_SUM && count == 0) return 0;
  if (count == 0 || (how == CM__AGG_STD && count < 2)) return NAN;
  double sum = 0, low = values[0], high = values[0], squares = 0;
  for (int64_t i = 0; i < count; i++) {
    sum += values[i];
    low = values[i] < low ? values[i] : low;
    high = values[i] > high ? values[i] : high;
  }
  double mean = sum / (double)count;
  switch (how) {
    case CM__AGG_SUM:
      return sum;
    case CM__AGG_MEAN:
      return mean;
    case CM__AGG_MIN:
      return low;
    case CM__AGG_MAX:
      return high;
    case CM__AGG_STD:
      for (int64_t i = 0; i < count; i++) squares += (values[i] - mean) * (values[i] - mean);
      return sqrt(squares / (double)(count - 1));
    default:
      break;
  }
  qsort(values, (size_t)count, sizeof *values, compare_reals);
  return count % 2 ? values[count / 2] : (values[count / 2 - 1] + values[count / 2]) / 2;
}

static bool refuse_column(const CmTable *part, const char *name, const char *what, CmError **err) {
  int count = cm_table_columns(part);
  const char *near = NULL, *names[200];
  for (int i = 0; i < count && i < 200; i++) names[i] = cm_table_column_name(part, i);
  near = cm_nearest_name(name, names, count < 200 ? count : 200);
  cm_error_set(err, CM_ERR_DATA, "learn: aggregate: %s: the table has no column of numbers «%s»%s%s%s", what, name,
               near ? "; did you mean «" : "", near ? near : "", near ? "»?" : "");
  return false;
}

static bool set_feature(Features *f, int64_t row, const char *prefix, const char *name, const char *unit, double value,
                        CmError **err) {
  char full[600];
  if (snprintf(full, sizeof full, "%s%s", prefix, name) >= (int)sizeof full) {
    cm_error_set(err, CM_ERR_DATA, "learn: the name of the feature «%.100s» is too long", full);
    return false;
  }
  int column = cm__table_column(f->table, full, CM_COLUMN_REAL, unit, err);
  if (column < 0) return false;
  if (column == f->subject || column == f->visit || column == f->series ||
      cm_table_column_type(f->table, column) != CM_COLUMN_REAL) {
    cm_error_set(err, CM_ERR_DATA, "learn: the feature «%s» is called like a column of the labels; rename one", full);
    return false;
  }
  if (!isnan(value)) cm_table_set_real(f->table, row, column, value);
  return true;
}

static bool is_number(const CmTable *part, int column) {
  return cm_table_column_type(part, column) != CM_COLUMN_TEXT;
}

/* Numbers that name a region or, as PyRadiomics' diagnostics, tell how it was measured are none. */
static bool is_feature(const CmTable *part, int column) {
  const char *name = cm_table_column_name(part, column);
  return is_number(part, column) && strcmp(name, "label") != 0 && strncmp(name, "diagnostics_", 12) != 0;
}

static bool copy_row(Features *f, int64_t row, const char *prefix, const CmTable *part, int64_t from, CmError **err) {
  for (int c = 0; c < cm_table_columns(part); c++)
    if (is_feature(part, c) &&
        !set_feature(f, row, prefix, cm_table_column_name(part, c), cm_table_column_unit(part, c),
                     from < 0 ? NAN : cm__table_number(part, from, c), err))
      return false;
  return true;
}

static bool add_statistic(Features *f, int64_t row, const char *prefix, const CmTable *part, const CmSpecAggregate *a,
                          int column, CmError **err) {
  double *values = cm_alloc_array(f->ctx, (size_t)cm_table_rows(part) + 1, sizeof *values, err);
  char name[400];
  int64_t count = 0;
  if (!values) return false;
  for (int64_t r = 0; r < cm_table_rows(part); r++) {
    double value = cm__table_number(part, r, column);
    if (!isnan(value)) values[count++] = value;
  }
  snprintf(name, sizeof name, "%s_%s", cm__spec_how_names[a->how], cm_table_column_name(part, column));
  bool good = set_feature(f, row, prefix, name, cm_table_column_unit(part, column), reduce(a->how, values, count), err);
  cm_free(values);
  return good;
}

static bool add_statistics(Features *f, int64_t row, const char *prefix, const CmTable *part, const CmSpecAggregate *a,
                           CmError **err) {
  if (!a->columns) {
    for (int c = 0; c < cm_table_columns(part); c++)
      if (is_feature(part, c) && !add_statistic(f, row, prefix, part, a, c, err)) return false;
    return true;
  }
  for (int i = 0; i < a->column_count; i++) {
    int column = cm_table_find_column(part, a->columns[i]);
    if (column < 0 || !is_number(part, column))
      return refuse_column(part, a->columns[i], cm__spec_how_names[a->how], err);
    if (!add_statistic(f, row, prefix, part, a, column, err)) return false;
  }
  return true;
}

/* The row with the largest (smallest) value of a column; of equals the first; no row where there is none. */
static bool add_extreme(Features *f, int64_t row, const char *prefix, const CmTable *part, const CmSpecAggregate *a,
                        bool second, CmError **err) {
  char with[300];
  int column = a->column_count ? cm_table_find_column(part, a->columns[0]) : -1;
  int64_t best = -1;
  if (column < 0 || !is_number(part, column))
    return refuse_column(part, a->column_count ? a->columns[0] : "", cm__spec_how_names[a->how], err);
  for (int64_t r = 0; r < cm_table_rows(part); r++) {
    double value = cm__table_number(part, r, column), most = best < 0 ? NAN : cm__table_number(part, best, column);
    if (!isnan(value) && (best < 0 || (a->how == CM__AGG_LARGEST ? value > most : value < most))) best = r;
  }
  snprintf(with, sizeof with, "%s%s", prefix, second ? (a->how == CM__AGG_SMALLEST ? "smallest_" : "largest_") : "");
  return copy_row(f, row, with, part, best, err);
}

/* Each region's columns side by side, named by the region. */
static bool add_by(Features *f, int64_t row, const char *prefix, const CmTable *part, const CmSpecAggregate *a,
                   CmError **err) {
  int column = a->column_count ? cm_table_find_column(part, a->columns[0]) : -1;
  if (column < 0) return refuse_column(part, a->column_count ? a->columns[0] : "", "by", err);
  for (int64_t r = 0; r < cm_table_rows(part); r++) {
    char cell[200], other[200];
    cm_table_cell(part, r, column, cell, sizeof cell);
    for (int64_t before = 0; before < r; before++)
      if (strcmp(cm_table_cell(part, before, column, other, sizeof other), cell) == 0) {
        cm_error_set(err, CM_ERR_DATA,
                     "learn: aggregate: by: «%s» stands in two rows of subject «%s»; they must differ", cell,
                     cm_table_text(f->table, row, f->subject));
        return false;
      }
    for (int c = 0; c < cm_table_columns(part); c++) {
      char name[500];
      if (c == column || !is_feature(part, c)) continue;
      snprintf(name, sizeof name, "%s.%s", cm_table_column_name(part, c), *cell ? cell : "none");
      if (!set_feature(f, row, prefix, name, cm_table_column_unit(part, c), cm__table_number(part, r, c), err))
        return false;
    }
  }
  return true;
}

static bool add_features(Features *f, int64_t row, const CmSpecSource *source, const char *prefix, const CmTable *part,
                         const Group *group, CmError **err) {
  if (!source->aggregate_count) {
    if (cm_table_rows(part) <= 1) return copy_row(f, row, prefix, part, cm_table_rows(part) - 1, err);
    cm_error_set(err, CM_ERR_DATA,
                 "learn: «%s» has %lld rows for subject «%s»%s%s; say how they become one, e.g. aggregate: {largest: "
                 "%s, count: true, mean: all}",
                 f->spec->steps[source->ref.step].name, (long long)cm_table_rows(part),
                 f->plan->subjects[group->subject].name, group->visit && *group->visit ? ", visit " : "",
                 group->visit ? group->visit : "",
                 cm_table_columns(part) > 1 ? cm_table_column_name(part, 1) : "COLUMN");
    return false;
  }
  int extremes = 0;
  for (int i = 0; i < source->aggregate_count; i++) {
    const CmSpecAggregate *a = &source->aggregates[i];
    bool good;
    if (a->how == CM__AGG_COUNT)
      good = set_feature(f, row, prefix, "count", "", (double)cm_table_rows(part), err);
    else if (a->how == CM__AGG_LARGEST || a->how == CM__AGG_SMALLEST)
      good = add_extreme(f, row, prefix, part, a, extremes++ > 0, err);
    else if (a->how == CM__AGG_BY)
      good = add_by(f, row, prefix, part, a, err);
    else
      good = add_statistics(f, row, prefix, part, a, err);
    if (!good) return false;
  }
  return true;
}

static bool fill_row(Features *f, int64_t row, CmError **err) {
  const Group *group = &f->groups[row];
  if (!cm_table_set_text(f->table, row, f->subject, f->plan->subjects[group->subject].name, err)) return false;
  if (f->visit >= 0 && *group->visit && !cm_table_set_text(f->table, row, f->visit, group->visit, err)) return false;
  if (f->series >= 0 && *group->series && !cm_table_set_text(f->table, row, f->series, group->series, err))
    return false;
  for (int i = 0; i < f->spec->learn.source_count; i++) {
    const CmSpecSource *source = &f->spec->learn.sources[i];
    char prefix[100] = "";
    if (f->spec->learn.source_count > 1)
      snprintf(prefix, sizeof prefix, "%.64s.", f->spec->steps[source->ref.step].name);
    CmError *why = NULL;
    CmTable *part = gather(f, source, group, &why);
    bool good = !why && (!part || add_features(f, row, source, prefix, part, group, &why));
    cm_table_unref(&part);
    if (!good) {
      cm_error_move(err, &why);
      return false;
    }
  }
  return true;
}

/* ---- labels ---------------------------------------------------------------------------------------------------------
 */

typedef struct LabelRow {
  UT_hash_handle hh;
  int64_t row;
  char key[];
} LabelRow;

/* What is taken over from the file of labels. */
enum { MOST_ROLES = 128 };

typedef struct Labels {
  LabelRow *rows;
  int subject, time;                           /* columns of the file, as those of the roles; time -1: none */
  int roles, role[MOST_ROLES], to[MOST_ROLES]; /* to: columns of the features */
} Labels;

/* A date in any of the usual writings as its digits: 2021-03-05, 20210305 and 2021/03/05 are the same visit. */
static void add_key(char *key, size_t size, const char *subject, const char *time) {
  size_t used = (size_t)snprintf(key, size, "%s\n", subject);
  size_t digits = 0;
  for (const char *c = time; *c; c++) digits += *c >= '0' && *c <= '9';
  for (const char *c = time; *c && used + 1 < size; c++)
    if (digits != 8 || (*c >= '0' && *c <= '9')) key[used++] = *c;
  key[used < size ? used : size - 1] = 0;
}

static void free_labels(Labels *labels) {
  LabelRow *row, *next;
  HASH_ITER(hh, labels->rows, row, next) {
    HASH_DELETE(hh, labels->rows, row);
    cm_free(row);
  }
}

static bool same_cell(const CmTable *table, int64_t a, int64_t b, int column) {
  char x[CM__KEY_SIZE], y[CM__KEY_SIZE];
  return column < 0 ||
         strcmp(cm_table_cell(table, a, column, x, sizeof x), cm_table_cell(table, b, column, y, sizeof y)) == 0;
}

static bool same_roles(const Labels *labels, const CmTable *table, int64_t a, int64_t b) {
  bool same = true;
  for (int i = 0; i < labels->roles; i++) same = same && same_cell(table, a, b, labels->role[i]);
  return same;
}

static bool index_labels(Features *f, Labels *labels, CmError **err) {
  const CmSpecLabels *spec = &f->spec->labels;
  const CmTable *table = spec->table;
  for (int64_t r = 0; r < cm_table_rows(table); r++) {
    char subject[CM__KEY_SIZE], time[CM__KEY_SIZE] = "", key[2 * CM__KEY_SIZE + 2];
    cm_table_cell(table, r, labels->subject, subject, sizeof subject);
    if (labels->time >= 0) cm_table_cell(table, r, labels->time, time, sizeof time);
    add_key(key, sizeof key, subject, time);
    LabelRow *known;
    HASH_FIND(hh, labels->rows, key, strlen(key), known);
    if (known && same_roles(labels, table, r, known->row)) continue;
    if (known) {
      cm_error_set(
          err, CM_ERR_DATA,
          "labels: %s: subject «%s»%s%s has two different rows (lines %lld and %lld); keep one, or say time: COLUMN",
          spec->file, subject, *time ? " at " : "", time, (long long)known->row + 2, (long long)r + 2);
      return false;
    }
    LabelRow *row = cm_calloc(f->ctx, 1, sizeof *row + strlen(key) + 1, err);
    if (!row) return false;
    row->row = r;
    memcpy(row->key, key, strlen(key) + 1);
    HASH_ADD_KEYPTR(hh, labels->rows, row->key, strlen(key), row);
    if (!row->hh.tbl) {
      cm_free(row);
      cm_error_set(err, CM_ERR_MEMORY, "no memory for the labels");
      return false;
    }
  }
  return true;
}

static bool add_role(Features *f, Labels *labels, const char *name, CmError **err) {
  const CmTable *from = f->spec->labels.table;
  int at = name ? cm_table_find_column(from, name) : -1;
  for (int i = 0; i < labels->roles; i++)
    if (labels->role[i] == at) return true;
  if (at < 0 || labels->roles == MOST_ROLES) return true;
  int to = cm_table_add_column(f->table, name, cm_table_column_type(from, at), cm_table_column_unit(from, at), err);
  labels->role[labels->roles] = at;
  labels->to[labels->roles++] = to;
  return to >= 0;
}

/* Adds a column for each role that the study names. */
static bool add_roles(Features *f, Labels *labels, CmError **err) {
  const CmSpecLearn *learn = &f->spec->learn;
  const char *const names[] = {f->spec->labels.target, learn->hold_out, learn->event, learn->group};
  bool good = true;
  for (int i = 0; good && i < f->spec->labels.target_count; i++)
    good = add_role(f, labels, f->spec->labels.targets[i], err);
  for (int i = f->spec->labels.target_count > 0; good && i < CM_COUNT(names); i++)
    good = add_role(f, labels, names[i], err);
  for (int i = 0; good && i < learn->subgroup_count; i++) /* or it is a feature */
    good = cm_table_find_column(f->table, learn->subgroups[i]) >= 0 || add_role(f, labels, learn->subgroups[i], err);
  return good;
}

static bool join_file(Features *f, CmError **err) {
  const CmSpecLabels *spec = &f->spec->labels;
  const CmTable *from = spec->table;
  Labels labels = {.subject = cm_table_find_column(from, spec->subject)};
  labels.time = spec->time ? cm_table_find_column(from, spec->time) : -1;
  bool good = add_roles(f, &labels, err) && index_labels(f, &labels, err);
  int64_t found = 0;
  for (int g = 0; g < f->group_count && good; g++) {
    char key[2 * CM__KEY_SIZE + 2];
    LabelRow *row;
    add_key(key, sizeof key, f->plan->subjects[f->groups[g].subject].name,
            labels.time >= 0 && f->groups[g].visit ? f->groups[g].visit : "");
    HASH_FIND(hh, labels.rows, key, strlen(key), row);
    if (!row) continue;
    found++;
    for (int i = 0; i < labels.roles && good; i++)
      good = cm__table_copy_cell(f->table, g, labels.to[i], from, row->row, labels.role[i], err);
  }
  if (good && !found && f->group_count) {
    char first[CM__KEY_SIZE] = "";
    if (cm_table_rows(from)) cm_table_cell(from, 0, labels.subject, first, sizeof first);
    cm_error_set(err, CM_ERR_DATA,
                 "labels: %s names none of the subjects that were found; there «%s» is e.g. «%s», here a subject is "
                 "e.g. «%s»%s%s",
                 spec->file, spec->subject, first, f->plan->subjects[0].name, labels.time >= 0 ? " with visit " : "",
                 labels.time >= 0 && f->groups[0].visit ? f->groups[0].visit : "");
    good = false;
  }
  free_labels(&labels);
  return good;
}

/* Labels that came with the images. */
static bool join_items(Features *f, CmError **err) {
  const CmSpecLabels *spec = &f->spec->labels;
  bool whole = true, any = false;
  for (int g = 0; g < f->group_count; g++) {
    const char *label = f->plan->inputs.items[f->groups[g].item].label;
    if (!label) continue;
    any = true;
    whole &= strspn(label, "-0123456789") == strlen(label);
  }
  if (!any && f->spec->learn.model) return true;
  if (!any && f->group_count) {
    cm_error_set(err, CM_ERR_DATA,
                 "labels: the files of «%s» carry no labels; say at the input which array of an .npz they are in with "
                 "labels: NAME, "
                 "or where the path names them with keys: e.g. {label}/{subject}.png",
                 f->spec->inputs[spec->input].name);
    return false;
  }
  int target = cm_table_add_column(f->table, spec->target, whole ? CM_COLUMN_INT : CM_COLUMN_TEXT, "", err);
  int set = target < 0 ? -1 : cm_table_add_column(f->table, "set", CM_COLUMN_TEXT, "", err);
  for (int g = 0; g < f->group_count && set >= 0; g++) {
    const CmItem *item = &f->plan->inputs.items[f->groups[g].item];
    if (item->label && whole)
      cm_table_set_int(f->table, g, target, strtoll(item->label, NULL, 10));
    else if (item->label && !cm_table_set_text(f->table, g, target, item->label, err))
      return false;
    if (item->set && !cm_table_set_text(f->table, g, set, item->set, err)) return false;
  }
  return set >= 0;
}

static bool join_labels(Features *f, CmError **err) {
  if (!f->spec->labels.at) return true; /* what is predicted need not be known */
  return f->spec->labels.input >= 0 ? join_items(f, err) : join_file(f, err);
}

CmTable *cm__tables_for_learning(CmWork *work, CmError **err) {
  Features f = {
      .work = work, .plan = work->plan, .spec = work->plan->spec, .ctx = work->plan->ctx, .visit = -1, .series = -1};
  f.arena.ctx = f.ctx;
  const int sources = f.spec->learn.source_count;
  f.columns = cm_calloc(f.ctx, (size_t)sources + 1, sizeof(*f.columns), err);
  bool good = f.columns && find_groups(&f, err) && (f.table = cm_table_create(f.ctx, err)) != NULL;
  good = good && (f.subject = cm_table_add_column(f.table, "subject", CM_COLUMN_TEXT, "", err)) >= 0;
  bool visits = f.spec->learn.row != CM__ROW_SUBJECT || f.spec->learn.visit != CM__VISITS_ALL;
  if (good && visits) good = (f.visit = cm_table_add_column(f.table, "visit", CM_COLUMN_TEXT, "", err)) >= 0;
  if (good && f.spec->learn.row == CM__ROW_IMAGE)
    good = (f.series = cm_table_add_column(f.table, "series", CM_COLUMN_TEXT, "", err)) >= 0;
  for (int g = 0; g < f.group_count && good; g++) good = cm_table_add_row(f.table, err) >= 0;
  good = good && join_labels(&f, err);
  for (int g = 0; g < f.group_count && good; g++) good = fill_row(&f, g, err);
  for (int i = 0; f.columns && i < sources; i++) cm_table_unref(&f.columns[i]);
  cm_free(f.columns);
  cm__arena_free(&f.arena);
  if (!good) cm_table_unref(&f.table);
  return f.table;
}
