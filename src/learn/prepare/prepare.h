/* Preparation of features, fitted on training rows: what is filled and by what, which scanner's mark is taken off, what
 * stays, by what it is shifted and divided. */
#ifndef CORMACK_LEARN_PREPARE_H
#define CORMACK_LEARN_PREPARE_H

#include "learn/data.h"
#include "learn/kind.h"

typedef struct CmImputer CmImputer;
typedef struct CmHarmony CmHarmony;

typedef struct CmPrepare {
  int features; /* of the table */
  int used;
  int *use;               /* features that are read, rising */
  double *fill;           /* used: for a missing value that the imputer leaves; NaN: stays missing */
  CmImputer *imputer;     /* NULL: none */
  CmHarmony *harmony;     /* NULL: none */
  int kept, width;        /* columns that the model sees: the kept ones, then one for the absence of some of them */
  int *keep;              /* width: the feature of each, rising in either part */
  int *place;             /* width: its place among the used ones */
  double *center, *scale; /* width */
  int along_time;         /* filled from other visits before; 0: not */
  const char *time;       /* column, where so */
  const char *imputed, *left_out; /* notes of the fit; NULL: nothing to say */
} CmPrepare;

/* `training` is unprepared and has no unlabelled rows; data: what its columns are. */
bool cm__prepare_fit(CmArena *hold, const CmPrepareParams *params, const CmModelKind *kind, const CmTraining *training,
                     const CmLearnData *data, CmPrepare *prepare, CmError **err);
/* to: rows x width. */
bool cm__prepare_apply(CmContext *ctx, const CmPrepare *prepare, const double *x, int64_t rows, double *to,
                       CmError **err);
/* Adds the notes of the fit, once for preparations that did the same. */
bool cm__prepare_note(CmLearnData *data, const CmPrepare *prepare, CmError **err);

void cm__prepare_write(const CmPrepare *prepare, CmTextBuffer *json);
/* version: of the model file. */
bool cm__prepare_read(CmArena *hold, const json_t *json, int version, int features, CmPrepare *prepare, CmError **err);

#endif
