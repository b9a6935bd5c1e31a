#include "learn/newton.h"

#include <math.h>
#include <string.h>

#include "learn/dense.h"

enum { MOST_STEPS = 100, MOST_HALVINGS = 50 };

typedef struct Room {
  double *gradient, *hessian, *step, *trial;
} Room;

/* The step down; false where the matrix is not positive definite in doubles. */
static bool find_step(Room *room, int count) {
  if (!cm__cholesky(room->hessian, count)) return false;
  for (int i = 0; i < count; i++) room->step[i] = -room->gradient[i];
  cm__cholesky_solve(room->hessian, count, room->step);
  return true;
}

static bool no_minimum(CmError **err) {
  cm_error_set(err, CM_ERR_DATA,
               "the likelihood has no maximum: features part the target without error, or are combinations of others; "
               "penalise with alpha, or use fewer features");
  return false;
}

bool cm__newton(CmContext *ctx, CmNewtonFn *function, void *arg, int count, double *w, CmError **err) {
  CmArena scratch = {.ctx = ctx};
  size_t cells;
  bool ok = cm_size_multiply((size_t)count, (size_t)count, &cells, err), done = false;
  Room room = {CM__NEW(&scratch, double, count, err), ok ? CM__NEW(&scratch, double, cells, err) : NULL,
               CM__NEW(&scratch, double, count, err), CM__NEW(&scratch, double, count, err)};
  ok = ok && room.gradient && room.hessian && room.step && room.trial;
  for (int step = 0; ok && !done && step < MOST_STEPS; step++) {
    memset(room.gradient, 0, sizeof(double) * (size_t)count);
    memset(room.hessian, 0, sizeof(double) * cells);
    double value = function(arg, w, room.gradient, room.hessian), slope = 0, share = 1;
    if (!find_step(&room, count)) ok = no_minimum(err);
    for (int i = 0; ok && i < count; i++) slope += room.gradient[i] * room.step[i];
    done = -slope <= 1e-14 * (1 + fabs(value)); /* the fall is lost in rounding; the step is taken whole */
    bool falls = done;
    for (int halving = 0; ok && halving < MOST_HALVINGS; halving++, share /= 2) {
      for (int i = 0; i < count; i++) room.trial[i] = w[i] + share * room.step[i];
      if (done || (falls = function(arg, room.trial, NULL, NULL) <= value + 1e-4 * share * slope)) break;
    }
    if (ok && !falls) done = true; /* as low as doubles can tell */
    if (ok && falls) memcpy(w, room.trial, sizeof *w * (size_t)count);
    ok = ok && !cm_context_cancelled(ctx, err);
  }
  if (ok && !done) ok = no_minimum(err);
  cm__arena_free(&scratch);
  return ok;
}
