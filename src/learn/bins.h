/* Features cut into few bins, so that a split is found by counting. */
#ifndef CORMACK_LEARN_BINS_H
#define CORMACK_LEARN_BINS_H

#include "learn/kind.h"

enum { CM__MOST_BINS = 255, CM__MISSING_BIN = 255 };

typedef struct CmBins {
  int64_t rows;
  int features;
  uint8_t *code;     /* features x rows: the bin of each value; CM__MISSING_BIN where missing */
  float *low, *high; /* features x CM__MOST_BINS: the least and the largest value of each bin, in single precision */
} CmBins;

/* Each value of a feature has a bin of its own where these are at most `most`; else the bins hold about as many rows
 * each. most: 2 .. CM__MOST_BINS. */
bool cm__bins_make(CmArena *hold, const CmTraining *training, int most, CmBins *bins, CmError **err);

#endif
