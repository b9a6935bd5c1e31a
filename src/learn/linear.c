#include "learn/linear.h"

#include <math.h>

#include "learn/columns.h"
#include "learn/json.h"
#include "learn/lanes.h"

static CmLinear *make(CmArena *hold, int features, int outputs, CmError **err) {
  CmLinear *linear = CM__NEW(hold, CmLinear, 1, err);
  if (!linear) return NULL;
  linear->features = features;
  linear->outputs = outputs;
  return linear;
}

CmLinear *cm__linear_create(CmArena *hold, const CmTraining *training, int outputs, CmError **err) {
  int d = training->features;
  CmLinear *linear = make(hold, d, outputs, err);
  if (!linear) return NULL;
  linear->weight = CM__NEW(hold, double, (int64_t)outputs *d, err);
  linear->intercept = CM__NEW(hold, double, outputs, err);
  linear->mean = CM__NEW(hold, double, d, err);
  linear->deviation = CM__NEW(hold, double, d, err);
  if (!linear->weight || !linear->intercept || !linear->mean || !linear->deviation) return NULL;
  if (!cm__moments(hold->ctx, training->x, training->rows, d, linear->mean, linear->deviation, err)) return NULL;
  return linear;
}

double cm__linear_score(const CmLinear *linear, const double *x, int output) {
  const double *weight = linear->weight + (int64_t)output * linear->features;
  return linear->intercept[output] + cm__lanes_dot(weight, x, linear->features);
}

bool cm__linear_finite(const CmLinear *linear, CmError **err) {
  bool finite = true;
  for (int64_t i = 0; i < (int64_t)linear->outputs * linear->features; i++)
    finite = finite && isfinite(linear->weight[i]);
  for (int o = 0; o < linear->outputs; o++) finite = finite && isfinite(linear->intercept[o]);
  if (!finite)
    cm_error_set(err, CM_ERR_DATA, "the coefficients grow without bound; penalise them more, or use scale=zscore");
  return finite;
}

double cm__sigmoid(double m) {
  return m >= 0 ? 1 / (1 + exp(-m)) : exp(m) / (1 + exp(m));
}

void cm__softmax(double *score, int count) {
  double most = score[0], total = 0;
  for (int c = 1; c < count; c++) most = fmax(most, score[c]);
  for (int c = 0; c < count; c++) total += score[c] = exp(score[c] - most);
  for (int c = 0; c < count; c++) score[c] /= total;
}

bool cm__linear_predict(const void *state, CmContext *ctx, const double *x, int64_t rows, double *to, CmError **err) {
  (void)ctx, (void)err;
  const CmLinear *linear = state;
  for (int64_t i = 0; i < rows; i++)
    for (int o = 0; o < linear->outputs; o++)
      to[i * linear->outputs + o] = cm__linear_score(linear, x + i * linear->features, o);
  return true;
}

bool cm__linear_explain(const void *state, CmContext *ctx, const double *x, int64_t rows, double *contribution,
                        CmError **err) {
  (void)ctx, (void)err;
  const CmLinear *linear = state;
  int d = linear->features;
  for (int64_t i = 0; i < rows; i++) {
    for (int o = 0; o < linear->outputs; o++) {
      double *to = contribution + (i * linear->outputs + o) * (d + 1);
      const double *weight = linear->weight + (int64_t)o * d;
      to[d] = cm__linear_score(linear, linear->mean, o);
      for (int j = 0; j < d; j++) to[j] = weight[j] * (x[i * d + j] - linear->mean[j]);
    }
  }
  return true;
}

bool cm__linear_forecast(const void *state, CmContext *ctx, const double *x, const int64_t *known, int64_t rows,
                         double *to, CmError **err) {
  (void)ctx, (void)known;
  const CmLinear *linear = state;
  const CmLinearErrors *errors = linear->errors;
  if (!errors) {
    cm_error_set(
        err, CM_ERR_UNSUPPORTED,
        "the model knows no errors, for it was trained on no more rows than features, on more than 500 features, or "
        "by an older version; select features (k_best), or train it again");
    return false;
  }
  for (int64_t i = 0; i < rows; i++, to += CM__FORECAST_WIDTH) {
    const double *row = x + i * linear->features;
    double share = 1 + 1 / errors->rows;
    for (int r = 0; r < errors->rank; r++) {
      const double *spread = errors->spread + (int64_t)r * linear->features;
      double away = 0;
      for (int j = 0; j < linear->features; j++) away += spread[j] * (row[j] - linear->mean[j]);
      share += away * away;
    }
    to[CM__FORECAST_VALUE] = cm__linear_score(linear, row, 0);
    to[CM__FORECAST_ERROR] = sqrt(errors->variance * share);
    to[CM__FORECAST_DEGREES] = errors->degrees;
  }
  return true;
}

void cm__linear_weights(const void *state, const double *scale, CmWeights *to) {
  const CmLinear *linear = state;
  to->measures = linear->standard_error ? 3 : 2;
  to->measure[2] = "standard_error";
  to->measure[0] = "coefficient";
  to->measure[1] = "standardized";
  for (int o = 0; o < linear->outputs; o++) {
    for (int j = 0; j < linear->features; j++) {
      int64_t at = (int64_t)o * linear->features + j;
      to->value[0][at] = linear->weight[at] / scale[j];
      to->value[1][at] = linear->weight[at] * linear->deviation[j];
      if (linear->standard_error) to->value[2][at] = linear->standard_error[at] / fabs(scale[j]);
    }
  }
}

static void write_errors(const CmLinearErrors *errors, int features, CmTextBuffer *json) {
  cm__text_add(json, ",\"errors\":{\"variance\":");
  cm__json_real(json, errors->variance);
  cm__text_add(json, ",\"degrees\":");
  cm__json_real(json, errors->degrees);
  cm__text_add(json, ",\"rows\":");
  cm__json_real(json, errors->rows);
  cm__text_add(json, ",\"spread\":");
  cm__json_reals(json, errors->spread, (int64_t)errors->rank * features);
  cm__text_add(json, "}");
}

void cm__linear_write(const void *state, CmTextBuffer *json) {
  const CmLinear *linear = state;
  cm__text_add(json, "{\"weight\":");
  cm__json_reals(json, linear->weight, (int64_t)linear->outputs * linear->features);
  cm__text_add(json, ",\"intercept\":");
  cm__json_reals(json, linear->intercept, linear->outputs);
  cm__text_add(json, ",\"mean\":");
  cm__json_reals(json, linear->mean, linear->features);
  cm__text_add(json, ",\"deviation\":");
  cm__json_reals(json, linear->deviation, linear->features);
  if (linear->standard_error) {
    cm__text_add(json, ",\"standard_error\":");
    cm__json_reals(json, linear->standard_error, (int64_t)linear->outputs * linear->features);
  }
  if (linear->errors) write_errors(linear->errors, linear->features, json);
  cm__text_add(json, "}");
}

static CmLinearErrors *read_errors(CmArena *hold, const json_t *json, int features, CmError **err) {
  const json_t *variance, *degrees, *rows, *spread;
  CmJsonMember members[] = {{"variance", &variance}, {"degrees", &degrees}, {"rows", &rows}, {"spread", &spread}};
  CmLinearErrors *errors = CM__NEW(hold, CmLinearErrors, 1, err);
  if (!errors || !cm__json_members(json, "predictor.errors", members, CM_COUNT(members), err) ||
      !cm__json_read_real(variance, "predictor.errors.variance", 0, &errors->variance, err) ||
      !cm__json_read_real(degrees, "predictor.errors.degrees", 1e-3, &errors->degrees, err) ||
      !cm__json_read_real(rows, "predictor.errors.rows", 1, &errors->rows, err))
    return NULL;
  const int64_t cells = (int64_t)json_array_size(spread);
  if (cells % features || cells / features > features) return cm__json_refuse(err, "predictor.errors.spread"), NULL;
  errors->rank = (int)(cells / features);
  errors->spread = cm__json_read_reals(hold, spread, "predictor.errors.spread", cells, false, err);
  return errors->spread ? errors : NULL;
}

void *cm__linear_read(CmArena *hold, const json_t *json, const CmModelShape *shape, CmError **err) {
  const json_t *weight, *intercept, *mean, *deviation, *standard_error = NULL, *errors = NULL;
  CmJsonMember members[6] = {
      {"weight", &weight}, {"intercept", &intercept}, {"mean", &mean}, {"deviation", &deviation}};
  int count = 4; /* and two that may be absent */
  if (json_object_get(json, "standard_error")) members[count++] = (CmJsonMember){"standard_error", &standard_error};
  if (json_object_get(json, "errors")) members[count++] = (CmJsonMember){"errors", &errors};
  if (!cm__json_members(json, "predictor", members, count, err)) return NULL;
  int d = shape->features;
  CmLinear *linear = make(hold, d, cm__outputs(shape->task, shape->classes), err);
  if (!linear) return NULL;
  linear->weight = cm__json_read_reals(hold, weight, "predictor.weight", (int64_t)linear->outputs * d, false, err);
  if (!linear->weight) return NULL;
  linear->intercept = cm__json_read_reals(hold, intercept, "predictor.intercept", linear->outputs, false, err);
  if (!linear->intercept) return NULL;
  linear->mean = cm__json_read_reals(hold, mean, "predictor.mean", d, false, err);
  if (!linear->mean) return NULL;
  linear->deviation = cm__json_read_reals(hold, deviation, "predictor.deviation", d, false, err);
  if (!linear->deviation) return NULL;
  if (standard_error && !(linear->standard_error = cm__json_read_reals(hold, standard_error, "predictor.standard_error",
                                                                       (int64_t)linear->outputs * d, false, err)))
    return NULL;
  return !errors || (linear->errors = read_errors(hold, errors, d, err)) ? linear : NULL;
}
