#include "learn/bfgs.h"

#include <math.h>
#include <string.h>

enum { MOST_STEPS = 300, MOST_TRIALS = 60 };

typedef struct Search {
  CmSlopeFn *function;
  void *arg;
  int count;
  double *w, value, gradient[CM__MOST_UNKNOWNS], step[CM__MOST_UNKNOWNS];
  double inverse[CM__MOST_UNKNOWNS][CM__MOST_UNKNOWNS]; /* of the second derivatives, as far as they are known */
  double trial[CM__MOST_UNKNOWNS], trial_value, trial_gradient[CM__MOST_UNKNOWNS];
} Search;

static double dot(const double *a, const double *b, int count) {
  double sum = 0;
  for (int i = 0; i < count; i++) sum += a[i] * b[i];
  return sum;
}

static double largest(const double *a, int count) {
  double most = 0;
  for (int i = 0; i < count; i++) most = fmax(most, fabs(a[i]));
  return most;
}

/* A first step of length 1 at most, against the gradient. */
static void forget(Search *s) {
  memset(s->inverse, 0, sizeof s->inverse);
  for (int i = 0; i < s->count; i++) s->inverse[i][i] = 1 / fmax(1, largest(s->gradient, s->count));
}

/* The slope along the step; >= 0: it leads nowhere. */
static double find_step(Search *s) {
  for (int i = 0; i < s->count; i++) s->step[i] = -dot(s->inverse[i], s->gradient, s->count);
  return dot(s->gradient, s->step, s->count);
}

static double try_share(Search *s, double share) {
  for (int i = 0; i < s->count; i++) s->trial[i] = s->w[i] + share * s->step[i];
  s->trial_value = s->function(s->arg, s->trial, s->trial_gradient);
  return isfinite(s->trial_value) ? dot(s->trial_gradient, s->step, s->count) : (double)INFINITY;
}

/* Falls enough and flattens enough (Wolfe's conditions; where values are equal but for rounding, slopes decide). */
static bool find_share(Search *s, double slope) {
  double low = 0, high = INFINITY, share = 1, room = 1e-13 * (1 + fabs(s->value));
  for (int trial = 0; trial < MOST_TRIALS; trial++) {
    double now = try_share(s, share);
    bool fallen = s->trial_value <= s->value + 1e-4 * share * slope,
         level = s->trial_value <= s->value + room && now <= -0.98 * slope;
    if (!isfinite(now) || (!fallen && !level))
      high = share;
    else if (now < 0.5 * slope)
      low = share;
    else
      return true;
    share = isfinite(high) ? 0.5 * (low + high) : 2 * share;
  }
  return false;
}

static void learn_curvature(Search *s) {
  double moved[CM__MOST_UNKNOWNS], turned[CM__MOST_UNKNOWNS], through[CM__MOST_UNKNOWNS];
  for (int i = 0; i < s->count; i++) {
    moved[i] = s->trial[i] - s->w[i];
    turned[i] = s->trial_gradient[i] - s->gradient[i];
  }
  double curvature = dot(moved, turned, s->count);
  if (!(curvature > 0)) return;
  for (int i = 0; i < s->count; i++) through[i] = dot(s->inverse[i], turned, s->count);
  double share = (1 + dot(turned, through, s->count) / curvature) / curvature;
  for (int i = 0; i < s->count; i++)
    for (int j = 0; j < s->count; j++)
      s->inverse[i][j] += share * moved[i] * moved[j] - (moved[i] * through[j] + through[i] * moved[j]) / curvature;
}

static void take_trial(Search *s) {
  memcpy(s->w, s->trial, sizeof *s->w * (size_t)s->count);
  memcpy(s->gradient, s->trial_gradient, sizeof s->gradient);
  s->value = s->trial_value;
}

bool cm__bfgs(CmContext *ctx, CmSlopeFn *function, void *arg, int count, double *w, CmError **err) {
  Search s = {.function = function, .arg = arg, .count = count, .w = w};
  s.value = function(arg, w, s.gradient);
  bool fresh = true;
  forget(&s);
  for (int step = 0; step < MOST_STEPS && isfinite(s.value); step++) {
    if (cm_context_cancelled(ctx, err)) return false;
    if (largest(s.gradient, count) <= 1e-13 * (1 + fabs(s.value))) return true;
    double slope = find_step(&s);
    if (slope < 0 && find_share(&s, slope)) {
      learn_curvature(&s);
      take_trial(&s);
      fresh = false;
      continue;
    }
    if (fresh) return true; /* as low as doubles can tell */
    forget(&s);
    fresh = true;
  }
  cm_error_set(err, CM_ERR_DATA, "the likelihood has no maximum that can be found; use fewer features, or more rows");
  return false;
}
