/* Intraclass correlation: how much of the variance of a measurement is between subjects. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/distribution.h"
#include "core/table_cell.h"
#include "ops/radiomics/table_keys.h"

typedef struct IccParams {
  CmText subject, measurement;
  int32_t model;
  double confidence;
} IccParams;

enum { ONE_WAY, TWO_WAY_RANDOM, TWO_WAY_MIXED };

static const CmParam params[] = {
    CM_PARAM_TEXT(IccParams, subject, "subject",
                  "columns that say together what was measured, separated by commas, as in Patient,label"),
    CM_PARAM_TEXT(IccParams, measurement, "measurement",
                  "columns that say together which measurement of it this is: the rater, the perturbation"),
    CM_PARAM_ENUM(IccParams, model, "1-1|2-1|3-1", "1-1",
                  "Shrout and Fleiss' case, of single measurements: one-way random; two-way random, absolute "
                  "agreement; two-way mixed, consistency"),
    CM_PARAM_REAL(IccParams, confidence, 0.95, 0.5, 0.9999, "1", "of the interval"),
};

static const CmPort inputs[] = {
    {.name = "table", .kind = CM_KIND_TABLE, .help = "a row per subject and measurement, a column per feature"}};
static const CmPort outputs[] = {{.name = "icc", .kind = CM_KIND_TABLE, .help = "a row per feature"}};

typedef struct Job {
  CmContext *ctx;
  const CmTable *table;
  const IccParams *p;
  bool *is_key; /* of each column */
  int64_t rows, n, k;
  int64_t *subject, *measurement; /* of each row */
  double *value;                  /* n x k, NaN: missing */
} Job;

typedef struct Result {
  double icc, low, high, within, mean; /* within: standard deviation of a subject's measurements */
  int64_t subjects;
} Result;

/* Numbers what the listed columns say of each row; such columns are no features. */
static bool number_rows(Job *job, const char *list, int64_t *number, int64_t *most, CmError **err) {
  int columns[CM_LIST_MAX], count = 0;
  if (!cm__listed_columns(job->table, list, columns, &count, err)) return false;
  if (!count) {
    cm_error_set(err, CM_ERR_PARAMETER, "subject and measurement have to name a column each");
    return false;
  }
  for (int c = 0; c < count; c++) job->is_key[columns[c]] = true;
  return cm__number_rows(job->ctx, job->table, columns, count, number, most, err);
}

static bool read_keys(Job *job, CmError **err) {
  job->is_key = cm_calloc(job->ctx, (size_t)cm_table_columns(job->table) + 1, sizeof(bool), err);
  job->subject = job->is_key ? cm_alloc_array(job->ctx, 2 * (size_t)job->rows + 1, sizeof(int64_t), err) : NULL;
  if (!job->subject) return false;
  job->measurement = job->subject + job->rows;
  if (!number_rows(job, job->p->subject.value, job->subject, &job->n, err) ||
      !number_rows(job, job->p->measurement.value, job->measurement, &job->k, err))
    return false;
  if (job->k < 2) {
    cm_error_set(err, CM_ERR_DATA, "an intraclass correlation needs two measurements of each subject; there %s %lld",
                 job->k == 1 ? "is" : "are", (long long)job->k);
    return false;
  }
  job->value = cm_alloc_array(job->ctx, (size_t)job->n, (size_t)job->k * sizeof(double), err);
  return job->value != NULL;
}

/* Two rows of one measurement of one subject would be another design. */
static bool fill(Job *job, int column, CmError **err) {
  for (int64_t i = 0; i < job->n * job->k; i++) job->value[i] = INFINITY;
  for (int64_t r = 0; r < job->rows; r++) {
    double *to = &job->value[job->subject[r] * job->k + job->measurement[r]];
    if (!isinf(*to)) {
      cm_error_set(err, CM_ERR_DATA, "row %lld repeats a measurement of a subject; let `measurement` tell them apart",
                   (long long)r + 1);
      return false;
    }
    const double value = cm__table_number(job->table, r, column);
    *to = isfinite(value) ? value : NAN;
  }
  return true;
}

/* Keeps the subjects that have every measurement; returns how many. */
static int64_t complete(Job *job) {
  int64_t kept = 0;
  for (int64_t i = 0; i < job->n; i++) {
    bool whole = true;
    for (int64_t j = 0; j < job->k; j++) whole = whole && isfinite(job->value[i * job->k + j]);
    if (whole) memmove(job->value + kept++ * job->k, job->value + i * job->k, (size_t)job->k * sizeof(double));
  }
  return kept;
}

/* Mean squares of the two-way layout: rows are subjects, columns are measurements. */
typedef struct Squares {
  double between, within, columns, error, mean;
} Squares;

static Squares mean_squares(const Job *job, int64_t n) {
  const int64_t k = job->k;
  const double *v = job->value;
  double sum = 0.0, between = 0.0, within = 0.0, columns = 0.0, error = 0.0;
  for (int64_t i = 0; i < n * k; i++) sum += v[i];
  const double mean = sum / (double)(n * k);
  for (int64_t i = 0; i < n; i++) {
    double own = 0.0;
    for (int64_t j = 0; j < k; j++) own += v[i * k + j] - mean;
    own /= (double)k;
    between += own * own;
    for (int64_t j = 0; j < k; j++) within += (v[i * k + j] - mean - own) * (v[i * k + j] - mean - own);
  }
  for (int64_t j = 0; j < k; j++) {
    double own = 0.0;
    for (int64_t i = 0; i < n; i++) own += v[i * k + j] - mean;
    columns += own / (double)n * (own / (double)n);
  }
  error = fmax(within - (double)n * columns, 0.0);
  const double others = n > 1 ? (double)(n - 1) : 1.0; /* of one subject only `within` means something */
  return (Squares){.between = (double)k * between / others,
                   .within = within / (double)(n * (k - 1)),
                   .columns = (double)n * columns / (double)(k - 1),
                   .error = error / (others * (double)(k - 1)),
                   .mean = mean};
}

/* Cases 1 and 3: F of the subjects against `rest` with df degrees of freedom (McGraw and Wong, table 7). */
static void by_ratio(double between, double rest, double n, double k, double df, double p, Result *r) {
  r->icc = r->low = r->high = 1.0;
  if (rest == 0.0) return;
  const double f = between / rest;
  r->icc = (between - rest) / (between + (k - 1.0) * rest);
  const double low = f / cm__f_quantile(p, n - 1.0, df), high = f * cm__f_quantile(p, df, n - 1.0);
  r->low = (low - 1.0) / (low + k - 1.0);
  r->high = (high - 1.0) / (high + k - 1.0);
}

/* Case 2, absolute agreement: Satterthwaite's degrees of freedom. */
static void by_agreement(const Squares *s, double n, double k, double p, Result *r) {
  r->icc = (s->between - s->error) / (s->between + (k - 1.0) * s->error + k * (s->columns - s->error) / n);
  if (r->icc >= 1.0) {
    r->low = r->high = 1.0;
    return;
  }
  const double a = k * r->icc / (n * (1.0 - r->icc)), b = 1.0 + k * r->icc * (n - 1.0) / (n * (1.0 - r->icc));
  const double top = a * s->columns + b * s->error, left = a * s->columns, right = b * s->error;
  const double v = top * top / (left * left / (k - 1.0) + right * right / ((n - 1.0) * (k - 1.0)));
  if (!(v > 0.0)) return;
  const double f1 = cm__f_quantile(p, n - 1.0, v), f2 = cm__f_quantile(p, v, n - 1.0);
  const double rest = k * s->columns + (k * n - k - n) * s->error;
  r->low = n * (s->between - f1 * s->error) / (f1 * rest + n * s->between);
  r->high = n * (f2 * s->between - s->error) / (rest + n * f2 * s->between);
}

static Result correlate(const Job *job, int64_t n) {
  const double k = (double)job->k, p = 0.5 + 0.5 * job->p->confidence;
  Result r = {.icc = NAN, .low = NAN, .high = NAN, .within = NAN, .mean = NAN, .subjects = n};
  if (n < 1) return r;
  const Squares s = mean_squares(job, n);
  r.within = sqrt(s.within);
  r.mean = s.mean;
  if (n < 2 || !(s.between + s.within > 0.0)) return r; /* all equal */
  if (job->p->model == ONE_WAY)
    by_ratio(s.between, s.within, (double)n, k, (double)n * (k - 1.0), p, &r);
  else if (job->p->model == TWO_WAY_MIXED)
    by_ratio(s.between, s.error, (double)n, k, ((double)n - 1.0) * (k - 1.0), p, &r);
  else
    by_agreement(&s, (double)n, k, p, &r);
  return r;
}

/* By the lower end of the interval (Koo and Li 2016). */
static const char *class_of(const Result *r) {
  if (!isfinite(r->low)) return NULL;
  return r->low >= 0.9 ? "excellent" : r->low >= 0.75 ? "good" : r->low >= 0.5 ? "moderate" : "poor";
}

static bool add_result(CmTable *table, const char *feature, const Job *job, const Result *r, CmError **err) {
  const int64_t row = cm_table_add_row(table, err);
  if (row < 0) return false;
  const double reals[] = {r->icc, r->low, r->high, r->within / fabs(r->mean)};
  for (int k = 0; k < 4; k++)
    if (isfinite(reals[k])) cm_table_set_real(table, row, k + 1, reals[k]);
  cm_table_set_int(table, row, 5, r->subjects);
  cm_table_set_int(table, row, 6, job->k);
  return cm_table_set_text(table, row, 0, feature, err) && cm_table_set_text(table, row, 7, class_of(r), err);
}

static CmTable *start_table(CmContext *ctx, CmError **err) {
  static const struct {
    const char *name;
    CmColumnType type;
  } columns[] = {{"feature", CM_COLUMN_TEXT},     {"icc", CM_COLUMN_REAL},        {"low", CM_COLUMN_REAL},
                 {"high", CM_COLUMN_REAL},        {"variation", CM_COLUMN_REAL},  {"subjects", CM_COLUMN_INT},
                 {"measurements", CM_COLUMN_INT}, {"reliability", CM_COLUMN_TEXT}};
  CmTable *table = cm_table_create(ctx, err);
  for (int k = 0; table && k < CM_COUNT(columns); k++)
    if (cm_table_add_column(table, columns[k].name, columns[k].type, "", err) < 0) cm_table_unref(&table);
  return table;
}

/* Nothing but gaps, as a column of names that nobody gave: no feature. */
static bool is_empty(const CmTable *table, int column) {
  for (int64_t row = 0; row < cm_table_rows(table); row++)
    if (isfinite(cm_table_real(table, row, column))) return false;
  return true;
}

static bool run(const CmCall *call, CmError **err) {
  const CmTable *given = call->in[0].table;
  Job job = {.ctx = call->ctx, .table = given, .p = call->params, .rows = cm_table_rows(given)};
  CmTable *table = start_table(call->ctx, err);
  bool good = table && read_keys(&job, err);
  for (int c = 0; good && c < cm_table_columns(given); c++) {
    if (job.is_key[c] || cm_table_column_type(given, c) == CM_COLUMN_TEXT) continue;
    if (is_empty(given, c)) {
      cm_log(call->ctx, CM_LOG_WARNING, "column «%s» has no number and is left out", cm_table_column_name(given, c));
      continue;
    }
    if (!(good = fill(&job, c, err) && !cm_context_cancelled(call->ctx, err))) break;
    const Result r = correlate(&job, complete(&job));
    good = add_result(table, cm_table_column_name(given, c), &job, &r, err);
  }
  if (good)
    call->out[0] = cm_value_table(table);
  else
    cm_table_unref(&table);
  cm_free(job.is_key);
  cm_free(job.subject);
  cm_free(job.value);
  return good;
}

CM_OP(icc) = {
    .name = "icc",
    .family = "radiomics",
    .since = "0.2",
    .summary = "Intraclass correlation of repeated measurements, with its interval, of every feature of a table.",
    .details =
        "One row of the table is one measurement of one subject; every column of numbers that is not named is a "
        "feature, unless it has none. 1-1 (one-way random: measurements are exchangeable, as perturbations are), 2-1 "
        "(two-way random, "
        "absolute agreement: the same raters, drawn from many) and 3-1 (two-way mixed, consistency: these raters, "
        "their offsets do not count), each of single measurements. Intervals are those of McGraw and Wong, table 7. "
        "Subjects without a measurement, or with one that is not a number, are left out for that feature; `subjects` "
        "counts those that are left. Missing (but for `variation`) where fewer than two are left or all values are "
        "equal; 1 where no subject "
        "varies. `variation` is the standard deviation within subjects over the absolute mean. `reliability` goes by "
        "the "
        "lower end of the interval: poor, moderate from 0.5, good from 0.75, excellent from 0.9.",
    CM_OP_PARAMS(IccParams, params),
    CM_OP_INPUTS(inputs),
    CM_OP_OUTPUTS(outputs),
    .geometry = CM_GEOMETRY_NONE,
    .tolerance = 1e-9,
    .cite =
        "Shrout PE, Fleiss JL. Intraclass correlations: uses in assessing rater reliability. Psychol Bull 86(2), 1979; "
        "McGraw KO, Wong SP. Psychol Methods 1(1), 1996; Koo TK, Li MY. J Chiropr Med 15(2), 2016",
    .examples =
        "cormack icc readers.csv icc.csv --subject Patient --measurement Reader --model 2-1\n"
        "cormack icc features.csv icc.csv --subject Patient,label --measurement perturbation",
    .run = run,
};
