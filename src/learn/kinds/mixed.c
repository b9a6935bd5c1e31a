/* Linear regression in which subjects differ by chance: mixed effects. */
#include "learn/mixed.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "learn/dense.h"
#include "learn/json.h"
#include "learn/linear.h"

enum { METHOD_REML, METHOD_ML };

typedef struct MixedParams {
  CmText slope;
  int32_t method;
} MixedParams;

static const CmParam params_table[] = {
    CM_PARAM_TEXT(MixedParams, slope, "",
                  "feature, such as the time since the first visit, on which each subject has a slope of its own"),
    CM_PARAM_ENUM(MixedParams, method, "reml|ml", "reml",
                  "likelihood that is maximised: the restricted one, or all of it"),
};

/* Effects are of z: 1 and the feature `slope`, as it is after preparation; fixed ones of 1 and the standardised rows.
 */
typedef struct MixedModel {
  CmLinear *linear;
  int random, slope; /* slope: a feature; 0 where random is 1 */
  int64_t groups;
  const char **name;                                /* of each group, rising */
  double variance, log_likelihood, between, within; /* degrees of freedom of the two variances */
  double *covariance;                               /* of effects: random x random */
  double *effect, *rest, *lever;                    /* of each group, as in CmMixed */
  double *factor;                                   /* (features + 1)^2, as in CmMixed */
} MixedModel;

/* ---- fitting --------------------------------------------------------------------------------------------------------
 */

typedef struct Named {
  const char *name;
  int64_t subject;
} Named;

static int by_name(const void *a, const void *b) {
  return strcmp(((const Named *)a)->name, ((const Named *)b)->name);
}

static int by_subject(const void *a, const void *b) {
  const Named *p = a, *q = b;
  return (p->subject > q->subject) - (p->subject < q->subject);
}

/* Groups by the names of the subjects; the place of each row's. */
static bool name_groups(CmArena *hold, CmArena *scratch, const CmTraining *t, MixedModel *m, int64_t *group,
                        CmError **err) {
  Named *named = CM__NEW(scratch, Named, t->rows, err);
  m->name = CM__NEW(hold, const char *, t->rows, err);
  if (!named || !m->name) return false;
  for (int64_t i = 0; t->subject_name && i < t->rows; i++)
    named[i] = (Named){t->subject_name[t->subject[i]], t->subject[i]};
  if (t->subject_name) qsort(named, (size_t)t->rows, sizeof *named, by_subject);
  for (int64_t i = 0; t->subject_name && i < t->rows; i++)
    if (i == 0 || named[i].subject != named[i - 1].subject) named[m->groups++] = named[i];
  if (m->groups < 2 || m->groups == t->rows) {
    cm_error_set(err, CM_ERR_DATA, "%s; mixed needs two subjects or more with several rows",
                 m->groups == t->rows ? "each subject has one row"
                 : m->groups          ? "there is one subject"
                                      : "no column of the subject is named (--subject)");
    return false;
  }
  qsort(named, (size_t)m->groups, sizeof *named, by_name);
  for (int64_t g = 0; g < m->groups; g++)
    if (!(m->name[g] = cm__arena_strdup(hold, named[g].name, err))) return false;
  for (int64_t i = 0; i < t->rows; i++) {
    const Named key = {.name = t->subject_name[t->subject[i]]};
    group[i] = (Named *)bsearch(&key, named, (size_t)m->groups, sizeof *named, by_name) - named;
  }
  return true;
}

static bool find_slope(const CmTraining *t, const char *name, MixedModel *m, CmError **err) {
  m->random = *name ? 2 : 1;
  for (m->slope = 0; *name && m->slope < t->features; m->slope++)
    if (!strcmp(t->name[m->slope], name)) return true;
  if (!*name) return true;
  const char *near = cm_nearest_name(name, t->name, t->features);
  cm_error_set(
      err, CM_ERR_MISSING,
      "slope: \"%s\" is no feature of the model%s%s%s; name a column of numbers that has no other role, and that the "
      "preparation keeps",
      name, near ? ", did you mean \"" : "", near ? near : "", near ? "\"?" : "");
  return false;
}

static double width_of(const CmLinear *linear, int feature) {
  return linear->deviation[feature] > 0 ? linear->deviation[feature] : 1;
}

/* 1 and the standardised features. */
static void standardise(const CmLinear *linear, const double *x, double *to) {
  to[0] = 1;
  for (int j = 0; j < linear->features; j++) to[1 + j] = (x[j] - linear->mean[j]) / width_of(linear, j);
}

/* turn: what the effects are on 1 and the feature itself, from those on 1 and the standardised feature; to = turn from.
 */
static void turn(const MixedModel *m, double *from, int count) {
  if (m->random < 2) return;
  double width = width_of(m->linear, m->slope), middle = m->linear->mean[m->slope];
  for (int c = 0; c < count; c++) {
    double slope = from[count + c] / width;
    from[c] -= middle * slope;
    from[count + c] = slope;
  }
}

static void turn_square(const MixedModel *m, double *a) {
  int q = m->random;
  turn(m, a, q);
  for (int i = 0; i < q; i++)
    for (int j = 0; j < i; j++) {
      double other = a[i * q + j];
      a[i * q + j] = a[j * q + i];
      a[j * q + i] = other;
    }
  turn(m, a, q);
}

/* Takes over what was fitted to standardised rows. */
static bool take(CmArena *hold, const CmMixedData *data, CmMixed *fitted, double mean, MixedModel *m, CmError **err) {
  CmLinear *linear = m->linear;
  int d = linear->features, p = d + 1, q = m->random;
  double *unit = CM__NEW(hold, double, p, err);
  m->covariance = CM__NEW(hold, double, q *q, err);
  linear->standard_error = CM__NEW(hold, double, d, err);
  if (!unit || !m->covariance || !linear->standard_error) return false;
  m->variance = fitted->variance;
  m->log_likelihood = fitted->log_likelihood;
  linear->intercept[0] = mean + fitted->b[0];
  for (int j = 0; j < d; j++) {
    linear->weight[j] = fitted->b[1 + j] / width_of(linear, j);
    linear->intercept[0] -= linear->weight[j] * linear->mean[j];
    if (data->reml) m->log_likelihood -= log(width_of(linear, j)); /* the restricted one depends on the units */
    memset(unit, 0, sizeof *unit * (size_t)p);
    unit[1 + j] = 1;
    cm__cholesky_forward(fitted->factor, p, unit);
    double square = 0;
    for (int k = 0; k < p; k++) square += unit[k] * unit[k];
    linear->standard_error[j] = sqrt(m->variance * square) / width_of(linear, j);
  }
  for (int i = 0; i < q * q; i++) m->covariance[i] = m->variance * fitted->share[i];
  turn_square(m, m->covariance);
  for (int64_t g = 0; g < m->groups; g++) {
    turn(m, fitted->effect + g * q, 1);
    turn(m, fitted->lever + g * q * p, p);
    turn_square(m, fitted->rest + g * q * q);
  }
  m->effect = fitted->effect;
  m->lever = fitted->lever;
  m->rest = fitted->rest;
  m->factor = fitted->factor;
  m->between = (double)(m->groups - 1);
  m->within = fmax(1, (double)(data->rows - m->groups - d));
  return cm__linear_finite(linear, err);
}

static void *fit(CmArena *hold, const CmTraining *t, const void *params, CmError **err) {
  const MixedParams *p = params;
  CmArena scratch = {.ctx = hold->ctx};
  CmMixed fitted;
  MixedModel *m = CM__NEW(hold, MixedModel, 1, err), *result = NULL;
  int64_t *group = CM__NEW(&scratch, int64_t, t->rows, err);
  double *x = CM__NEW(&scratch, double, t->rows *(t->features + 1), err), *y = CM__NEW(&scratch, double, t->rows, err);
  if (!m || !group || !x || !y || !find_slope(t, p->slope.value, m, err) ||
      !(m->linear = cm__linear_create(hold, t, 1, err)) || !name_groups(hold, &scratch, t, m, group, err))
    goto done;
  double mean = 0;
  for (int64_t i = 0; i < t->rows; i++) mean += t->value[i] / (double)t->rows;
  for (int64_t i = 0; i < t->rows; i++) {
    standardise(m->linear, t->x + i * t->features, x + i * (t->features + 1));
    y[i] = t->value[i] - mean;
  }
  const CmMixedData data = {.rows = t->rows,
                            .groups = m->groups,
                            .fixed = t->features + 1,
                            .random = m->random,
                            .slope = m->slope + 1,
                            .x = x,
                            .y = y,
                            .group = group,
                            .reml = p->method == METHOD_REML};
  if (cm__mixed_fit(hold, &data, &fitted, err) && take(hold, &data, &fitted, mean, m, err)) result = m;
done:
  cm__arena_free(&scratch);
  return result;
}

/* ---- applying -------------------------------------------------------------------------------------------------------
 */

static bool predict_rows(const void *state, CmContext *ctx, const double *x, int64_t rows, double *to, CmError **err) {
  return cm__linear_predict(((const MixedModel *)state)->linear, ctx, x, rows, to, err);
}

static bool explain(const void *state, CmContext *ctx, const double *x, int64_t rows, double *contribution,
                    CmError **err) {
  return cm__linear_explain(((const MixedModel *)state)->linear, ctx, x, rows, contribution, err);
}

static void weights(const void *state, const double *scale, CmWeights *to) {
  cm__linear_weights(((const MixedModel *)state)->linear, scale, to);
}

static int compare_name(const void *key, const void *item) {
  return strcmp(key, *(const char *const *)item);
}

static int64_t known_group(const void *state, const char *subject) {
  const MixedModel *m = state;
  const char **found = bsearch(subject, m->name, (size_t)m->groups, sizeof *m->name, compare_name);
  return found ? found - m->name : -1;
}

/* z' a z */
static double square_of(const double *a, const double *z, int q) {
  double sum = 0;
  for (int i = 0; i < q; i++)
    for (int j = 0; j < q; j++) sum += z[i] * a[i * q + j] * z[j];
  return sum;
}

/* One row; a: room for features + 1. The error is that of the effects and coefficients, and of a measurement; degrees
 * of freedom after Satterthwaite (1946), as if the first followed the subjects and the second the rows. */
static void forecast_row(const MixedModel *m, const double *x, int64_t g, double *a, double *to) {
  const int q = m->random, p = m->linear->features + 1;
  const double z[CM__MOST_EFFECTS] = {1, q > 1 ? x[m->slope] : 0};
  double value = cm__linear_score(m->linear, x, 0), between;
  standardise(m->linear, x, a);
  if (g >= 0) {
    const double *lever = m->lever + g * q * p;
    between = m->variance * square_of(m->rest + g * q * q, z, q);
    for (int i = 0; i < q; i++) {
      value += z[i] * m->effect[g * q + i];
      for (int j = 0; j < p; j++) a[j] -= lever[(int64_t)i * p + j] * z[i];
    }
  } else {
    between = square_of(m->covariance, z, q);
  }
  cm__cholesky_forward(m->factor, p, a);
  for (int j = 0; j < p; j++) between += m->variance * a[j] * a[j];
  between = fmax(between, 0); /* below by rounding alone */
  const double all = between + m->variance;
  to[CM__FORECAST_VALUE] = value;
  to[CM__FORECAST_ERROR] = sqrt(all);
  to[CM__FORECAST_DEGREES] =
      all > 0 ? all * all / (between * between / m->between + m->variance * m->variance / m->within) : m->within;
}

static bool forecast(const void *state, CmContext *ctx, const double *x, const int64_t *known, int64_t rows, double *to,
                     CmError **err) {
  const MixedModel *m = state;
  CmArena scratch = {.ctx = ctx};
  double *a = CM__NEW(&scratch, double, m->linear->features + 1, err);
  for (int64_t i = 0; a && i < rows; i++)
    forecast_row(m, x + i * m->linear->features, known ? known[i] : -1, a, to + i * CM__FORECAST_WIDTH);
  cm__arena_free(&scratch);
  return a != NULL;
}

/* ---- the file -------------------------------------------------------------------------------------------------------
 */

static void write_state(const void *state, CmTextBuffer *json) {
  const MixedModel *m = state;
  const int64_t q = m->random, p = m->linear->features + 1;
  const struct {
    const char *name;
    const double *value;
    int64_t count;
  } parts[] = {{"covariance", m->covariance, q * q},
               {"effect", m->effect, m->groups * q},
               {"rest", m->rest, m->groups * q * q},
               {"lever", m->lever, m->groups * q * p},
               {"factor", m->factor, p * p}};
  cm__text_addf(json, "{\"random\":%d,\"slope\":%d,\"variance\":", m->random, m->slope);
  cm__json_real(json, m->variance);
  cm__text_add(json, ",\"log_likelihood\":");
  cm__json_real(json, m->log_likelihood);
  cm__text_add(json, ",\"degrees\":");
  cm__json_reals(json, (const double[]){m->between, m->within}, 2);
  cm__text_add(json, ",\"subjects\":[");
  for (int64_t g = 0; g < m->groups; g++) {
    cm__text_add(json, g ? "," : "");
    cm__text_add_json(json, m->name[g]);
  }
  cm__text_add(json, "]");
  for (int i = 0; i < CM_COUNT(parts); i++) {
    cm__text_addf(json, ",\"%s\":", parts[i].name);
    cm__json_reals(json, parts[i].value, parts[i].count);
  }
  cm__text_add(json, ",\"linear\":");
  cm__linear_write(m->linear, json);
  cm__text_add(json, "}");
}

/* Names rise, so that a subject is found, and there once. */
static bool read_names(CmArena *hold, const json_t *json, MixedModel *m, CmError **err) {
  m->groups = (int64_t)json_array_size(json);
  m->name = CM__NEW(hold, const char *, m->groups, err);
  if (!json_is_array(json) || !m->groups) return cm__json_refuse(err, "predictor.subjects");
  for (int64_t g = 0; m->name && g < m->groups; g++) {
    const json_t *item = json_array_get(json, (size_t)g);
    const char *name = json_string_value(item);
    if (!name || strlen(name) != json_string_length(item) || (g && strcmp(m->name[g - 1], name) >= 0))
      return cm__json_refuse(err, "predictor.subjects");
    if (!(m->name[g] = cm__arena_strdup(hold, name, err))) return false;
  }
  return m->name != NULL;
}

static bool read_arrays(CmArena *hold, const json_t *const array[5], MixedModel *m, CmError **err) {
  static const char *const where[] = {"predictor.covariance", "predictor.effect", "predictor.rest", "predictor.lever",
                                      "predictor.factor"};
  const int64_t q = m->random, p = m->linear->features + 1;
  double **to[] = {&m->covariance, &m->effect, &m->rest, &m->lever, &m->factor};
  const int64_t count[] = {q * q, m->groups * q, m->groups * q * q, m->groups * q * p, p * p};
  for (int i = 0; i < CM_COUNT(to); i++)
    if (!(*to[i] = cm__json_read_reals(hold, array[i], where[i], count[i], false, err))) return false;
  for (int64_t j = 0; j < p; j++)
    if (!(m->factor[j * p + j] > 0)) return cm__json_refuse(err, "predictor.factor");
  return true;
}

static void *read_state(CmArena *hold, const json_t *json, const CmModelShape *shape, CmError **err) {
  const json_t *random, *slope, *variance, *likelihood, *degrees, *subjects, *linear, *array[5];
  CmJsonMember members[] = {
      {"random", &random},   {"slope", &slope},       {"variance", &variance}, {"log_likelihood", &likelihood},
      {"degrees", &degrees}, {"subjects", &subjects}, {"linear", &linear},     {"covariance", &array[0]},
      {"effect", &array[1]}, {"rest", &array[2]},     {"lever", &array[3]},    {"factor", &array[4]}};
  if (!cm__json_members(json, "predictor", members, CM_COUNT(members), err)) return NULL;
  MixedModel *m = CM__NEW(hold, MixedModel, 1, err);
  if (!m || !cm__json_read_real(variance, "predictor.variance", 0, &m->variance, err) ||
      !cm__json_read_real(likelihood, "predictor.log_likelihood", -INFINITY, &m->log_likelihood, err))
    return NULL;
  const int64_t effects = json_integer_value(random), at = json_integer_value(slope);
  if (!json_is_integer(random) || effects < 1 || effects > CM__MOST_EFFECTS || !json_is_integer(slope) || at < 0 ||
      at >= shape->features)
    return cm__json_refuse(err, "predictor.slope"), NULL;
  m->random = (int)effects;
  m->slope = (int)at;
  double *freedom = cm__json_read_reals(hold, degrees, "predictor.degrees", 2, false, err);
  if (!freedom) return NULL;
  if (!(freedom[0] >= 1) || !(freedom[1] >= 1)) return cm__json_refuse(err, "predictor.degrees"), NULL;
  m->between = freedom[0];
  m->within = freedom[1];
  bool ok = (m->linear = cm__linear_read(hold, linear, shape, err)) && read_names(hold, subjects, m, err) &&
            read_arrays(hold, array, m, err);
  return ok ? m : NULL;
}

CM_MODEL_KIND(mixed) = {
    .kind = {.about =
                 {.name = "mixed",
                  .family = "model",
                  .since = "0.2",
                  .summary = "Linear mixed effects: subjects with several rows differ by chance.",
                  .details =
                      "Coefficients are the same for all; each subject has an intercept of its own, and with `slope` a "
                      "slope on one feature, drawn from a normal law whose variances and covariance are estimated by "
                      "restricted maximum likelihood. A subject that was trained on is predicted by what is known of "
                      "it (best linear unbiased prediction) where the table has the subject's column, a new one by "
                      "the coefficients alone; so it is in a validation, and contributions are to that. Forecasts "
                      "have intervals: «cormack predict --interval 0.95». Needs the column of the subject.",
                  CM_OP_PARAMS(MixedParams, params_table),
                  .cite = "Laird, Ware: Random-effects models for longitudinal data, Biometrics 38, 1982; Bates, "
                          "Maechler, Bolker, Walker, J. Stat. Softw. 67, 2015"},
             .tasks = 1u << CM_TASK_REGRESSION,
             .explains_rows = true},
    .fit = fit,
    .predict = predict_rows,
    .forecast = forecast,
    .known = known_group,
    .explain = explain,
    .weights = weights,
    .write = write_state,
    .read = read_state,
};
