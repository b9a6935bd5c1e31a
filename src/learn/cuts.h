/* Features cut into bins at quantiles as XGBoost's method hist cuts them, for boosting. */
#ifndef CORMACK_LEARN_CUTS_H
#define CORMACK_LEARN_CUTS_H

#include "learn/kind.h"

enum { CM__MOST_CUTS = 65535 };

typedef struct CmCuts {
  int64_t rows;
  int features;
  bool whole;     /* no value is missing */
  bool wide;      /* codes have 16 bits, else 8 */
  void *code;     /* features x rows: the bin of each value; missing ones have the number of bins */
  int64_t *first; /* features + 1: where the bins of each begin; one more than its bins lies between */
  float *above;   /* of each bin: its values are below, those of the next are not; the last lies above all values */
  float *under;   /* of each feature: below all values */
} CmCuts;

static inline int cm__cuts_bins(const CmCuts *cuts, int feature) {
  return (int)(cuts->first[feature + 1] - cuts->first[feature]) - 1;
}

/* Each value of a feature has a bin of its own where these are at most `most` (2 .. CM__MOST_CUTS), else bins hold
 * about the same weight: the quantiles of Chen and Guestrin 2016, appendix, of all values rather than of a sketch, so
 * that up to 8 x most rows have XGBoost's very cuts. weight: one a row; NULL: 1. */
bool cm__cuts_make(CmArena *hold, const CmTraining *training, const float *weight, int most, CmCuts *cuts,
                   CmError **err);

#endif
