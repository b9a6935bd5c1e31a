/* Features that run lengths, size zones, distance zones and neighbouring dependences share: of a matrix of counts over
 * grey level and size. IBSI manual 3.7 to 3.11. */
#ifndef CM_OPS_RADIOMICS_EMPHASIS_H
#define CM_OPS_RADIOMICS_EMPHASIS_H

#include "cormack/context.h"

typedef struct CmEntry {
  int64_t level, size;
  double count; /* may be weighted */
} CmEntry;

/* The entries of a matrix that are not 0, in any order and with repetitions until cm__entries_merge(). */
typedef struct CmEntries {
  CmContext *ctx;
  CmEntry *item;
  int64_t count, room;
} CmEntries;

bool cm__entries_add(CmEntries *entries, int64_t level, int64_t size, double count, CmError **err);
bool cm__entries_append(CmEntries *entries, const CmEntries *more, CmError **err);
/* From a dense matrix levels x sizes whose first row and column stand for 1. */
bool cm__entries_from(CmEntries *entries, const int64_t *matrix, int64_t levels, int64_t sizes, CmError **err);
/* Sorts by level, then size, and adds up repetitions. */
void cm__entries_merge(CmEntries *entries);
void cm__entries_free(CmEntries *entries);

enum {
  CM__SHORT,
  CM__LONG,
  CM__LOW_LEVEL,
  CM__HIGH_LEVEL,
  CM__SHORT_LOW,
  CM__SHORT_HIGH,
  CM__LONG_LOW,
  CM__LONG_HIGH,
  CM__LEVEL_NON_UNIFORMITY,
  CM__LEVEL_NON_UNIFORMITY_NORMALISED,
  CM__SIZE_NON_UNIFORMITY,
  CM__SIZE_NON_UNIFORMITY_NORMALISED,
  CM__PERCENTAGE,
  CM__LEVEL_VARIANCE,
  CM__SIZE_VARIANCE,
  CM__ENTROPY,
  CM__ENERGY,
  CM__EMPHASES
};

/* entries: merged; their order is changed. voxels: of the region, times the matrices that were merged. NaN where there
 * are no entries. */
void cm__emphases(CmEntries *entries, double voxels, double out[CM__EMPHASES]);

#endif
