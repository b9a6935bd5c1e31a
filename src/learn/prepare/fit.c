#include "learn/prepare/fit.h"

#include <math.h>
#include <string.h>

#include "cormack/parallel.h"
#include "learn/columns.h"
#include "learn/lanes.h"
#include "learn/prepare/harmony.h"
#include "learn/prepare/impute.h"
#include "learn/quantile.h"

double cm__column_mean(const double *value, int64_t rows) {
  return cm__lanes_sum(value, rows) / (double)rows;
}

double cm__column_variance(const double *value, int64_t rows, double mean) {
  return cm__lanes_squares(value, mean, rows) / (double)rows;
}

void cm__column_moments(const CmFit *fit, CmColumnFit *column) {
  column->mean = cm__column_mean(column->value, fit->rows);
  column->deviation = sqrt(cm__column_variance(column->value, fit->rows, column->mean));
}

static bool uses_imputer(const CmPrepareParams *params) {
  return params->impute == CM_IMPUTE_KNN || params->impute == CM_IMPUTE_ITERATIVE;
}

/* ---- one column -----------------------------------------------------------------------------------------------------
 */

/* What is present: the column itself where nothing is missing. */
static const double *take_present(const CmFit *fit, CmColumnFit *column, double *work) {
  int64_t n = 0;
  for (int64_t i = 0; i < fit->rows; i++) column->missing += isnan(column->value[i]);
  if (!column->missing) return column->value;
  for (int64_t i = 0; i < fit->rows; i++)
    if (!isnan(column->value[i])) work[n++] = column->value[i];
  return work;
}

static bool is_constant(const double *value, int64_t n) {
  int64_t i = 1;
  while (i < n && value[i] == value[0]) i++;
  return i >= n;
}

/* Moments and fill value; the column still has its gaps. work: 2 x rows. */
static void fit_column(const CmFit *fit, CmColumnFit *column, double *work) {
  const double *value = take_present(fit, column, work);
  int64_t n = fit->rows - column->missing;
  if (!n) {
    column->gone = CM__GONE_EMPTY;
    return;
  }
  double variance = cm__column_variance(value, n, column->mean = cm__column_mean(value, n));
  column->deviation = sqrt(variance);
  if (is_constant(value, n))
    column->gone = CM__GONE_CONSTANT;
  else if (!(variance > fit->params->min_variance))
    column->gone = CM__GONE_VARIANCE;
  bool by_mean = fit->params->impute == CM_IMPUTE_MEAN || uses_imputer(fit->params);
  column->fill = by_mean ? column->mean : cm__median_of(value, n, work + fit->rows);
}

static void fill_column(const CmFit *fit, CmColumnFit *column) {
  if (!column->missing) return;
  for (int64_t i = 0; i < fit->rows; i++)
    if (isnan(column->value[i])) column->value[i] = column->fill;
  cm__column_moments(fit, column);
}

static bool take_columns(void *arg, CmRange range, CmError **err) {
  (void)err;
  const CmFit *fit = arg;
  cm__take_columns(fit->training->x, fit->rows, fit->features, (int)range.begin, (int)(range.end - range.begin),
                   fit->column[range.begin].value);
  for (int64_t j = range.begin; j < range.end; j++)
    if (!fit->column[j].gone) fit_column(fit, &fit->column[j], fit->work + range.worker * 2 * fit->rows);
  return true;
}

static bool fill_columns(void *arg, CmRange range, CmError **err) {
  (void)err;
  const CmFit *fit = arg;
  for (int64_t j = range.begin; j < range.end; j++)
    if (!fit->column[j].gone) fill_column(fit, &fit->column[j]);
  return true;
}

/* Shift and divisor of a prepared column. */
static void fit_scale(const CmFit *fit, const CmColumnFit *column, int scale, double *center, double *divide) {
  double spread = 0;
  *center = 0;
  *divide = 1;
  if (scale == CM_SCALE_ZSCORE) {
    *center = column->mean;
    spread = column->deviation;
  } else if (scale == CM_SCALE_ROBUST || scale == CM_SCALE_MINMAX) {
    memcpy(fit->work, column->value, sizeof *column->value * (size_t)fit->rows);
    cm__sort_numbers(fit->work, fit->rows);
    bool robust = scale == CM_SCALE_ROBUST;
    *center = robust ? cm__quantile(fit->work, fit->rows, 0.5) : fit->work[0];
    spread = robust ? cm__quantile(fit->work, fit->rows, 0.75) - cm__quantile(fit->work, fit->rows, 0.25)
                    : fit->work[fit->rows - 1] - fit->work[0];
  }
  if (spread > 0) *divide = spread;
}

/* ---- missing values -------------------------------------------------------------------------------------------------
 */

static bool refuse_missing(const CmFit *fit, const CmLearnData *data, CmError **err) {
  for (int j = 0; j < fit->features; j++) {
    if (fit->column[j].gone || !fit->column[j].missing) continue;
    cm_error_set(err, CM_ERR_DATA, "\"%s\" has missing values, which this model does not take; use impute=median",
                 data->feature[j]);
    return false;
  }
  return true;
}

/* Fills from the other columns that stay so far; they are read in new rows too, whether they are kept or not. */
static bool impute(CmArena *hold, CmFit *fit, CmPrepare *prepare, CmError **err) {
  int used = 0;
  double **column = CM__NEW(fit->scratch, double *, fit->features, err);
  if (!column) return false;
  for (int j = 0; j < fit->features; j++)
    if (!fit->column[j].gone) column[used++] = fit->column[j].value;
  prepare->imputer = used ? cm__impute_fit(hold, fit->params, column, used, fit->rows, err) : NULL;
  return !used || prepare->imputer;
}

/* ---- what is kept ---------------------------------------------------------------------------------------------------
 */

static bool make_room(CmArena *hold, const CmFit *fit, const bool *read, CmPrepare *prepare, CmError **err) {
  int gaps = 0;
  for (int j = 0; j < fit->features; j++) {
    const CmColumnFit *column = &fit->column[j];
    prepare->used += read[j] || !column->gone;
    prepare->kept += !column->gone;
    gaps += !column->gone && column->missing;
  }
  if (!prepare->kept) {
    cm_error_set(err, CM_ERR_DATA,
                 "no feature is left after the preparation: all are empty, constant or below min_variance");
    return false;
  }
  prepare->width = prepare->kept + (fit->params->indicators ? gaps : 0);
  prepare->use = CM__NEW(hold, int, prepare->used, err);
  prepare->fill = CM__NEW(hold, double, prepare->used, err);
  prepare->keep = CM__NEW(hold, int, prepare->width, err);
  prepare->place = CM__NEW(hold, int, prepare->width, err);
  prepare->center = CM__NEW(hold, double, prepare->width, err);
  prepare->scale = CM__NEW(hold, double, prepare->width, err);
  return prepare->use && prepare->fill && prepare->keep && prepare->place && prepare->center && prepare->scale;
}

static void keep_column(const CmFit *fit, int j, int k, int place, int scale, const CmColumnFit *column,
                        CmPrepare *prepare) {
  prepare->keep[k] = j;
  prepare->place[k] = place;
  fit_scale(fit, column, scale, &prepare->center[k], &prepare->scale[k]);
}

/* read: columns that are read, whether they are kept or not. */
static bool store(CmArena *hold, CmFit *fit, const bool *read, bool fill, int scale, CmPrepare *prepare,
                  CmError **err) {
  CmColumnFit absent = {.value = CM__NEW(fit->scratch, double, fit->rows, err)};
  int *place = CM__NEW(fit->scratch, int, fit->features, err);
  if (!absent.value || !place || !make_room(hold, fit, read, prepare, err)) return false;
  int u = 0, k = 0, more = prepare->kept;
  for (int j = 0; j < fit->features; j++) {
    const CmColumnFit *column = &fit->column[j];
    place[j] = read[j] || !column->gone ? u : -1;
    if (place[j] < 0) continue;
    prepare->use[u] = j;
    prepare->fill[u] = fill ? column->fill : NAN;
    if (!column->gone) {
      keep_column(fit, j, k++, u, scale, column, prepare);
      if (fit->params->indicators && column->missing) {
        for (int64_t i = 0; i < fit->rows; i++) absent.value[i] = isnan(fit->training->x[i * fit->features + j]);
        cm__column_moments(fit, &absent);
        keep_column(fit, j, more++, u, scale, &absent, prepare);
      }
    }
    u++;
  }
  if (prepare->harmony) cm__harmony_place(prepare->harmony, place);
  return true;
}

/* ---- the whole ------------------------------------------------------------------------------------------------------
 */

static bool start(CmFit *fit, const CmLearnData *data, CmError **err) {
  size_t cells;
  if (!cm_size_multiply((size_t)fit->rows, (size_t)fit->features, &cells, err)) return false;
  fit->work = CM__NEW_RAW(fit->scratch, double, 2 * fit->rows * cm_context_threads(fit->scratch->ctx), err);
  fit->column = CM__NEW(fit->scratch, CmColumnFit, fit->features, err);
  double *values = CM__NEW_RAW(fit->scratch, double, cells, err);
  if (!fit->work || !fit->column || !values) return false;
  for (int j = 0; j < fit->features; j++) {
    fit->column[j].value = values + j * fit->rows;
    if (j == data->batch) fit->column[j].gone = CM__GONE_BATCH;
  }
  return cm_parallel_for(fit->scratch->ctx, NULL, fit->features, CM__PANEL, take_columns, fit, err);
}

/* Names of covariates, with commas between, to marks of features. */
static bool mark_covariates(const CmFit *fit, const CmLearnData *data, bool *covariate, CmError **err) {
  for (const char *name = fit->params->covariates.value; *name;) {
    size_t length = strcspn(name, ",");
    int found = -1;
    for (int j = 0; j < fit->features && found < 0; j++)
      if (j != data->batch && strlen(data->feature[j]) == length && !strncmp(data->feature[j], name, length)) found = j;
    if (found < 0) {
      cm_error_set(err, CM_ERR_PARAMETER, "covariates: \"%.*s\" is not among the features; name numeric columns",
                   (int)length, name);
      return false;
    }
    covariate[found] = true;
    name += length + (name[length] == ',');
  }
  return true;
}

static bool harmonise(CmArena *hold, CmFit *fit, const CmLearnData *data, bool *read, CmPrepare *prepare,
                      CmError **err) {
  bool *covariate = CM__NEW(fit->scratch, bool, fit->features, err);
  if (!covariate || !mark_covariates(fit, data, covariate, err) ||
      !(prepare->harmony = cm__harmony_fit(hold, fit, data, covariate, err)))
    return false;
  for (int j = 0; j < fit->features; j++) read[j] = read[j] || (covariate[j] && !fit->column[j].gone);
  return true;
}

bool cm__prepare_fit(CmArena *hold, const CmPrepareParams *params, const CmModelKind *kind, const CmTraining *training,
                     const CmLearnData *data, CmPrepare *prepare, CmError **err) {
  CmArena scratch = {.ctx = hold->ctx};
  bool ok = false, batch = data->batch >= 0, whole = batch || params->smote; /* these need whole rows */
  CmFit fit = {.scratch = &scratch, .params = params, .training = training};
  fit.rows = training->rows;
  fit.features = training->features;
  *prepare = (CmPrepare){.features = fit.features, .along_time = data->along_time};
  if (prepare->along_time && !(prepare->time = cm__arena_strdup(hold, data->time_column, err))) return false;
  bool leave = params->impute == CM_IMPUTE_NONE || params->impute == CM_IMPUTE_DROP ||
               (params->impute == CM_IMPUTE_AUTO && kind->takes_missing && !whole);
  bool *read = CM__NEW(&scratch, bool, fit.features, err);
  if (!read || !start(&fit, data, err)) goto done;
  if (leave && (whole || !kind->takes_missing) && !refuse_missing(&fit, data, err)) goto done;
  for (int j = 0; j < fit.features; j++) read[j] = uses_imputer(params) && !fit.column[j].gone;
  if (uses_imputer(params) && !impute(hold, &fit, prepare, err)) goto done;
  if (!cm_parallel_for(scratch.ctx, NULL, fit.features, 1, fill_columns, &fit, err)) goto done;
  if (batch && !harmonise(hold, &fit, data, read, prepare, err)) goto done;
  if (!cm__select(&fit, err)) goto done;
  int scale = params->scale != CM_SCALE_AUTO ? params->scale : kind->wants_scaling ? CM_SCALE_ZSCORE : CM_SCALE_NONE;
  ok = store(hold, &fit, read, !leave, scale, prepare, err) && cm__fit_notes(hold, &fit, data, !leave, prepare, err);
done:
  cm__arena_free(&scratch);
  return ok;
}
