#include "learn/softmax.h"

#include <math.h>
#include <string.h>

#include "learn/lanes.h"

enum { MOST_STEPS = 200, MOST_HALVINGS = 40 };

/* Unknowns: for each class `features` weights and the intercept, in one vector of `size`. */
typedef struct Problem {
  const CmTraining *training;
  int classes, width; /* width: features + 1 */
  int64_t size;
  double *class_weight; /* C times the weight of each class */
  double *p;            /* rows x classes */
  double *score;        /* classes */
} Problem;

/* Scores of a row: all classes at once. */
static void score_row(const double *w, const double *x, int classes, int features, double *score) {
  for (int c = 0; c < classes; c++, w += features + 1) score[c] = cm__lanes_dot(w, x, features) + w[features];
}

/* to += factor of each class times the row */
static void add_row(const double *x, const double *factor, int classes, int features, double *to) {
  for (int c = 0; c < classes; c++, to += features + 1) {
    cm__lanes_add(to, factor[c], x, features);
    to[features] += factor[c];
  }
}

static double weight_of(const Problem *problem, int64_t row) {
  return problem->class_weight[problem->training->y[row]];
}

/* The function at w; the probabilities are kept, and the gradient goes to `gradient` where that is wanted. */
static double evaluate(Problem *problem, const double *w, double *gradient) {
  const CmTraining *t = problem->training;
  int k = problem->classes, d = t->features;
  double value = 0;
  for (int c = 0; c < k; c++)
    for (int j = 0; j < d; j++) value += 0.5 * w[c * problem->width + j] * w[c * problem->width + j];
  if (gradient) {
    memcpy(gradient, w, sizeof *w * (size_t)problem->size);
    for (int c = 0; c < k; c++) gradient[c * problem->width + d] = 0;
  }
  for (int64_t i = 0; i < t->rows; i++) {
    double *p = problem->p + i * k, most, total = 0;
    score_row(w, t->x + i * d, k, d, p);
    most = p[0];
    for (int c = 1; c < k; c++) most = fmax(most, p[c]);
    double own = p[t->y[i]] - most;
    for (int c = 0; c < k; c++) total += p[c] = exp(p[c] - most);
    for (int c = 0; c < k; c++) p[c] /= total;
    value += weight_of(problem, i) * (log(total) - own);
    if (!gradient) continue;
    for (int c = 0; c < k; c++) problem->score[c] = weight_of(problem, i) * (p[c] - (c == t->y[i]));
    add_row(t->x + i * d, problem->score, k, d, gradient);
  }
  return value;
}

/* to = Hessian times v at the point of the last evaluation. */
static void multiply(Problem *problem, const double *v, double *to) {
  const CmTraining *t = problem->training;
  int k = problem->classes, d = t->features;
  memcpy(to, v, sizeof *v * (size_t)problem->size);
  for (int c = 0; c < k; c++) to[c * problem->width + d] = 0;
  for (int64_t i = 0; i < t->rows; i++) {
    const double *p = problem->p + i * k;
    double mean = 0;
    score_row(v, t->x + i * d, k, d, problem->score);
    for (int c = 0; c < k; c++) mean += p[c] * problem->score[c];
    for (int c = 0; c < k; c++) problem->score[c] = weight_of(problem, i) * p[c] * (problem->score[c] - mean);
    add_row(t->x + i * d, problem->score, k, d, to);
  }
}

typedef struct Newton {
  double *w, *gradient, *step, *residual, *direction, *product, *trial;
} Newton;

/* Solves Hessian step = -gradient, to a residual that shrinks with the gradient. */
static void find_step(Problem *problem, Newton *n) {
  int64_t size = problem->size;
  double length = sqrt(cm__lanes_dot(n->gradient, n->gradient, size)), target = fmin(0.1, sqrt(length)) * length;
  memset(n->step, 0, sizeof *n->step * (size_t)size);
  for (int64_t i = 0; i < size; i++) n->direction[i] = n->residual[i] = -n->gradient[i];
  double rest = cm__lanes_dot(n->residual, n->residual, size);
  for (int64_t round = 0; round < 2 * size && sqrt(rest) > target; round++) {
    multiply(problem, n->direction, n->product);
    double bend = cm__lanes_dot(n->direction, n->product, size);
    if (!(bend > 0)) return;
    double share = rest / bend, before = rest;
    for (int64_t i = 0; i < size; i++) {
      n->step[i] += share * n->direction[i];
      n->residual[i] -= share * n->product[i];
    }
    rest = cm__lanes_dot(n->residual, n->residual, size);
    for (int64_t i = 0; i < size; i++) n->direction[i] = n->residual[i] + rest / before * n->direction[i];
  }
}

/* Halves the step until the function falls enough. true: it was the last one, for the fall is below what doubles can
 * tell; it is taken whole, as steps of Newton this near double the digits. */
static bool take_step(Problem *problem, Newton *n, double *value) {
  double slope = cm__lanes_dot(n->gradient, n->step, problem->size), share = 1;
  bool last = -slope <= 1e-14 * *value;
  for (int64_t i = 0; last && i < problem->size; i++) n->w[i] += n->step[i];
  if (last) return true;
  for (int halving = 0; halving < MOST_HALVINGS; halving++, share /= 2) {
    for (int64_t i = 0; i < problem->size; i++) n->trial[i] = n->w[i] + share * n->step[i];
    double there = evaluate(problem, n->trial, NULL);
    if (!(there <= *value + 1e-4 * share * slope)) continue;
    memcpy(n->w, n->trial, sizeof *n->w * (size_t)problem->size);
    *value = there;
    return false;
  }
  return true;
}

static bool minimise(Problem *problem, Newton *n, double tolerance, CmContext *ctx, CmError **err) {
  double value = evaluate(problem, n->w, n->gradient),
         first = sqrt(cm__lanes_dot(n->gradient, n->gradient, problem->size));
  for (int step = 0; step < MOST_STEPS; step++) {
    if (cm_context_cancelled(ctx, err)) return false;
    if (sqrt(cm__lanes_dot(n->gradient, n->gradient, problem->size)) <= tolerance * first) return true;
    find_step(problem, n);
    if (take_step(problem, n, &value)) return true;
    evaluate(problem, n->w, n->gradient);
  }
  cm_error_set(err, CM_ERR_DATA, "softmax found no minimum in %d steps; use a smaller C, or scale=zscore", MOST_STEPS);
  return false;
}

static void weigh_classes(Problem *problem, const CmSoftmaxOptions *options) {
  const CmTraining *t = problem->training;
  for (int64_t i = 0; i < t->rows; i++) problem->class_weight[t->y[i]] += 1;
  for (int c = 0; c < problem->classes; c++)
    problem->class_weight[c] =
        options->C * (options->balanced ? (double)t->rows / (problem->classes * problem->class_weight[c]) : 1);
}

bool cm__softmax_fit(const CmTraining *training, const CmSoftmaxOptions *options, CmContext *ctx, CmLinear *linear,
                     CmError **err) {
  CmArena scratch = {.ctx = ctx};
  int k = linear->outputs, d = training->features;
  Problem problem = {.training = training, .classes = k, .width = d + 1, .size = (int64_t)k * (d + 1)};
  size_t cells;
  bool ok = cm_size_multiply((size_t)training->rows, (size_t)k, &cells, err);
  problem.class_weight = CM__NEW(&scratch, double, k, err);
  problem.score = CM__NEW(&scratch, double, k, err);
  problem.p = ok ? CM__NEW(&scratch, double, cells, err) : NULL;
  double *room = CM__NEW(&scratch, double, 7 * problem.size, err);
  ok = problem.class_weight && problem.score && problem.p && room;
  if (!ok) goto done;
  weigh_classes(&problem, options);
  Newton newton;
  double **vectors[] = {&newton.w,         &newton.gradient, &newton.step, &newton.residual,
                        &newton.direction, &newton.product,  &newton.trial};
  for (int v = 0; v < CM_COUNT(vectors); v++) *vectors[v] = room + v * problem.size;
  ok = minimise(&problem, &newton, options->tolerance, ctx, err);
  for (int c = 0; ok && c < k; c++) {
    memcpy(linear->weight + (int64_t)c * d, newton.w + c * problem.width, sizeof(double) * (size_t)d);
    linear->intercept[c] = newton.w[c * problem.width + d];
  }
done:
  cm__arena_free(&scratch);
  return ok;
}
