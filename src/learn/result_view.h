/* The predictions of a validation as the tables walk through them: learner by learner, view by view. */
#ifndef CORMACK_LEARN_RESULT_VIEW_H
#define CORMACK_LEARN_RESULT_VIEW_H

#include "learn/result.h"
#include "learn/rows.h"

/* A part of a trial seen in one way: the pool in one repeat, or the hold-out. */
typedef struct CmView {
  const char *part;
  int64_t repeat; /* 0: the hold-out */
  int64_t rows;
  const int64_t *row; /* of the data */
  const int *y, *fold;
  const double *p, *shap;
} CmView;

typedef bool CmViewPut(CmTableWriter *w, CmTrial *trial, const CmOutcome *outcome, const CmView *view, CmError **err);

CmView cm__view(const CmTrial *trial, const CmOutcome *outcome, int at);
/* Calls `put` for each learner and view. */
bool cm__each_view(CmTableWriter *w, CmTrial *trial, CmViewPut *put, CmError **err);

/* The columns «model», «part», «repeat», and the start of a row in them. */
void cm__place_columns(CmTableWriter *w);
void cm__put_place(CmTableWriter *w, const CmOutcome *outcome, const CmView *view);
/* The columns «fold», «row», «subject», and their cells for place i of the view. */
void cm__row_columns(CmTableWriter *w);
void cm__put_row(CmTableWriter *w, const CmTrial *trial, const CmView *view, int64_t i);

/* The columns of the table «metrics». */
bool cm__metrics_start(CmTableWriter *w, CmContext *ctx, CmError **err);
/* «class», «metric», «value», «low», «high», «interval», «rows», «subjects» of a metric of these predictions. */
void cm__put_metric(CmTableWriter *w, const CmTrial *trial, const CmMetric *metric, const CmScores *scores);

/* Hands the table over where `ok`. */
CmTable *cm__rows_end(CmTableWriter *w, bool ok);

#endif
