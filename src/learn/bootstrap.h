/* Statistics of subjects drawn with putting back (Efron 1979), all rows of a subject together. */
#ifndef CORMACK_LEARN_BOOTSTRAP_H
#define CORMACK_LEARN_BOOTSTRAP_H

#include "core/arena.h"

/* Statistics with each subject `times` over (NULL: once). */
typedef void CmWeigh(const void *arg, const double *times, double *scratch, double *to);

typedef struct CmBootstrap {
  CmWeigh *weigh;
  const void *arg;
  int64_t subjects, scratch; /* scratch: numbers that weigh() wants room for */
  int size;                  /* statistics */
  int64_t resamples;
  uint64_t seed;
} CmBootstrap;

/* The statistics of all rows, and of each resample: drawn is size x resamples, in `hold`. The draws depend on the seed
 * and the resample's number alone. */
bool cm__bootstrap(CmArena *hold, const CmBootstrap *boot, double *point, double **drawn, CmError **err);

#endif
