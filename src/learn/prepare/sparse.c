/* Selection by what an absolute penalty leaves: once, or on many halves of the subjects. */
#include <math.h>
#include <string.h>

#include "learn/prepare/fit.h"
#include "learn/rng.h"
#include "learn/split.h"

/* Standardised columns that stay so far, as the models of kinds take them. */
typedef struct Sparse {
  CmFit *fit;
  int *column; /* of the fit */
  CmTraining training;
  const CmModelBody *body;
} Sparse;

static bool make_sparse(CmFit *fit, Sparse *s, CmError **err) {
  const CmTraining *t = fit->training;
  CmArena *hold = fit->scratch;
  size_t cells;
  *s = (Sparse){.fit = fit, .training = *t};
  s->training.features = 0;
  bool classes = t->y && (t->task == CM_TASK_BINARY || t->task == CM_TASK_MULTICLASS);
  if (!classes && t->task != CM_TASK_REGRESSION) {
    cm_error_set(err, CM_ERR_UNSUPPORTED,
                 "choose: lasso and stability take classes or numbers, not a %s target; use choose=test",
                 cm_learn_task_name(t->task));
    return false;
  }
  s->body = cm__model_body(cm_model_kind_find(classes ? "logistic" : "lasso"));
  s->column = CM__NEW(hold, int, fit->features, err);
  if (!s->column) return false;
  for (int j = 0; j < fit->features; j++)
    if (!fit->column[j].gone) s->column[s->training.features++] = j;
  int d = s->training.features;
  if (!cm_size_multiply((size_t)fit->rows, (size_t)d, &cells, err)) return false;
  double *x = CM__NEW(hold, double, cells, err);
  for (int k = 0; x && k < d; k++) {
    const CmColumnFit *column = &fit->column[s->column[k]];
    for (int64_t i = 0; i < fit->rows; i++) x[i * d + k] = (column->value[i] - column->mean) / column->deviation;
  }
  s->training.x = x;
  return x != NULL;
}

/* The penalty at which the last column loses its weight: the largest |x'(y - mean)|, over the classes. */
static double largest_penalty(const CmTraining *t) {
  double most = 0;
  for (int c = t->classes == 2 ? 1 : 0; c < (t->classes ? t->classes : 1); c++) {
    double mean = 0;
    for (int64_t i = 0; i < t->rows; i++) mean += t->classes ? t->y[i] == c : t->value[i];
    mean /= (double)t->rows;
    for (int k = 0; k < t->features; k++) {
      double sum = 0;
      for (int64_t i = 0; i < t->rows; i++)
        sum += t->x[i * t->features + k] * ((t->classes ? t->y[i] == c : t->value[i]) - mean);
      most = fmax(most, fabs(sum));
    }
  }
  return most;
}

/* weight: features; the largest absolute weight of each over the outputs. */
static bool fit_sparse(const Sparse *s, const CmTraining *t, double penalty, double *weight, CmError **err) {
  CmArena hold = {.ctx = s->fit->scratch->ctx};
  const CmOp *kind = &s->body->kind.about;
  char text[32];
  int outputs = cm__outputs(t->task, t->classes);
  void *params = cm_params_create(hold.ctx, kind, err);
  cm_real_text(t->classes ? 1 / penalty : penalty / (double)t->rows, text);
  bool ok = params && cm_params_set(kind, params, t->classes ? "C" : "alpha", text, err) &&
            (!t->classes || (cm_params_set(kind, params, "penalty", "l1", err) &&
                             cm_params_set(kind, params, "several", "rest", err)));
  void *state = ok ? s->body->fit(&hold, t, params, err) : NULL;
  CmWeights weights = {0};
  for (int m = 0; state && m < CM__MOST_MEASURES; m++)
    if (!(weights.value[m] = CM__NEW(&hold, double, (int64_t)outputs * t->features, err))) state = NULL;
  double *scale = state ? CM__NEW(&hold, double, t->features, err) : NULL;
  for (int k = 0; scale && k < t->features; k++) scale[k] = 1;
  if (scale) s->body->weights(state, scale, &weights);
  for (int k = 0; scale && k < t->features; k++) {
    weight[k] = 0;
    for (int o = 0; o < outputs; o++) weight[k] = fmax(weight[k], fabs(weights.value[0][o * t->features + k]));
  }
  cm_free(params);
  cm__arena_free(&hold);
  return scale != NULL;
}

static bool keep_scored(Sparse *s, double least, const char *why, CmError **err) {
  CmFit *fit = s->fit;
  int kept = 0;
  for (int k = 0; k < s->training.features; k++) {
    CmColumnFit *column = &fit->column[s->column[k]];
    if (!(column->score >= least)) column->gone = why;
    kept += !column->gone;
  }
  if (kept) {
    if (fit->params->k_best) cm__keep_best(fit, fit->params->k_best, why);
    return true;
  }
  cm_error_set(err, CM_ERR_DATA, "no feature is left: all are %s; lower penalty or stability", why);
  return false;
}

bool cm__choose_lasso(CmFit *fit, CmError **err) {
  Sparse s;
  if (!make_sparse(fit, &s, err)) return false;
  double *weight = CM__NEW(fit->scratch, double, s.training.features, err);
  double penalty = fit->params->penalty * largest_penalty(&s.training);
  if (!weight || !fit_sparse(&s, &s.training, penalty, weight, err)) return false;
  for (int k = 0; k < s.training.features; k++) fit->column[s.column[k]].score = weight[k];
  return keep_scored(&s, 0x1p-1022, CM__GONE_LASSO, err);
}

/* ---- stability ------------------------------------------------------------------------------------------------------
 */

/* Rows of a random half of the subjects. */
typedef struct Half {
  int64_t subjects, *subject; /* number of each row's subject */
  int64_t *order;
  bool *in;
  CmTraining training;
  double *x, *value;
  int *y;
} Half;

static bool make_half(const Sparse *s, Half *h, CmError **err) {
  CmArena *hold = s->fit->scratch;
  int64_t n = s->training.rows;
  *h = (Half){.training = s->training};
  h->subject = CM__NEW(hold, int64_t, n, err);
  h->order = CM__NEW(hold, int64_t, n, err);
  h->in = CM__NEW(hold, bool, n, err);
  h->x = CM__NEW(hold, double, n * s->training.features, err);
  h->value = CM__NEW(hold, double, n, err);
  h->y = CM__NEW(hold, int, n, err);
  if (!h->subject || !h->order || !h->in || !h->x || !h->value || !h->y) return false;
  memcpy(h->subject, s->training.subject, sizeof *h->subject * (size_t)n);
  h->training.x = h->x;
  h->training.value = s->training.value ? h->value : NULL;
  h->training.y = s->training.y ? h->y : NULL;
  return cm__compact_subjects(hold, h->subject, n, &h->subjects, err);
}

/* Whether each class is among the drawn rows. */
static bool draw_half(const Sparse *s, uint64_t stream, Half *h) {
  int d = s->training.features, classes = s->training.classes;
  int64_t n = 0;
  for (int64_t k = 0; k < h->subjects; k++) h->order[k] = k;
  cm__shuffle(stream, h->order, h->subjects);
  for (int64_t k = 0; k < h->subjects; k++) h->in[h->order[k]] = k < h->subjects / 2;
  for (int64_t i = 0; i < s->training.rows; i++) {
    if (!h->in[h->subject[i]]) continue;
    memcpy(h->x + n * d, s->training.x + i * d, sizeof(double) * (size_t)d);
    if (h->training.y) h->y[n] = s->training.y[i];
    if (h->training.value) h->value[n] = s->training.value[i];
    n++;
  }
  h->training.rows = n;
  for (int c = 0; c < classes; c++) {
    bool there = false;
    for (int64_t i = 0; i < n && !there; i++) there = h->y[i] == c;
    if (!there) return false;
  }
  return n > 1;
}

bool cm__choose_stable(CmFit *fit, CmError **err) {
  const CmPrepareParams *p = fit->params;
  Sparse s;
  Half half;
  if (!make_sparse(fit, &s, err) || !make_half(&s, &half, err)) return false;
  double *weight = CM__NEW(fit->scratch, double, s.training.features, err);
  double penalty = p->penalty * largest_penalty(&s.training) / 2; /* half the rows */
  int64_t fitted = 0;
  if (!weight) return false;
  for (int k = 0; k < s.training.features; k++) fit->column[s.column[k]].score = 0;
  for (int64_t draw = 0; fitted < p->subsamples && draw < 4 * p->subsamples; draw++) {
    if (cm_context_cancelled(fit->scratch->ctx, err)) return false;
    if (!draw_half(&s, cm__stream((uint64_t)p->seed, CM__STREAM_HALVES, (uint64_t)draw), &half)) continue;
    if (!fit_sparse(&s, &half.training, penalty, weight, err)) return false;
    for (int k = 0; k < s.training.features; k++) fit->column[s.column[k]].score += weight[k] > 0;
    fitted++;
  }
  if (fitted < p->subsamples) {
    cm_error_set(err, CM_ERR_DATA, "choose=stability: halves of the subjects lack a class; use more subjects of it");
    return false;
  }
  return keep_scored(&s, p->stability * (double)p->subsamples, "chosen in too few halves of the subjects", err);
}
