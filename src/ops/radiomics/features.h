/* Measured numbers with their names, in the order in which they are found. */
#ifndef CM_OPS_RADIOMICS_FEATURES_H
#define CM_OPS_RADIOMICS_FEATURES_H

#include "cormack/context.h"

#define CM__FEATURE_NAME 96

typedef struct CmMeasured {
  char name[CM__FEATURE_NAME];
  double value; /* NaN: not defined for this region */
} CmMeasured;

typedef struct CmMeasuredList {
  CmContext *ctx;
  CmMeasured *item;
  int count, room;
} CmMeasuredList;

/* The name is `name` with `suffix` behind it. */
bool cm__measured_add(CmMeasuredList *list, const char *name, const char *suffix, double value, CmError **err);
/* names[k] with value[k]. */
bool cm__measured_add_all(CmMeasuredList *list, const char *const *names, const char *suffix, const double *values,
                          int count, CmError **err);
void cm__measured_free(CmMeasuredList *list);

/* The mean of several sets of features, each feature over the sets in which it is defined. */
#define CM__MEAN_MOST 32
typedef struct CmFeatureMean {
  double sum[CM__MEAN_MOST];
  int64_t sets[CM__MEAN_MOST];
} CmFeatureMean;
void cm__feature_mean_add(CmFeatureMean *mean, const double *values, int count);
/* values[k]: NaN where no set has it. */
void cm__feature_mean_take(const CmFeatureMean *mean, double *values, int count);

#endif
