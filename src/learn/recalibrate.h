/* Probabilities made to come true: maps that are fitted to predictions of rows which the model has not seen. */
#ifndef CORMACK_LEARN_RECALIBRATE_H
#define CORMACK_LEARN_RECALIBRATE_H

#include "learn/kind.h"

enum { CM__RECALIBRATE_NONE, CM__RECALIBRATE_LOGISTIC, CM__RECALIBRATE_ISOTONIC, CM__RECALIBRATE_TEMPERATURE };

/* One map a class, against the rest; binary: of class 1 alone; temperature: one of all. */
typedef struct CmRecalibration {
  int method, classes, maps;
  double *slope, *offset; /* logistic, a map: 1 / (1 + exp(slope * log-odds + offset)); temperature: slope 1 / T */
  int *points;            /* isotonic, a map: straight lines between from[] and to[], level outside */
  double **from, **to;
} CmRecalibration;

/* p: rows x classes, of rows that were not trained on; y: their classes. Memory in `hold`. */
bool cm__recalibration_fit(CmArena *hold, int method, const double *p, const int *y, int64_t rows, int classes,
                           CmRecalibration *to, CmError **err);
/* In place; p: rows x classes. Nothing where the method is none. */
void cm__recalibration_apply(const CmRecalibration *r, double *p, int64_t rows);
void cm__recalibration_write(const CmRecalibration *r, CmTextBuffer *json); /* null where none */
bool cm__recalibration_read(CmArena *hold, const json_t *json, int classes, CmRecalibration *to, CmError **err);

#endif
