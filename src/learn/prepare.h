/* Preparation of features, fitted on training rows: what goes, what stays, by what it is filled, shifted and divided.
 */
#ifndef CORMACK_LEARN_PREPARE_H
#define CORMACK_LEARN_PREPARE_H

#include "learn/kind.h"

typedef struct CmPrepare {
  int features, kept;
  int *keep;    /* index of each kept feature, rising */
  double *fill; /* for missing values; NaN: left missing */
  double *center, *scale;
} CmPrepare;

/* `training` is unprepared and has no unlabelled rows. */
bool cm__prepare_fit(CmArena *hold, const CmPrepareParams *params, const CmModelKind *kind, const CmTraining *training,
                     const char *const *names, CmPrepare *prepare, CmError **err);
/* to: rows x kept. */
void cm__prepare_apply(const CmPrepare *prepare, const double *x, int64_t rows, double *to);
void cm__prepare_write(const CmPrepare *prepare, CmTextBuffer *json);
bool cm__prepare_read(CmArena *hold, const json_t *json, int features, CmPrepare *prepare, CmError **err);

#endif
