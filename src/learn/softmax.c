#include "learn/softmax.h"

#include <math.h>
#include <string.h>

#include "learn/lanes.h"
#include "learn/truncated.h"

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

/* The function and its gradient at w; the probabilities are kept. */
static bool evaluate(void *arg, const double *w, double *to, double *gradient, CmError **err) {
  (void)err;
  Problem *problem = arg;
  const CmTraining *t = problem->training;
  int k = problem->classes, d = t->features;
  double value = 0;
  for (int c = 0; c < k; c++)
    for (int j = 0; j < d; j++) value += 0.5 * w[c * problem->width + j] * w[c * problem->width + j];
  memcpy(gradient, w, sizeof *w * (size_t)problem->size);
  for (int c = 0; c < k; c++) gradient[c * problem->width + d] = 0;
  for (int64_t i = 0; i < t->rows; i++) {
    double *p = problem->p + i * k, most, total = 0;
    score_row(w, t->x + i * d, k, d, p);
    most = p[0];
    for (int c = 1; c < k; c++) most = fmax(most, p[c]);
    double own = p[t->y[i]] - most;
    for (int c = 0; c < k; c++) total += p[c] = exp(p[c] - most);
    for (int c = 0; c < k; c++) p[c] /= total;
    value += weight_of(problem, i) * (log(total) - own);
    for (int c = 0; c < k; c++) problem->score[c] = weight_of(problem, i) * (p[c] - (c == t->y[i]));
    add_row(t->x + i * d, problem->score, k, d, gradient);
  }
  *to = value;
  return true;
}

/* to = Hessian times v at the point of the last evaluation. */
static bool multiply(void *arg, const double *v, double *to, CmError **err) {
  (void)err;
  Problem *problem = arg;
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
  return true;
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
  double *w = CM__NEW(&scratch, double, problem.size, err);
  ok = problem.class_weight && problem.score && problem.p && w;
  if (!ok) goto done;
  weigh_classes(&problem, options);
  CmSmooth smooth = {problem.size, evaluate, multiply, &problem};
  ok = cm__truncated_newton(ctx, &smooth, options->tolerance, w, err);
  for (int c = 0; ok && c < k; c++) {
    memcpy(linear->weight + (int64_t)c * d, w + c * problem.width, sizeof(double) * (size_t)d);
    linear->intercept[c] = w[c * problem.width + d];
  }
done:
  cm__arena_free(&scratch);
  return ok;
}
