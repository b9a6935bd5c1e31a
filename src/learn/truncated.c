#include "learn/truncated.h"

#include <math.h>
#include <string.h>

#include "core/arena.h"
#include "learn/lanes.h"

enum { MOST_STEPS = 200, MOST_HALVINGS = 40 };

typedef struct Newton {
  const CmSmooth *smooth;
  double *w, *gradient, *step, *residual, *direction, *product, *trial, *there;
  double first; /* length of the first gradient */
} Newton;

static double length_of(const Newton *n, const double *vector) {
  return sqrt(cm__lanes_dot(vector, vector, n->smooth->size));
}

/* Solves second derivatives x step = -gradient, to a residual that shrinks with the gradient. */
static bool find_step(Newton *n, CmError **err) {
  int64_t size = n->smooth->size;
  double length = length_of(n, n->gradient), target = fmin(0.1, sqrt(length / n->first)) * length;
  memset(n->step, 0, sizeof *n->step * (size_t)size);
  for (int64_t i = 0; i < size; i++) n->direction[i] = n->residual[i] = -n->gradient[i];
  double rest = cm__lanes_dot(n->residual, n->residual, size);
  for (int64_t round = 0; round < 2 * size && sqrt(rest) > target; round++) {
    if (!n->smooth->multiply(n->smooth->arg, n->direction, n->product, err)) return false;
    double bend = cm__lanes_dot(n->direction, n->product, size);
    if (!(bend > 0)) return true;
    double share = rest / bend, before = rest;
    for (int64_t i = 0; i < size; i++) {
      n->step[i] += share * n->direction[i];
      n->residual[i] -= share * n->product[i];
    }
    rest = cm__lanes_dot(n->residual, n->residual, size);
    for (int64_t i = 0; i < size; i++) n->direction[i] = n->residual[i] + rest / before * n->direction[i];
  }
  return true;
}

/* Halves the step until the function falls enough; the gradient comes in the same reading of the rows, since the whole
 * step is nearly always taken. *last: the fall is below what doubles can tell; the step is taken whole, as steps of
 * Newton this near double the digits. */
static bool take_step(Newton *n, double *value, bool *last, CmError **err) {
  int64_t size = n->smooth->size;
  double slope = cm__lanes_dot(n->gradient, n->step, size), share = 1;
  *last = -slope <= 1e-14 * *value;
  for (int64_t i = 0; *last && i < size; i++) n->w[i] += n->step[i];
  for (int halving = 0; !*last && halving < MOST_HALVINGS; halving++, share /= 2) {
    double there;
    for (int64_t i = 0; i < size; i++) n->trial[i] = n->w[i] + share * n->step[i];
    if (!n->smooth->evaluate(n->smooth->arg, n->trial, &there, n->there, err)) return false;
    if (!(there <= *value + 1e-4 * share * slope)) continue;
    memcpy(n->w, n->trial, sizeof *n->w * (size_t)size);
    memcpy(n->gradient, n->there, sizeof *n->w * (size_t)size);
    *value = there;
    return true;
  }
  *last = true;
  return true;
}

static bool minimise(Newton *n, double tolerance, CmContext *ctx, CmError **err) {
  const CmSmooth *smooth = n->smooth;
  double value;
  bool last = false;
  if (!smooth->evaluate(smooth->arg, n->w, &value, n->gradient, err)) return false;
  n->first = length_of(n, n->gradient);
  if (!isfinite(value) || !isfinite(n->first)) {
    cm_error_set(err, CM_ERR_DATA, "the features are too large to be summed; use scale=zscore, or mend the largest");
    return false;
  }
  for (int step = 0; step < MOST_STEPS; step++) {
    if (cm_context_cancelled(ctx, err)) return false;
    if (length_of(n, n->gradient) <= tolerance * n->first) return true;
    if (!find_step(n, err) || !take_step(n, &value, &last, err)) return false;
    if (last) return true;
  }
  cm_error_set(err, CM_ERR_DATA, "no minimum was found in %d steps; use a smaller C, or scale=zscore", MOST_STEPS);
  return false;
}

bool cm__truncated_newton(CmContext *ctx, const CmSmooth *smooth, double tolerance, double *w, CmError **err) {
  CmArena scratch = {.ctx = ctx};
  Newton n = {.smooth = smooth, .w = w};
  double **vectors[] = {&n.gradient, &n.step, &n.residual, &n.direction, &n.product, &n.trial, &n.there};
  double *room = CM__NEW(&scratch, double, CM_COUNT(vectors) * smooth->size, err);
  for (int v = 0; v < CM_COUNT(vectors); v++) *vectors[v] = room + v * smooth->size;
  bool ok = room && minimise(&n, tolerance, ctx, err);
  cm__arena_free(&scratch);
  return ok;
}
