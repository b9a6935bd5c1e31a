#include "learn/smo.h"

#include <float.h>
#include <math.h>

#include "core/simd.h"

enum { LANES = 8, MOST_ROUNDS = 10000000, SHRINK_ROUNDS = 1000 };
static const double least_curve = 1e-12;

/* Variables 0 .. active-1 are worked on; the others lie at a bound that they will hardly leave. */
typedef struct Solver {
  CmSmo *p;
  CmGramView *view;
  double *slope, *curve; /* of the variables; curve: the diagonal of the kernel */
  float *first, *second; /* the kernel of a chosen variable with the active ones */
  int active;
} Solver;

typedef struct Choice {
  double value;
  int at; /* -1: none */
} Choice;

/* ---- loops over the active variables --------------------------------------------------------------------------------
 */

/* The largest of the lanes; of equals the first variable. */
static Choice best_lane(const double *value, const double *at) {
  Choice best = {-INFINITY, -1};
  for (int k = 0; k < LANES; k++)
    if (value[k] > best.value || (value[k] == best.value && value[k] > -INFINITY && (int)at[k] < best.at))
      best = (Choice){value[k], (int)at[k]};
  return best;
}

/* The best that a lane has seen. */
static inline void consider(double here, int i, double *value, double *at) {
  *at = here > *value ? i : *at;
  *value = here > *value ? here : *value;
}

/* Which may rise and has the least slope: the negative of that. */
CM_SIMD static Choice steepest(const double *slope, const double *b, const double *high, int n) {
  double value[LANES], at[LANES] = {0};
  int i = 0;
  for (int k = 0; k < LANES; k++) value[k] = -INFINITY;
  for (; i + LANES <= n; i += LANES)
    for (int k = 0; k < LANES; k++)
      consider(b[i + k] < high[i + k] ? -slope[i + k] : -INFINITY, i + k, &value[k], &at[k]);
  for (int k = 0; i < n; i++, k++) consider(b[i] < high[i] ? -slope[i] : -INFINITY, i, &value[k], &at[k]);
  return best_lane(value, at);
}

/* By how much the function falls where two variables move against each other: slopes apart, and the sum of the kernels
 * with themselves and that between them. */
static inline double fall_of(double apart, double own, float between) {
  double bend = own - 2 * (double)between;
  return apart > 0 ? apart * apart / (bend > least_curve ? bend : least_curve) : -INFINITY;
}

/* Which may fall and lowers the function most together with a variable of slope `from`; also the largest slope of all
 * that may fall. */
CM_SIMD static Choice partner(const Solver *s, double from, double curve, int n, double *largest) {
  const double *slope = s->slope, *b = s->p->b, *low = s->p->low, *own = s->curve;
  const float *kernel = s->first;
  double value[LANES], at[LANES] = {0}, top[LANES];
  int i = 0;
  for (int k = 0; k < LANES; k++) value[k] = top[k] = -INFINITY;
  for (; i + LANES <= n; i += LANES)
    for (int k = 0; k < LANES; k++) {
      double here = b[i + k] > low[i + k] ? slope[i + k] : -INFINITY;
      top[k] = here > top[k] ? here : top[k];
      consider(fall_of(here - from, curve + own[i + k], kernel[i + k]), i + k, &value[k], &at[k]);
    }
  for (int k = 0; i < n; i++, k++) {
    double here = b[i] > low[i] ? slope[i] : -INFINITY;
    top[k] = here > top[k] ? here : top[k];
    consider(fall_of(here - from, curve + own[i], kernel[i]), i, &value[k], &at[k]);
  }
  *largest = -INFINITY;
  for (int k = 0; k < LANES; k++) *largest = top[k] > *largest ? top[k] : *largest;
  return best_lane(value, at);
}

CM_SIMD static void gather(const float *kernel, const int *row, int n, float *to) {
  for (int i = 0; i < n; i++) to[i] = kernel[row[i]];
}

CM_SIMD static void move_slopes(double *slope, const float *first, const float *second, double step, int n) {
  for (int i = 0; i < n; i++) slope[i] += step * ((double)first[i] - (double)second[i]);
}

CM_SIMD static void add_slopes(double *slope, const float *kernel, const int *row, double b, int n) {
  for (int i = 0; i < n; i++) slope[i] += b * (double)kernel[row[i]];
}

/* ---- shrinking ------------------------------------------------------------------------------------------------------
 */

static void swap_numbers(double *array, int i, int j) {
  double t = array[i];
  array[i] = array[j];
  array[j] = t;
}

static void swap_variables(Solver *s, int i, int j) {
  CmSmo *p = s->p;
  int row = p->row[i];
  p->row[i] = p->row[j];
  p->row[j] = row;
  double *const arrays[] = {p->linear, p->low, p->high, p->b, s->slope, s->curve};
  for (int a = 0; a < CM_COUNT(arrays); a++) swap_numbers(arrays[a], i, j);
}

/* The range of slopes: of the least that may rise and the largest that may fall. */
static void find_range(const Solver *s, double *least, double *largest) {
  *least = INFINITY;
  *largest = -INFINITY;
  for (int i = 0; i < s->active; i++) {
    if (s->p->b[i] < s->p->high[i] && s->slope[i] < *least) *least = s->slope[i];
    if (s->p->b[i] > s->p->low[i] && s->slope[i] > *largest) *largest = s->slope[i];
  }
}

static void shrink(Solver *s) {
  const CmSmo *p = s->p;
  double least, largest;
  find_range(s, &least, &largest);
  for (int i = 0; i < s->active; i++) {
    while (i < s->active &&
           ((p->b[i] >= p->high[i] && s->slope[i] < least) || (p->b[i] <= p->low[i] && s->slope[i] > largest)))
      swap_variables(s, i, --s->active);
  }
}

/* Slopes of those that were left out are summed anew. */
static bool unshrink(Solver *s, CmError **err) {
  const CmSmo *p = s->p;
  int from = s->active, rest = p->count - from;
  if (rest == 0) return true;
  for (int i = from; i < p->count; i++) s->slope[i] = p->linear[i];
  for (int i = 0; i < p->count; i++) {
    if (p->b[i] == 0) continue;
    const float *kernel = cm__gram_row(s->view, p->row[i], err);
    if (!kernel) return false;
    add_slopes(s->slope + from, kernel, p->row + from, p->b[i], rest);
  }
  s->active = p->count;
  return true;
}

/* ---- solving --------------------------------------------------------------------------------------------------------
 */

typedef enum Step { STEP_FAILED, STEP_MADE, STEP_OPTIMAL } Step;

/* Moves the best pair; *gap: by how much optimality was missed before. */
static Step move_pair(Solver *s, double *gap, CmError **err) {
  CmSmo *p = s->p;
  Choice up = steepest(s->slope, p->b, p->high, s->active);
  if (up.at < 0) return STEP_OPTIMAL;
  const float *kernel = cm__gram_row(s->view, p->row[up.at], err);
  if (!kernel) return STEP_FAILED;
  gather(kernel, p->row, s->active, s->first);
  double largest;
  Choice down = partner(s, -up.value, s->curve[up.at], s->active, &largest);
  *gap = largest + up.value;
  if (down.at < 0 || *gap < p->tolerance) return STEP_OPTIMAL;
  if (!(kernel = cm__gram_row(s->view, p->row[down.at], err))) return STEP_FAILED;
  gather(kernel, p->row, s->active, s->second);
  int i = up.at, j = down.at;
  double bend = s->curve[i] + s->curve[j] - 2 * (double)s->first[j];
  double step = (s->slope[j] - s->slope[i]) / (bend > least_curve ? bend : least_curve);
  double rise = p->high[i] - p->b[i], fall = p->b[j] - p->low[j];
  if (step > rise) step = rise;
  if (step > fall) step = fall;
  p->b[i] = step == rise ? p->high[i] : p->b[i] + step; /* bounds are met exactly */
  p->b[j] = step == fall ? p->low[j] : p->b[j] - step;
  move_slopes(s->slope, s->first, s->second, step, s->active);
  return STEP_MADE;
}

static bool solve(Solver *s, CmError **err) {
  const CmSmo *p = s->p;
  int period = p->count < SHRINK_ROUNDS ? p->count : SHRINK_ROUNDS;
  bool near = false;
  double gap = INFINITY;
  for (int round = 1; round <= MOST_ROUNDS; round++) {
    if (round % period == 0) {
      if (cm_context_cancelled(s->view->gram->ctx, err)) return false;
      if (!near && gap <= 10 * p->tolerance) { /* once, before the end is fine-tuned */
        near = true;
        if (!unshrink(s, err)) return false;
      }
      shrink(s);
    }
    Step step = move_pair(s, &gap, err);
    if (step == STEP_FAILED) return false;
    if (step == STEP_MADE) continue;
    if (s->active == p->count) return true;
    if (!unshrink(s, err)) return false;
  }
  return unshrink(s, err);
}

static double find_rho(const Solver *s) {
  const CmSmo *p = s->p;
  double sum = 0, least, largest;
  int free_ones = 0;
  for (int i = 0; i < p->count; i++) {
    if (p->b[i] <= p->low[i] || p->b[i] >= p->high[i]) continue;
    sum += s->slope[i];
    free_ones++;
  }
  if (free_ones) return sum / free_ones;
  find_range(s, &least, &largest);
  return isfinite(least) && isfinite(largest) ? (least + largest) / 2 : isfinite(least) ? least : largest;
}

bool cm__smo_make(CmArena *scratch, int64_t count, double tolerance, CmSmo *p, CmError **err) {
  if (count > INT32_MAX) {
    cm_error_set(err, CM_ERR_UNSUPPORTED, "%lld rows are too many for support vectors; train on fewer",
                 (long long)count);
    return false;
  }
  *p = (CmSmo){.count = (int)count, .tolerance = tolerance};
  p->row = CM__NEW(scratch, int, count, err);
  p->linear = CM__NEW(scratch, double, count, err);
  p->low = CM__NEW(scratch, double, count, err);
  p->high = CM__NEW(scratch, double, count, err);
  p->b = CM__NEW(scratch, double, count, err);
  return p->row && p->linear && p->low && p->high && p->b;
}

static bool too_large(CmError **err) {
  cm_error_set(err, CM_ERR_DATA,
               "the kernel's values are too large for numbers; scale the features (prepare scale=zscore), or use a "
               "smaller gamma or degree");
  return false;
}

bool cm__smo(CmArena *scratch, CmGramView *view, CmSmo *p, CmError **err) {
  Solver s = {.p = p, .view = view};
  s.slope = CM__NEW(scratch, double, p->count, err);
  s.curve = CM__NEW(scratch, double, p->count, err);
  s.first = CM__NEW(scratch, float, p->count, err);
  s.second = CM__NEW(scratch, float, p->count, err);
  if (!s.slope || !s.curve || !s.first || !s.second) return false;
  for (int i = 0; i < p->count; i++) {
    s.slope[i] = p->linear[i];
    s.curve[i] = cm__gram_diagonal(view->gram, p->row[i]);
    if (!(s.curve[i] <= FLT_MAX)) return too_large(err); /* its row is in single precision */
  }
  for (int i = 0; i < p->count; i++) {
    if (p->b[i] == 0) continue;
    const float *kernel = cm__gram_row(view, p->row[i], err);
    if (!kernel) return false;
    add_slopes(s.slope, kernel, p->row, p->b[i], p->count);
  }
  s.active = p->count;
  if (!solve(&s, err)) return false;
  p->rho = find_rho(&s);
  return isfinite(p->rho) || too_large(err);
}
