/* ComBat: what scanners add to features and how they spread them, taken off (Johnson, Li, Rabinovic, Biostatistics 8,
 * 2007, parametric empirical Bayes). */
#ifndef CORMACK_LEARN_PREPARE_HARMONY_H
#define CORMACK_LEARN_PREPARE_HARMONY_H

#include "learn/prepare/fit.h"
#include "learn/prepare/rows.h"

struct CmHarmony {
  int batch; /* feature that holds the level's number */
  int levels;
  const char **level;
  int *rows; /* levels: of the training; 0: not seen */
  int covariates;
  int *covariate; /* places among the used columns */
  int columns;
  int *column;              /* places among the used columns */
  double *mean, *deviation; /* columns: over the batches, at covariates of 0; of what neither explains */
  double *slope;            /* columns x covariates */
  double *shift, *spread;   /* levels x columns, of what is standardised by the above */
};

/* Harmonises the columns of the fit in place; those of `covariate` (features, 1 where they are) stay as they are. The
 * places are those of features until cm__harmony_place(). */
CmHarmony *cm__harmony_fit(CmArena *hold, CmFit *fit, const CmLearnData *data, const bool *covariate, CmError **err);
/* Keeps what the used columns need; place: of each feature among the used, -1: not used. */
void cm__harmony_place(CmHarmony *harmony, const int *place);
/* Harmonises the row of used columns of a level that was seen. */
void cm__harmony_row(const CmHarmony *harmony, int level, double *row);
/* The level of a number from a table of features; -1 with CM_ERR_DATA. */
int cm__harmony_level(const CmHarmony *harmony, double number, CmError **err);
/* Numbers of the levels of all rows of a table, every `stride` places from `to`. */
bool cm__harmony_encode(const CmHarmony *harmony, const CmTable *table, int column, double *to, int stride,
                        CmError **err);

void cm__harmony_write(const CmHarmony *harmony, CmTextBuffer *json); /* NULL: null */
bool cm__harmony_read(CmArena *hold, const json_t *json, int features, int used, CmHarmony **harmony, CmError **err);

#endif
