#include "learn/gram.h"

#include <math.h>

#define KEPT_BYTES ((int64_t)1 << 30) /* of all machines that threads train at once */
#define HELD_BYTES ((int64_t)32 << 20)
enum { TOGETHER = 64 }; /* numbers in double precision on their way */

bool cm__gram_open(CmArena *hold, const CmKernel *kernel, const CmTraining *training, CmGram *gram, CmError **err) {
  *gram = (CmGram){.ctx = hold->ctx, .kernel = kernel, .x = training->x, .features = training->features};
  if (training->rows > INT32_MAX / 2) {
    cm_error_set(err, CM_ERR_UNSUPPORTED, "support vectors take at most %d rows; train on fewer", INT32_MAX / 2);
    return false;
  }
  gram->rows = (int)training->rows;
  gram->most = (int)(KEPT_BYTES / cm_context_threads(hold->ctx) / ((int64_t)sizeof(float) * gram->rows));
  gram->row = CM__NEW(hold, _Atomic(float *), gram->rows, err);
  return gram->row != NULL;
}

void cm__gram_close(CmGram *gram) {
  for (int i = 0; gram->row && i < gram->rows; i++) cm_free(atomic_load(&gram->row[i]));
}

bool cm__gram_view(CmArena *hold, CmGram *gram, CmGramView *view, CmError **err) {
  *view = (CmGramView){.gram = gram};
  if (gram->most >= gram->rows) return true;
  int64_t slots = HELD_BYTES / ((int64_t)sizeof(float) * gram->rows);
  view->slots = slots < 2 ? 2 : slots < gram->rows ? (int)slots : gram->rows;
  view->slot = CM__NEW(hold, float, (int64_t)view->slots * gram->rows, err);
  view->held = CM__NEW(hold, int, view->slots, err);
  view->place = CM__NEW(hold, int, gram->rows, err);
  if (!view->slot || !view->held || !view->place) return false;
  for (int i = 0; i < view->slots; i++) view->held[i] = -1;
  for (int i = 0; i < gram->rows; i++) view->place[i] = -1;
  return true;
}

static void compute(const CmGram *gram, int row, float *to) {
  const double *x = gram->x + (int64_t)row * gram->features;
  double values[TOGETHER];
  for (int first = 0; first < gram->rows; first += TOGETHER) {
    int count = gram->rows - first < TOGETHER ? gram->rows - first : TOGETHER;
    cm__kernel_values(gram->kernel, x, gram->x + (int64_t)first * gram->features, count, gram->features, values);
    for (int i = 0; i < count; i++) to[first + i] = (float)values[i];
  }
}

/* Of two threads that compute a row the first one's stays: they are the same. */
static const float *keep_row(CmGram *gram, int row, CmError **err) {
  float *made = cm_alloc_array(gram->ctx, (size_t)gram->rows, sizeof *made, err), *other = NULL;
  if (!made) return NULL;
  compute(gram, row, made);
  if (atomic_compare_exchange_strong(&gram->row[row], &other, made)) return made;
  cm_free(made);
  return other;
}

const float *cm__gram_row(CmGramView *view, int row, CmError **err) {
  CmGram *gram = view->gram;
  const float *kept = atomic_load(&gram->row[row]);
  if (kept) return kept;
  if (gram->most >= gram->rows || atomic_fetch_add(&gram->stored, 1) < gram->most) return keep_row(gram, row, err);
  atomic_fetch_sub(&gram->stored, 1);
  if (view->place[row] < 0) {
    int slot = view->next++ % view->slots;
    view->next %= view->slots;
    if (view->held[slot] >= 0) view->place[view->held[slot]] = -1;
    view->held[slot] = row;
    view->place[row] = slot;
    compute(gram, row, view->slot + (int64_t)slot * gram->rows);
  }
  return view->slot + (int64_t)view->place[row] * gram->rows;
}

double cm__gram_diagonal(const CmGram *gram, int row) {
  const double *x = gram->x + (int64_t)row * gram->features;
  double value;
  cm__kernel_values(gram->kernel, x, x, 1, gram->features, &value);
  return value;
}
