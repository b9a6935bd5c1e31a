/* Rows of several subjects with the very same features. */
#include <math.h>
#include <string.h>

#include "core/simd.h"
#include "cormack/parallel.h"
#include "learn/rng.h"
#include "learn/survey.h"

typedef uint64_t __attribute__((may_alias)) Bits;

typedef struct Prints {
  const CmLearnData *data;
  int measured;
  const uint64_t *factor; /* odd, one a feature */
  uint64_t *print;        /* of each row; 0: nothing is measured */
} Prints;

/* Only a first sieve: rows of one print are compared. The upper halves are folded down, since numbers of few digits
 * have zeros below. */
CM_SIMD static uint64_t print_row(const Bits *bits, const uint64_t *factor, int count) {
  uint64_t sum = 0;
  for (int j = 0; j < count; j++) sum += (bits[j] ^ bits[j] >> 32) * factor[j];
  return sum;
}

static bool is_measured(const double *x, int count) {
  int j = 0;
  while (j < count && isnan(x[j])) j++;
  return j < count;
}

static bool print_rows(void *arg, CmRange range, CmError **err) {
  (void)err;
  const Prints *p = arg;
  for (int64_t i = range.begin; i < range.end; i++) {
    const double *x = p->data->x + i * p->data->features;
    p->print[i] = is_measured(x, p->measured) ? cm__mix(print_row((const Bits *)x, p->factor, p->measured)) | 1 : 0;
  }
  return true;
}

/* The last row before that has the same features, and takes its place; -1: none. */
static int64_t find_twin(const Prints *p, int64_t *place, uint64_t mask, int64_t row) {
  size_t d = (size_t)p->data->features, size = (size_t)p->measured * sizeof(double);
  for (uint64_t at = p->print[row] >> 1 & mask;; at = (at + 1) & mask) {
    int64_t other = place[at] - 1; /* 0: free */
    bool same = other >= 0 && p->print[other] == p->print[row] &&
                !memcmp(p->data->x + (size_t)other * d, p->data->x + (size_t)row * d, size);
    if (other >= 0 && !same) continue;
    place[at] = row + 1;
    return other;
  }
}

bool cm__count_twins(const CmLearnData *data, int measured, int64_t *twins, int64_t pair[2], CmError **err) {
  CmArena hold = {.ctx = data->hold.ctx};
  int64_t places = 16;
  while (places < 2 * data->rows) places *= 2;
  uint64_t *factor = CM__NEW(&hold, uint64_t, measured, err);
  int64_t *place = CM__NEW(&hold, int64_t, places, err);
  Prints p = {data, measured, factor, CM__NEW(&hold, uint64_t, data->rows, err)};
  bool ok = factor && place && p.print;
  for (int j = 0; ok && j < measured; j++) factor[j] = cm__mix((uint64_t)j + 1) | 1;
  ok = ok && cm_parallel_for(hold.ctx, NULL, data->rows, 1024, print_rows, &p, err);
  *twins = 0;
  for (int64_t i = 0; ok && i < data->rows; i++) {
    int64_t other = p.print[i] ? find_twin(&p, place, (uint64_t)places - 1, i) : -1;
    if (other < 0 || data->subject[other] == data->subject[i]) continue;
    if (!(*twins)++) {
      pair[0] = other;
      pair[1] = i;
    }
  }
  cm__arena_free(&hold);
  return ok;
}
