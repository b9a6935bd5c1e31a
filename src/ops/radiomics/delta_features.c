/* Delta features: what several visits of a subject say together, as one row. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/arena.h"
#include "core/table_cell.h"
#include "core/text.h"
#include "ops/radiomics/table_keys.h"

typedef struct DeltaParams {
  CmText subject, time, keep, measures;
} DeltaParams;

enum { FIRST, LAST, DELTA, RELATIVE, RATE, SLOPE, MEASURES };
static const char *const measure_names[MEASURES] = {"first", "last", "delta", "relative_delta", "rate", "slope"};

static const CmParam params[] = {
    CM_PARAM_TEXT(DeltaParams, subject, "subject",
                  "columns that say together whose visit a row is, separated by commas, as in Patient,label"),
    CM_PARAM_TEXT(DeltaParams, time, "time",
                  "column of the time of the visit: numbers, or dates (2024-05-31, 20240531)"),
    CM_PARAM_TEXT(
        DeltaParams, keep, "",
        "columns that are the same at all visits of a subject and go along, separated by commas, as in sex,response"),
    CM_PARAM_TEXT(DeltaParams, measures, "first,last,delta,relative_delta,rate,slope",
                  "what is told of each feature, separated by commas"),
};

static const CmPort inputs[] = {
    {.name = "table", .kind = CM_KIND_TABLE, .help = "a row per subject and visit, a column per feature"}};
static const CmPort outputs[] = {{.name = "delta", .kind = CM_KIND_TABLE, .help = "a row per subject"}};

typedef struct Visit {
  int64_t subject, row; /* subject: its first row */
  double when;
} Visit;

typedef struct Job {
  CmContext *ctx;
  CmArena hold;
  const CmTable *table;
  CmTable *result;
  int64_t rows;
  int key[CM_LIST_MAX], keys, kept[CM_LIST_MAX], kept_count, time;
  int *feature, features;
  bool measured[MEASURES];
  bool dates; /* times are days */
  const char *time_unit;
  Visit *visit;         /* rows, by subject and time; subjects in the order of their first rows */
  double *when, *value; /* of one feature of one subject: where it is present */
} Job;

/* ---- parameters -----------------------------------------------------------------------------------------------------
 */

static bool read_measures(const char *list, bool measured[MEASURES], CmError **err) {
  bool any = false;
  for (const char *text = list; *text;) {
    const size_t size = strcspn(text, ",");
    char name[CM_TEXT_MAX];
    snprintf(name, sizeof name, "%.*s", (int)size, text);
    int at = 0;
    while (at < MEASURES && strcmp(name, measure_names[at])) at++;
    if (at == MEASURES) {
      const char *near = cm_nearest_name(name, measure_names, MEASURES);
      cm_error_set(err, CM_ERR_PARAMETER,
                   "measures: there is no «%s»%s%s%s; there are first, last, delta, relative_delta, rate and slope",
                   name, near ? ", did you mean «" : "", near ? near : "", near ? "»" : "");
      return false;
    }
    any = measured[at] = true;
    text += size + (text[size] == ',');
  }
  if (!any) cm_error_set(err, CM_ERR_PARAMETER, "measures: none is named; name one, e.g. delta");
  return any;
}

static bool check(const void *given, CmError **err) {
  bool measured[MEASURES] = {false};
  return read_measures(((const DeltaParams *)given)->measures.value, measured, err);
}

/* ---- times ----------------------------------------------------------------------------------------------------------
 */

static bool parse_days(const char *text, double *days) {
  if (!cm__parse_time(text, days)) return false;
  *days /= 86400;
  return true;
}

/* 20240531 in every row: a date, whose differences mean nothing as numbers. */
static bool holds_dates(const Job *job) {
  if (cm_table_column_type(job->table, job->time) == CM_COLUMN_TEXT) return true;
  if (cm_table_column_type(job->table, job->time) == CM_COLUMN_REAL) return false;
  for (int64_t r = 0; r < job->rows; r++) {
    const int64_t value = cm_table_int(job->table, r, job->time);
    if (value < 19000101 || value > 21001231) return false;
  }
  return true; /* a row that is none is refused when it is read */
}

static bool read_time(const Job *job, int64_t row, double *when, CmError **err) {
  char cell[CM_TEXT_MAX];
  const char *text = cm_table_cell(job->table, row, job->time, cell, sizeof cell);
  *when = job->dates ? NAN : cm__table_number(job->table, row, job->time);
  if (job->dates ? parse_days(text, when) : isfinite(*when)) return true;
  cm_error_set(
      err, CM_ERR_DATA,
      "row %lld has no time in «%s» that can be read (\"%s\"); write a number in every row, or a date as 2024-05-31",
      (long long)row + 1, cm_table_column_name(job->table, job->time), text);
  return false;
}

static int by_visit(const void *a, const void *b) {
  const Visit *p = a, *q = b;
  if (p->subject != q->subject) return p->subject < q->subject ? -1 : 1;
  if (p->when != q->when) return p->when < q->when ? -1 : 1;
  return p->row < q->row ? -1 : p->row > q->row;
}

static bool all_named(const Job *job, CmError **err) {
  for (int64_t r = 0; r < job->rows; r++)
    for (int k = 0; k < job->keys; k++) {
      if (!cm_table_is_missing(job->table, r, job->key[k])) continue;
      cm_error_set(err, CM_ERR_DATA, "row %lld has no «%s»; fill it, so that its visit has a subject", (long long)r + 1,
                   cm_table_column_name(job->table, job->key[k]));
      return false;
    }
  return true;
}

/* Of two rows at one time nobody knows which comes first. */
static bool times_differ(const Job *job, CmError **err) {
  char name[CM_TEXT_MAX];
  for (int64_t i = 1; i < job->rows; i++) {
    const Visit *a = &job->visit[i - 1], *b = &job->visit[i];
    if (a->subject != b->subject || a->when != b->when) continue;
    cm_error_set(
        err, CM_ERR_DATA,
        "rows %lld and %lld of subject «%s» have the same time; keep one of them, or name in `subject` the column that "
        "tells them apart, as in Patient,label",
        (long long)a->row + 1, (long long)b->row + 1,
        cm_table_cell(job->table, a->row, job->key[0], name, sizeof name));
    return false;
  }
  return true;
}

static bool read_visits(Job *job, CmError **err) {
  int64_t subjects;
  int64_t *number = CM__NEW(&job->hold, int64_t, job->rows, err), *first = CM__NEW(&job->hold, int64_t, job->rows, err);
  job->visit = CM__NEW(&job->hold, Visit, job->rows, err);
  if (!number || !first || !job->visit || !all_named(job, err) ||
      !cm__number_rows(job->ctx, job->table, job->key, job->keys, number, &subjects, err))
    return false;
  for (int64_t r = job->rows; r-- > 0;) first[number[r]] = r;
  for (int64_t r = 0; r < job->rows; r++) {
    job->visit[r] = (Visit){.subject = first[number[r]], .row = r};
    if (!read_time(job, r, &job->visit[r].when, err)) return false;
  }
  if (job->rows) qsort(job->visit, (size_t)job->rows, sizeof *job->visit, by_visit);
  return times_differ(job, err);
}

/* ---- columns --------------------------------------------------------------------------------------------------------
 */

static bool has_role(const Job *job, int column) {
  bool role = column == job->time;
  for (int k = 0; k < job->keys; k++) role = role || column == job->key[k];
  for (int k = 0; k < job->kept_count; k++) role = role || column == job->kept[k];
  return role;
}

static bool read_columns(Job *job, const DeltaParams *p, CmError **err) {
  int time[CM_LIST_MAX], times, columns = cm_table_columns(job->table);
  if (!cm__listed_columns(job->table, p->subject.value, job->key, &job->keys, err) ||
      !cm__listed_columns(job->table, p->time.value, time, &times, err) ||
      !cm__listed_columns(job->table, p->keep.value, job->kept, &job->kept_count, err))
    return false;
  if (!job->keys || times != 1) {
    cm_error_set(err, CM_ERR_PARAMETER, "subject has to name a column, and time just one");
    return false;
  }
  job->time = time[0];
  job->dates = holds_dates(job);
  job->time_unit = job->dates ? "d" : cm_table_column_unit(job->table, job->time);
  job->feature = CM__NEW(&job->hold, int, columns, err);
  for (int c = 0; job->feature && c < columns; c++) {
    if (has_role(job, c)) continue;
    if (cm_table_column_type(job->table, c) != CM_COLUMN_TEXT)
      job->feature[job->features++] = c;
    else
      cm_log(job->ctx, CM_LOG_INFO, "column «%s» holds text and is left out; `keep` takes it along",
             cm_table_column_name(job->table, c));
  }
  return job->feature != NULL;
}

static bool add_column(Job *job, const char *name, CmColumnType type, const char *unit, CmError **err) {
  return cm_table_add_column(job->result, name, type, unit, err) >= 0;
}

static bool add_like(Job *job, int column, CmError **err) {
  return add_column(job, cm_table_column_name(job->table, column), cm_table_column_type(job->table, column),
                    cm_table_column_unit(job->table, column), err);
}

static bool add_measures(Job *job, int column, CmError **err) {
  const char *name = cm_table_column_name(job->table, column), *unit = cm_table_column_unit(job->table, column);
  char full[CM_TEXT_MAX], per[CM_TEXT_MAX];
  snprintf(per, sizeof per, "%s%s%s", *unit || !*job->time_unit ? unit : "1", *job->time_unit ? "/" : "",
           job->time_unit);
  for (int m = 0; m < MEASURES; m++) {
    if (!job->measured[m]) continue;
    snprintf(full, sizeof full, "%s_%s", name, measure_names[m]);
    if (!add_column(job, full, CM_COLUMN_REAL, m >= RATE ? per : m == RELATIVE ? "" : unit, err)) return false;
  }
  return true;
}

static bool start_result(Job *job, CmError **err) {
  job->result = cm_table_create(job->ctx, err);
  bool good = job->result != NULL;
  for (int k = 0; good && k < job->keys; k++) good = add_like(job, job->key[k], err);
  for (int k = 0; good && k < job->kept_count; k++) good = add_like(job, job->kept[k], err);
  good = good && add_column(job, "visits", CM_COLUMN_INT, "", err) &&
         add_column(job, "span", CM_COLUMN_REAL, job->time_unit, err);
  for (int f = 0; good && f < job->features; f++) good = add_measures(job, job->feature[f], err);
  return good;
}

/* ---- a subject ------------------------------------------------------------------------------------------------------
 */

/* By least squares; at least two times that differ. */
static double fit_slope(const double *when, const double *value, int64_t count) {
  double middle = 0, mean = 0, across = 0, along = 0;
  for (int64_t i = 0; i < count; i++) middle += when[i] / (double)count;
  for (int64_t i = 0; i < count; i++) mean += value[i] / (double)count;
  for (int64_t i = 0; i < count; i++) {
    across += (when[i] - middle) * (value[i] - mean);
    along += (when[i] - middle) * (when[i] - middle);
  }
  return across / along;
}

/* count values in the order of time; what cannot be told is NaN. */
static void measure(const double *when, const double *value, int64_t count, double to[MEASURES]) {
  for (int m = 0; m < MEASURES; m++) to[m] = NAN;
  if (!count) return;
  const double first = to[FIRST] = value[0], last = to[LAST] = value[count - 1];
  if (count < 2) return;
  to[DELTA] = last - first;
  if (first != 0) to[RELATIVE] = (last - first) / fabs(first);
  to[RATE] = (last - first) / (when[count - 1] - when[0]);
  to[SLOPE] = fit_slope(when, value, count);
}

static bool put_feature(Job *job, const Visit *visit, int64_t visits, int column, int64_t row, int *at, CmError **err) {
  double told[MEASURES];
  int64_t count = 0;
  for (int64_t i = 0; i < visits; i++) {
    const double value = cm__table_number(job->table, visit[i].row, column);
    if (isinf(value)) {
      cm_error_set(err, CM_ERR_DATA, "row %lld of «%s» is infinite; mend or empty the cell",
                   (long long)visit[i].row + 1, cm_table_column_name(job->table, column));
      return false;
    }
    if (isnan(value)) continue;
    job->when[count] = visit[i].when;
    job->value[count++] = value;
  }
  measure(job->when, job->value, count, told);
  for (int m = 0; m < MEASURES; m++) {
    if (!job->measured[m]) continue;
    if (isfinite(told[m])) cm_table_set_real(job->result, row, *at, told[m]);
    ++*at;
  }
  return true;
}

/* What is present, which must be one and the same. */
static bool put_kept(Job *job, const Visit *visit, int64_t visits, int column, int64_t row, int at, CmError **err) {
  const Visit *from = NULL;
  char one[CM_TEXT_MAX], other[CM_TEXT_MAX], name[CM_TEXT_MAX];
  for (int64_t i = 0; i < visits; i++) {
    if (cm_table_is_missing(job->table, visit[i].row, column)) continue;
    if (!from) from = &visit[i];
    if (strcmp(cm_table_cell(job->table, from->row, column, one, sizeof one),
               cm_table_cell(job->table, visit[i].row, column, other, sizeof other)) == 0)
      continue;
    cm_error_set(err, CM_ERR_DATA,
                 "«%s» of subject «%s» is \"%s\" in row %lld and \"%s\" in row %lld; keep columns that do not change",
                 cm_table_column_name(job->table, column),
                 cm_table_cell(job->table, visit->row, job->key[0], name, sizeof name), one, (long long)from->row + 1,
                 other, (long long)visit[i].row + 1);
    return false;
  }
  return !from || cm__table_copy_cell(job->result, row, at, job->table, from->row, column, err);
}

static bool put_subject(Job *job, const Visit *visit, int64_t visits, CmError **err) {
  const int64_t row = cm_table_add_row(job->result, err);
  int at = 0;
  bool good = row >= 0 && !cm_context_cancelled(job->ctx, err);
  for (int k = 0; good && k < job->keys; k++)
    good = cm__table_copy_cell(job->result, row, at++, job->table, visit->row, job->key[k], err);
  for (int k = 0; good && k < job->kept_count; k++) good = put_kept(job, visit, visits, job->kept[k], row, at++, err);
  if (!good) return false;
  cm_table_set_int(job->result, row, at++, visits);
  cm_table_set_real(job->result, row, at++, visit[visits - 1].when - visit->when);
  for (int f = 0; good && f < job->features; f++)
    good = put_feature(job, visit, visits, job->feature[f], row, &at, err);
  return good;
}

static bool put_subjects(Job *job, CmError **err) {
  job->when = CM__NEW(&job->hold, double, job->rows, err);
  job->value = CM__NEW(&job->hold, double, job->rows, err);
  if (!job->when || !job->value) return false;
  for (int64_t from = 0, to; from < job->rows; from = to) {
    for (to = from; to < job->rows && job->visit[to].subject == job->visit[from].subject;) to++;
    if (!put_subject(job, job->visit + from, to - from, err)) return false;
  }
  return true;
}

static bool run(const CmCall *call, CmError **err) {
  const CmTable *given = call->in[0].table;
  const DeltaParams *p = call->params;
  Job job = {.ctx = call->ctx, .hold = {.ctx = call->ctx}, .table = given, .rows = cm_table_rows(given)};
  const bool good = read_measures(p->measures.value, job.measured, err) && read_columns(&job, p, err) &&
                    read_visits(&job, err) && start_result(&job, err) && put_subjects(&job, err);
  if (good)
    call->out[0] = cm_value_table(job.result);
  else
    cm_table_unref(&job.result);
  cm__arena_free(&job.hold);
  return good;
}

CM_OP(delta_features) = {
    .name = "delta_features",
    .family = "radiomics",
    .since = "0.2",
    .summary =
        "Delta features: how every feature of a table changes over the visits of a subject, as one row a subject.",
    .details =
        "A row of the table is a visit; rows may stand in any order. Every column of numbers that is not named is a "
        "feature f and "
        "gives f_first and f_last, the values of the first and last visit that has one; f_delta = last - first; "
        "f_relative_delta = (last - first) / |first|, missing where first is 0; f_rate = (last - first) / the time "
        "between "
        "them; f_slope, the slope over time of the least-squares line through all visits that have a value. With one "
        "value "
        "only f_first and f_last are told, without one nothing is. `visits` counts the subject's rows, `span` is the "
        "time "
        "from the first to the last. Dates (text, or whole numbers such as 20240531 throughout) are turned into days. "
        "Refused: a row without subject or time, two rows of a subject at one time, infinite values, and columns of "
        "`keep` "
        "that differ between the visits of a subject. Text that is not kept is left out. Subjects stand in the order "
        "of their "
        "first rows. A visit after the event that is to be predicted must not be in the table: nothing here can know.",
    CM_OP_PARAMS(DeltaParams, params),
    CM_OP_INPUTS(inputs),
    CM_OP_OUTPUTS(outputs),
    .geometry = CM_GEOMETRY_NONE,
    .tolerance = 1e-9,
    .cite =
        "Fave X et al. Delta-radiomics features for the prediction of patient outcomes in non-small cell lung cancer. "
        "Sci Rep 7, 2017; Nardone V et al. Delta radiomics: a systematic review. Radiol Med 126, 2021",
    .examples =
        "cormack delta_features visits.csv delta.csv --subject patient --time days --keep response\n"
        "cormack delta_features features.csv delta.csv --subject Patient,label --time StudyDate --measures delta,slope",
    .check = check,
    .run = run,
};
