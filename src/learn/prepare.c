#include "learn/prepare.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "learn/json.h"
#include "learn/quantile.h"

static const CmParam params_table[] = {
    CM_PARAM_ENUM(CmPrepareParams, impute, "auto|median|mean|none", "auto",
                  "how missing values are filled; auto: median, or left to models that take them"),
    CM_PARAM_ENUM(CmPrepareParams, scale, "auto|none|zscore|robust", "auto",
                  "how features are scaled; auto: zscore for models by distance or weight, else none"),
    CM_PARAM_REAL(CmPrepareParams, min_variance, 0, 0, 1e300, "", "columns with no more variance than this go"),
    CM_PARAM_REAL(CmPrepareParams, max_correlation, 1, 0, 1, "1",
                  "of two columns with a larger absolute correlation the later goes; 1 keeps all"),
    CM_PARAM_INT(CmPrepareParams, k_best, 0, 0, 1000000, "",
                 "how many columns stay, by ANOVA F (regression: by F of the slope); 0 keeps all"),
};

static const CmOp about = {
    .name = "prepare",
    .family = "learn",
    .since = "0.1",
    .summary = "Fill, select and scale features, fitted on training rows only.",
    .details =
        "Order: columns without values or variance go; missing values are filled; correlated columns go; the best by "
        "ANOVA F stay; what "
        "stays is scaled. zscore: (x - mean) / population standard deviation. robust: (x - median) / (third - first "
        "quartile).",
    CM_OP_PARAMS(CmPrepareParams, params_table),
};
const CmOp *cm_prepare_about(void) {
  return &about;
}

static double mean_of(const double *value, int64_t n) {
  double sum = 0;
  for (int64_t i = 0; i < n; i++) sum += value[i];
  return sum / (double)n;
}

static double variance_of(const double *value, int64_t n, double mean) {
  double sum = 0;
  for (int64_t i = 0; i < n; i++) sum += (value[i] - mean) * (value[i] - mean);
  return sum / (double)n;
}

/* One column while the preparation is fitted. */
typedef struct CmColumnFit {
  double *value; /* filled; sorted copies are made where needed */
  double fill, mean, deviation, score;
  bool kept;
} CmColumnFit;

typedef struct CmFit {
  const CmPrepareParams *params;
  const CmTraining *training;
  const double *x;
  int64_t rows;
  int features;
  bool fill;
  double *scratch;
  CmColumnFit *column;
} CmFit;

/* Variance, fill value, and the filled column. */
static void fit_column(CmFit *fit, int j) {
  CmColumnFit *column = &fit->column[j];
  double *present = fit->scratch;
  int64_t n = 0;
  for (int64_t i = 0; i < fit->rows; i++) {
    double value = fit->x[i * fit->features + j];
    column->value[i] = value;
    if (!isnan(value)) present[n++] = value;
  }
  if (!n) return;
  double mean = mean_of(present, n), variance = variance_of(present, n, mean);
  cm__sort_numbers(present, n);
  column->kept = present[0] < present[n - 1] && variance > fit->params->min_variance;
  column->fill = fit->params->impute == CM_IMPUTE_MEAN ? mean : cm__quantile(present, n, 0.5);
  for (int64_t i = 0; i < fit->rows; i++)
    if (isnan(column->value[i])) column->value[i] = column->fill;
  column->mean = mean_of(column->value, fit->rows);
  column->deviation = sqrt(variance_of(column->value, fit->rows, column->mean));
}

static void drop_correlated(CmFit *fit) {
  if (fit->params->max_correlation >= 1) return;
  for (int j = 1; j < fit->features; j++) {
    CmColumnFit *b = &fit->column[j];
    for (int k = 0; k < j && b->kept; k++) {
      const CmColumnFit *a = &fit->column[k];
      if (!a->kept) continue;
      double sum = 0;
      for (int64_t i = 0; i < fit->rows; i++) sum += (a->value[i] - a->mean) * (b->value[i] - b->mean);
      double r = sum / ((double)fit->rows * a->deviation * b->deviation);
      if (fabs(r) > fit->params->max_correlation) b->kept = false;
    }
  }
}

/* F of the one-way analysis of variance (Fisher 1925): between / within, each by its degrees of freedom. */
static double anova_f(const CmFit *fit, const CmColumnFit *column) {
  double between = 0, within = 0;
  int present = 0;
  const int *y = fit->training->y;
  for (int c = 0; c < fit->training->classes; c++) {
    double sum = 0;
    int64_t n = 0;
    for (int64_t i = 0; i < fit->rows; i++) {
      if (y[i] != c) continue;
      sum += column->value[i] - column->mean;
      n++;
    }
    if (!n) continue;
    present++;
    double shift = sum / (double)n;
    between += (double)n * shift * shift;
    for (int64_t i = 0; i < fit->rows; i++) {
      double rest = column->value[i] - column->mean - shift;
      if (y[i] == c) within += rest * rest;
    }
  }
  if (present < 2 || fit->rows <= present) return 0;
  return within > 0 ? between / (present - 1) / (within / (double)(fit->rows - present)) : INFINITY;
}

/* F of the slope of a line through column and target: r^2 / (1 - r^2) (n - 2). */
static double slope_f(const CmFit *fit, const CmColumnFit *column) {
  const double *value = fit->training->value;
  double mean = mean_of(value, fit->rows), sum = 0;
  for (int64_t i = 0; i < fit->rows; i++) sum += (column->value[i] - column->mean) * (value[i] - mean);
  double r = sum / ((double)fit->rows * column->deviation * sqrt(variance_of(value, fit->rows, mean)));
  return r * r < 1 ? r * r / (1 - r * r) * (double)(fit->rows - 2) : INFINITY;
}

static bool can_score(const CmFit *fit, CmError **err) {
  if (fit->training->classes || fit->training->task == CM_TASK_REGRESSION) return true;
  cm_error_set(err, CM_ERR_UNSUPPORTED, "k_best: columns are not compared with a %s target; leave it 0",
               cm_learn_task_name(fit->training->task));
  return false;
}

static void keep_best(CmFit *fit) {
  int kept = 0;
  for (int j = 0; j < fit->features; j++) {
    if (!fit->column[j].kept) continue;
    fit->column[j].score = (fit->training->classes ? anova_f : slope_f)(fit, &fit->column[j]);
    kept++;
  }
  for (; kept > fit->params->k_best; kept--) { /* the worst goes; of equals the last */
    int worst = -1;
    for (int j = 0; j < fit->features; j++)
      if (fit->column[j].kept && (worst < 0 || fit->column[j].score <= fit->column[worst].score)) worst = j;
    fit->column[worst].kept = false;
  }
}

static void fit_scale(CmFit *fit, int j, int scale, double *center, double *divide) {
  const CmColumnFit *column = &fit->column[j];
  *center = 0;
  *divide = 1;
  if (scale == CM_SCALE_ZSCORE) {
    *center = column->mean;
    if (column->deviation > 0) *divide = column->deviation;
  } else if (scale == CM_SCALE_ROBUST) {
    memcpy(fit->scratch, column->value, sizeof(double) * (size_t)fit->rows);
    cm__sort_numbers(fit->scratch, fit->rows);
    *center = cm__quantile(fit->scratch, fit->rows, 0.5);
    double range = cm__quantile(fit->scratch, fit->rows, 0.75) - cm__quantile(fit->scratch, fit->rows, 0.25);
    if (range > 0) *divide = range;
  }
}

static bool refuse_missing(const CmFit *fit, const char *const *names, CmError **err) {
  for (int64_t i = 0; i < fit->rows; i++) {
    for (int j = 0; j < fit->features; j++) {
      if (!fit->column[j].kept || !isnan(fit->x[i * fit->features + j])) continue;
      cm_error_set(err, CM_ERR_DATA, "\"%s\" has missing values, which this model does not take; use impute=median",
                   names[j]);
      return false;
    }
  }
  return true;
}

static bool store(CmArena *hold, CmFit *fit, int scale, CmPrepare *prepare, CmError **err) {
  int kept = 0;
  for (int j = 0; j < fit->features; j++) kept += fit->column[j].kept;
  if (!kept) {
    cm_error_set(err, CM_ERR_DATA,
                 "no feature is left after the preparation: all are empty, constant or below min_variance");
    return false;
  }
  *prepare = (CmPrepare){.features = fit->features};
  prepare->keep = CM__NEW(hold, int, kept, err);
  prepare->fill = CM__NEW(hold, double, kept, err);
  prepare->center = CM__NEW(hold, double, kept, err);
  prepare->scale = CM__NEW(hold, double, kept, err);
  if (!prepare->keep || !prepare->fill || !prepare->center || !prepare->scale) return false;
  for (int j = 0; j < fit->features; j++) {
    if (!fit->column[j].kept) continue;
    int k = prepare->kept++;
    prepare->keep[k] = j;
    prepare->fill[k] = fit->fill ? fit->column[j].fill : NAN;
    fit_scale(fit, j, scale, &prepare->center[k], &prepare->scale[k]);
  }
  return true;
}

bool cm__prepare_fit(CmArena *hold, const CmPrepareParams *params, const CmModelKind *kind, const CmTraining *training,
                     const char *const *names, CmPrepare *prepare, CmError **err) {
  CmArena scratch = {.ctx = hold->ctx};
  bool ok = false;
  int64_t rows = training->rows;
  int features = training->features;
  CmFit fit = {.params = params, .training = training, .x = training->x, .rows = rows, .features = features};
  fit.fill = params->impute != CM_IMPUTE_NONE && !(params->impute == CM_IMPUTE_AUTO && kind->takes_missing);
  fit.scratch = CM__NEW(&scratch, double, rows, err);
  fit.column = CM__NEW(&scratch, CmColumnFit, features, err);
  size_t cells;
  if (!fit.scratch || !fit.column || !cm_size_multiply((size_t)rows, (size_t)features, &cells, err)) goto done;
  double *values = CM__NEW(&scratch, double, cells, err);
  if (!values) goto done;
  for (int j = 0; j < features; j++) {
    fit.column[j].value = values + j * rows;
    fit_column(&fit, j);
  }
  if (!fit.fill && !kind->takes_missing && !refuse_missing(&fit, names, err)) goto done;
  drop_correlated(&fit);
  if (params->k_best && !can_score(&fit, err)) goto done;
  if (params->k_best) keep_best(&fit);
  int scale = params->scale != CM_SCALE_AUTO ? params->scale : kind->wants_scaling ? CM_SCALE_ZSCORE : CM_SCALE_NONE;
  ok = store(hold, &fit, scale, prepare, err);
done:
  cm__arena_free(&scratch);
  return ok;
}

void cm__prepare_apply(const CmPrepare *prepare, const double *x, int64_t rows, double *to) {
  for (int64_t i = 0; i < rows; i++) {
    for (int k = 0; k < prepare->kept; k++) {
      double value = x[i * prepare->features + prepare->keep[k]];
      if (isnan(value)) value = prepare->fill[k];
      to[i * prepare->kept + k] = (value - prepare->center[k]) / prepare->scale[k];
    }
  }
}

void cm__prepare_write(const CmPrepare *prepare, CmTextBuffer *json) {
  cm__text_add(json, "{\"keep\":");
  cm__json_ints(json, prepare->keep, prepare->kept);
  cm__text_add(json, ",\"fill\":");
  cm__json_reals(json, prepare->fill, prepare->kept);
  cm__text_add(json, ",\"center\":");
  cm__json_reals(json, prepare->center, prepare->kept);
  cm__text_add(json, ",\"scale\":");
  cm__json_reals(json, prepare->scale, prepare->kept);
  cm__text_add(json, "}");
}

bool cm__prepare_read(CmArena *hold, const json_t *json, int features, CmPrepare *prepare, CmError **err) {
  *prepare = (CmPrepare){.features = features};
  const json_t *keep, *fill, *center, *scale;
  CmJsonMember members[] = {{"keep", &keep}, {"fill", &fill}, {"center", &center}, {"scale", &scale}};
  if (!cm__json_members(json, "prepare", members, CM_COUNT(members), err)) return false;
  int64_t kept = (int64_t)json_array_size(keep);
  if (!json_is_array(keep) || kept < 1 || kept > features) return cm__json_refuse(err, "prepare.keep");
  prepare->kept = (int)kept;
  prepare->keep = cm__json_read_ints(hold, keep, "prepare.keep", kept, 0, features - 1, err);
  prepare->fill = cm__json_read_reals(hold, fill, "prepare.fill", kept, true, err);
  prepare->center = cm__json_read_reals(hold, center, "prepare.center", kept, false, err);
  prepare->scale = cm__json_read_reals(hold, scale, "prepare.scale", kept, false, err);
  if (!prepare->keep || !prepare->fill || !prepare->center || !prepare->scale) return false;
  for (int k = 0; k < prepare->kept; k++)
    if (!(prepare->scale[k] > 0) || (k && prepare->keep[k] <= prepare->keep[k - 1]))
      return cm__json_refuse(err, "prepare");
  return true;
}
