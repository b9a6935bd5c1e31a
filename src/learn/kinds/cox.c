/* Cox proportional hazards. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "learn/dense.h"
#include "learn/json.h"
#include "learn/linear.h"
#include "learn/newton.h"

#define MOST_ERRORS 500 /* features */
#define LEAST_LEFT 1e-6 /* of a sum from which parts are taken */

enum { TIES_EFRON, TIES_BRESLOW };

typedef struct CoxParams {
  double alpha;
  int32_t ties;
} CoxParams;

static const CmParam params_table[] = {
    CM_PARAM_REAL(CoxParams, alpha, 0, 0, 1e12, "",
                  "squares of the coefficients times half of this are added to the negative log-likelihood"),
    CM_PARAM_ENUM(CoxParams, ties, "efron|breslow", "efron", "how events at the same time are counted"),
};

typedef struct Cox {
  CmLinear *linear; /* score of the mean row: 0 */
  int64_t times;
  double follow_up;      /* the last time in training, with or without an event */
  double log_likelihood; /* partial, without the penalty; NaN: by an older version */
  double *time,
      *hazard; /* of each event, rising; cumulated baseline hazard (Breslow 1974) of the mean row from then on */
} Cox;

/* ---- partial likelihood ---------------------------------------------------------------------------------------------
 */

typedef struct Cohort {
  const CmTraining *training;
  const double *mean;
  double alpha;
  int ties;
  int64_t *order;             /* rows by falling time */
  int64_t *leaving;           /* places in `order` by falling start; NULL: all start at 0 */
  double *score;              /* rows, of the ordered ones */
  double *first, *second;     /* sums over those at risk: features; features x features, lower triangle */
  double *tied, *tied_second; /* of those whose event is at this time */
  double *x;                  /* features */
} Cohort;

typedef struct Moment {
  double time;
  int64_t row;
} Moment;

static int later_first(const void *a, const void *b) {
  const Moment *p = a, *q = b;
  if (p->time != q->time) return p->time > q->time ? -1 : 1;
  return p->row < q->row ? -1 : p->row > q->row;
}

/* Going back in time rows leave where they start. */
static bool order_starts(CmArena *scratch, const CmTraining *t, Moment *moment, Cohort *c, CmError **err) {
  if (!t->start) return true;
  c->leaving = CM__NEW(scratch, int64_t, t->rows, err);
  if (!c->leaving) return false;
  for (int64_t i = 0; i < t->rows; i++) moment[i] = (Moment){t->start[c->order[i]], i};
  qsort(moment, (size_t)t->rows, sizeof *moment, later_first);
  for (int64_t i = 0; i < t->rows; i++) c->leaving[i] = moment[i].row;
  return true;
}

static bool make_cohort(CmArena *scratch, const CmTraining *t, Cohort *c, CmError **err) {
  size_t cells;
  int64_t d = t->features;
  if (!cm_size_multiply((size_t)d, (size_t)d, &cells, err)) return false;
  Moment *moment = CM__NEW(scratch, Moment, t->rows, err);
  c->order = CM__NEW(scratch, int64_t, t->rows, err);
  c->score = CM__NEW(scratch, double, t->rows, err);
  c->first = CM__NEW(scratch, double, d, err);
  c->tied = CM__NEW(scratch, double, d, err);
  c->x = CM__NEW(scratch, double, d, err);
  c->second = CM__NEW(scratch, double, cells, err);
  c->tied_second = CM__NEW(scratch, double, cells, err);
  if (!moment || !c->order || !c->score || !c->first || !c->tied || !c->x || !c->second || !c->tied_second)
    return false;
  for (int64_t i = 0; i < t->rows; i++) moment[i] = (Moment){t->value[i], i};
  qsort(moment, (size_t)t->rows, sizeof *moment, later_first);
  for (int64_t i = 0; i < t->rows; i++) c->order[i] = moment[i].row;
  return order_starts(scratch, t, moment, c, err);
}

static void centre(const Cohort *c, int64_t row) {
  const double *x = c->training->x + row * c->training->features;
  for (int j = 0; j < c->training->features; j++) c->x[j] = x[j] - c->mean[j];
}

static void add_sums(const Cohort *c, double weight, double *first, double *second) {
  int64_t d = c->training->features;
  for (int64_t j = 0; j < d; j++) {
    double part = weight * c->x[j];
    first[j] += part;
    for (int64_t k = 0; k <= j; k++) second[j * d + k] += part * c->x[k];
  }
}

/* The events of one time: `deaths` of them, whose weights sum to `tied`; `risk`: that of all at risk. */
static double add_events(const Cohort *c, int64_t deaths, double risk, double tied, double *gradient, double *hessian) {
  int64_t d = c->training->features;
  double value = 0;
  for (int64_t e = 0; e < deaths; e++) {
    double share = c->ties == TIES_EFRON ? (double)e / (double)deaths : 0, total = risk - share * tied;
    value += log(total);
    if (!gradient) continue;
    for (int64_t j = 0; j < d; j++) {
      double mean = (c->first[j] - share * c->tied[j]) / total;
      gradient[j] += mean;
      for (int64_t k = 0; k <= j; k++)
        hessian[j * d + k] += (c->second[j * d + k] - share * c->tied_second[j * d + k]) / total -
                              mean * (c->first[k] - share * c->tied[k]) / total;
    }
  }
  return value;
}

/* Scores of all rows; the largest. */
static double score_rows(const Cohort *c, const double *w) {
  double most = -INFINITY;
  for (int64_t i = 0; i < c->training->rows; i++) {
    double sum = 0;
    centre(c, c->order[i]);
    for (int j = 0; j < c->training->features; j++) sum += w[j] * c->x[j];
    c->score[i] = sum;
    most = fmax(most, sum);
  }
  return most;
}

/* Those at risk, going back in time: they come in at their times and leave at their starts. */
typedef struct AtRisk {
  int64_t came, left;
  double weight; /* the sum of theirs */
  double most;   /* that it has been since it was summed anew */
} AtRisk;

/* The row at `place` of the order comes in (sign 1) or leaves (-1). sums: not its weight alone. */
static void move_row(const Cohort *c, int64_t place, double sign, double most, bool sums, AtRisk *risk) {
  const double weight = sign * exp(c->score[place] - most);
  risk->weight += weight;
  if (!sums) return;
  centre(c, c->order[place]);
  add_sums(c, weight, c->first, c->second);
}

static void sum_anew(const Cohort *c, double time, double most, bool sums, AtRisk *risk) {
  const CmTraining *t = c->training;
  risk->weight = 0;
  if (sums) memset(c->first, 0, sizeof(double) * (size_t)t->features);
  if (sums) memset(c->second, 0, sizeof(double) * (size_t)t->features * (size_t)t->features);
  for (int64_t place = 0; place < risk->came; place++)
    if (t->start[c->order[place]] < time) move_row(c, place, 1, most, sums, risk);
  risk->most = risk->weight;
}

/* Lets go who is not yet at risk at `time`. most: weights are relative to it; sums: theirs are taken back as well. Of
 * sums that were much larger little but rounding is left. */
static void let_go(const Cohort *c, double time, double most, bool sums, AtRisk *risk) {
  const CmTraining *t = c->training;
  risk->most = fmax(risk->most, risk->weight);
  while (c->leaving && risk->left < t->rows && t->start[c->order[c->leaving[risk->left]]] >= time)
    move_row(c, c->leaving[risk->left++], -1, most, sums, risk);
  if (risk->weight < LEAST_LEFT * risk->most) sum_anew(c, time, most, sums, risk);
}

/* Negative partial log-likelihood and penalty. Weights are relative to the largest, so that none overflows. */
static double cox_function(void *arg, const double *w, double *gradient, double *hessian) {
  const Cohort *c = arg;
  const CmTraining *t = c->training;
  int64_t d = t->features;
  double most = score_rows(c, w), value = 0;
  AtRisk risk = {0};
  for (int64_t j = 0; j < d; j++) value += 0.5 * c->alpha * w[j] * w[j];
  for (int64_t j = 0; gradient && j < d; j++) {
    gradient[j] += c->alpha * w[j];
    hessian[j * d + j] += c->alpha;
  }
  memset(c->first, 0, sizeof(double) * (size_t)d);
  memset(c->second, 0, sizeof(double) * (size_t)(d * d));
  for (int64_t i = 0; i < t->rows;) {
    double time = t->value[c->order[i]], tied = 0;
    int64_t deaths = 0;
    memset(c->tied, 0, sizeof(double) * (size_t)d);
    memset(c->tied_second, 0, sizeof(double) * (size_t)(d * d));
    let_go(c, time, most, gradient != NULL, &risk);
    for (; i < t->rows && t->value[c->order[i]] == time; i++) {
      double weight = exp(c->score[i] - most);
      bool event = t->event[c->order[i]];
      move_row(c, i, 1, most, gradient != NULL, &risk);
      risk.came++;
      if (!event) continue;
      deaths++;
      tied += weight;
      value -= c->score[i] - most;
      if (gradient) add_sums(c, weight, c->tied, c->tied_second);
      for (int64_t j = 0; gradient && j < d; j++) gradient[j] -= c->x[j];
    }
    value += add_events(c, deaths, risk.weight, tied, gradient, hessian);
  }
  return value;
}

/* ---- baseline -------------------------------------------------------------------------------------------------------
 */

/* Going back in time: events over the sum of exp(score) at risk; cumulated from the first time on. */
static bool make_baseline(CmArena *hold, const Cohort *c, Cox *cox, CmError **err) {
  const CmTraining *t = c->training;
  score_rows(c, cox->linear->weight);
  cox->follow_up = t->value[c->order[0]];
  for (int64_t i = 0; i < t->rows; i++) {
    bool fresh = i == 0 || t->value[c->order[i]] != t->value[c->order[i - 1]];
    cox->times += fresh; /* times without an event are left out below */
  }
  cox->time = CM__NEW(hold, double, cox->times, err);
  cox->hazard = CM__NEW(hold, double, cox->times, err);
  if (!cox->time || !cox->hazard) return false;
  int64_t kept = 0;
  AtRisk risk = {0};
  for (int64_t i = 0; i < t->rows;) {
    double time = t->value[c->order[i]];
    int64_t deaths = 0;
    let_go(c, time, 0, false, &risk);
    for (; i < t->rows && t->value[c->order[i]] == time; i++) {
      move_row(c, i, 1, 0, false, &risk);
      risk.came++;
      deaths += t->event[c->order[i]];
    }
    if (!deaths) continue;
    cox->time[kept] = time;
    cox->hazard[kept++] = (double)deaths / risk.weight;
  }
  cox->times = kept;
  for (int64_t i = 0, j = kept - 1; i < j; i++, j--) {
    double a = cox->time[i], b = cox->hazard[i];
    cox->time[i] = cox->time[j];
    cox->hazard[i] = cox->hazard[j];
    cox->time[j] = a;
    cox->hazard[j] = b;
  }
  for (int64_t i = 1; i < kept; i++) cox->hazard[i] += cox->hazard[i - 1];
  return true;
}

/* The log-likelihood and, without a penalty, the standard errors: the inverse of the second derivatives. */
static bool find_errors(CmArena *hold, CmArena *scratch, Cohort *c, Cox *cox, CmError **err) {
  int64_t d = c->training->features;
  double *gradient = CM__NEW(scratch, double, d, err), *hessian = CM__NEW(scratch, double, d *d, err);
  if (!gradient || !hessian) return false;
  const double *w = cox->linear->weight;
  cox->log_likelihood = -cox_function(c, w, gradient, hessian);
  for (int64_t j = 0; j < d; j++) cox->log_likelihood += 0.5 * c->alpha * w[j] * w[j];
  if (c->alpha > 0 || d > MOST_ERRORS || !cm__cholesky(hessian, (int)d)) return true;
  cox->linear->standard_error = CM__NEW(hold, double, d, err);
  for (int64_t j = 0; cox->linear->standard_error && j < d; j++) {
    double square = 0;
    memset(gradient, 0, sizeof *gradient * (size_t)d);
    gradient[j] = 1;
    cm__cholesky_forward(hessian, (int)d, gradient);
    for (int64_t k = j; k < d; k++) square += gradient[k] * gradient[k];
    cox->linear->standard_error[j] = sqrt(square);
  }
  return cox->linear->standard_error != NULL;
}

static void *fit(CmArena *hold, const CmTraining *training, const void *params, CmError **err) {
  const CoxParams *p = params;
  CmArena scratch = {.ctx = hold->ctx};
  Cox *cox = CM__NEW(hold, Cox, 1, err), *result = NULL;
  Cohort cohort = {.training = training, .alpha = p->alpha, .ties = p->ties};
  if (!cox || !(cox->linear = cm__linear_create(hold, training, 1, err))) goto done;
  cohort.mean = cox->linear->mean;
  if (!make_cohort(&scratch, training, &cohort, err)) goto done;
  if (!cm__newton(hold->ctx, cox_function, &cohort, training->features, cox->linear->weight, err)) goto done;
  for (int j = 0; j < training->features; j++)
    cox->linear->intercept[0] -= cox->linear->weight[j] * cox->linear->mean[j];
  if (cm__linear_finite(cox->linear, err) && find_errors(hold, &scratch, &cohort, cox, err) &&
      make_baseline(hold, &cohort, cox, err))
    result = cox;
done:
  cm__arena_free(&scratch);
  return result;
}

/* ---- applying -------------------------------------------------------------------------------------------------------
 */

static bool predict_rows(const void *state, CmContext *ctx, const double *x, int64_t rows, double *to, CmError **err) {
  (void)ctx, (void)err;
  const Cox *cox = state;
  for (int64_t i = 0; i < rows; i++) {
    double risk = cm__linear_score(cox->linear, x + i * cox->linear->features, 0), factor = exp(risk);
    int64_t at = 0;
    while (at < cox->times && exp(-cox->hazard[at] * factor) > 0.5) at++;
    to[i * CM__SURVIVAL_WIDTH + CM__SURVIVAL_RISK] = risk;
    to[i * CM__SURVIVAL_WIDTH + CM__SURVIVAL_MEDIAN] = at < cox->times ? cox->time[at] : (double)NAN;
  }
  return true;
}

static bool survive(const void *state, CmContext *ctx, const double *x, int64_t rows, const double *times, int count,
                    double *share, CmError **err) {
  (void)ctx, (void)err;
  const Cox *cox = state;
  for (int64_t i = 0; i < rows; i++) {
    double factor = exp(cm__linear_score(cox->linear, x + i * cox->linear->features, 0));
    for (int k = 0; k < count; k++) {
      int64_t at = 0;
      while (at < cox->times && cox->time[at] <= times[k]) at++;
      share[i * count + k] = at ? exp(-cox->hazard[at - 1] * factor) : 1;
    }
  }
  return true;
}

static double follow_up(const void *state) {
  return ((const Cox *)state)->follow_up;
}

static bool explain(const void *state, CmContext *ctx, const double *x, int64_t rows, double *contribution,
                    CmError **err) {
  return cm__linear_explain(((const Cox *)state)->linear, ctx, x, rows, contribution, err);
}

static void weights(const void *state, const double *scale, CmWeights *to) {
  cm__linear_weights(((const Cox *)state)->linear, scale, to);
}

static void write_state(const void *state, CmTextBuffer *json) {
  const Cox *cox = state;
  cm__text_add(json, "{\"follow_up\":");
  cm__json_reals(json, &cox->follow_up, 1);
  cm__text_add(json, ",\"time\":");
  cm__json_reals(json, cox->time, cox->times);
  cm__text_add(json, ",\"hazard\":");
  cm__json_reals(json, cox->hazard, cox->times);
  cm__text_add(json, ",\"linear\":");
  cm__linear_write(cox->linear, json);
  if (isfinite(cox->log_likelihood)) {
    cm__text_add(json, ",\"log_likelihood\":");
    cm__json_real(json, cox->log_likelihood);
  }
  cm__text_add(json, "}");
}

static void *read_state(CmArena *hold, const json_t *json, const CmModelShape *shape, CmError **err) {
  const json_t *time, *hazard, *linear, *last = NULL, *likelihood = NULL;
  CmJsonMember members[5] = {{"time", &time}, {"hazard", &hazard}, {"linear", &linear}};
  int count = 3; /* and two that older files do not have; follow-up is then that of the last event */
  bool says = json_object_get(json, "follow_up") != NULL;
  if (says) members[count++] = (CmJsonMember){"follow_up", &last};
  if (json_object_get(json, "log_likelihood")) members[count++] = (CmJsonMember){"log_likelihood", &likelihood};
  if (!cm__json_members(json, "predictor", members, count, err)) return NULL;
  Cox *cox = CM__NEW(hold, Cox, 1, err);
  if (!cox) return NULL;
  cox->log_likelihood = NAN;
  if (likelihood && !cm__json_read_real(likelihood, "predictor.log_likelihood", -INFINITY, &cox->log_likelihood, err))
    return NULL;
  if (!(cox->linear = cm__linear_read(hold, linear, shape, err))) return NULL;
  cox->times = (int64_t)json_array_size(time);
  cox->time = cm__json_read_reals(hold, time, "predictor.time", cox->times, false, err);
  cox->hazard = cox->time ? cm__json_read_reals(hold, hazard, "predictor.hazard", cox->times, false, err) : NULL;
  if (!cox->hazard) return NULL;
  for (int64_t i = 0; i < cox->times; i++)
    if (!(cox->hazard[i] >= (i ? cox->hazard[i - 1] : 0)) || !(cox->time[i] > (i ? cox->time[i - 1] : 0)))
      return cm__json_refuse(err, "predictor.time"), NULL;
  const double end = cox->times ? cox->time[cox->times - 1] : 0;
  const double *said = says ? cm__json_read_reals(hold, last, "predictor.follow_up", 1, false, err) : &end;
  if (!said) return NULL;
  cox->follow_up = *said;
  if (cox->follow_up < end) return cm__json_refuse(err, "predictor.follow_up"), NULL;
  return cox;
}

CM_MODEL_KIND(cox) = {
    .kind =
        {.about = {.name = "cox",
                   .family = "model",
                   .since = "0.1",
                   .summary = "Cox proportional hazards.",
                   .details =
                       "Partial likelihood by Newton's method, ties after Efron or Breslow; baseline hazard "
                       "after Breslow, of the mean row. Contributions are to the logarithm of the hazard. "
                       "The median time is the first event time at which half survive. With a column `start` a row is "
                       "at risk from there (not at it) to its time, so that covariates may change: several "
                       "rows a subject; what is predicted of a row holds while its covariates stay.",
                   CM_OP_PARAMS(CoxParams, params_table),
                   .cite = "Cox: Regression models and life-tables, J. R. Stat. Soc. B 34, 1972; Efron, JASA 72, "
                           "1977; Breslow, Biometrics 30, 1974"},
         .tasks = 1u << CM_TASK_SURVIVAL,
         .wants_scaling = true,
         .explains_rows = true},
    .fit = fit,
    .predict = predict_rows,
    .survive = survive,
    .follow_up = follow_up,
    .explain = explain,
    .weights = weights,
    .write = write_state,
    .read = read_state,
};
