/* The charts of a learning, from its tables (cormack/learn.h says what they hold). */
#ifndef STUDY_REPORT_CHARTS_H
#define STUDY_REPORT_CHARTS_H

#include "core/text.h"
#include "cormack/learn.h"

/* ROC curves of all models for one class: the first repeat; the areas with their intervals in the legend. */
void cm__chart_roc(CmTextBuffer *out, const CmTable *roc, const CmTable *metrics, const char *part,
                   const char *class_name);
/* Observed share against mean probability with Wilson intervals, all repeats, one small chart a model. */
void cm__chart_calibration(CmTextBuffer *out, const CmTable *calibration, const char *part, const char *class_name);
/* One metric of all models with its interval. */
void cm__chart_intervals(CmTextBuffer *out, const CmTable *metrics, const char *part, const char *class_name,
                         const char *metric, const char *title);
/* The most important features by one measure. */
void cm__chart_importance(CmTextBuffer *out, const CmTable *importance, const char *model, const char *part,
                          const char *measure, const char *title);
/* SHAP values of all rows for the most important features, coloured by the feature's value. */
bool cm__chart_beeswarm(CmTextBuffer *out, const CmTable *shap, const CmTable *features, const char *model,
                        const char *class_name, CmError **err);
/* The contributions to one row's output, largest first; `row` is a row of the shap table. */
/* What pushes the output up, and what down, laid end to end where they meet: at the output. */
void cm__chart_force(CmTextBuffer *out, const CmTable *shap, int64_t row, const char *subject);
bool cm__chart_waterfall(CmTextBuffer *out, const CmTable *shap, int64_t row, const CmTable *features,
                         const char *subject, CmError **err);
/* A confusion matrix as an HTML table, summed over repeats, with shares of each target. */
void cm__chart_confusion(CmTextBuffer *out, const CmTable *confusion, const char *model, const char *part);

#endif
