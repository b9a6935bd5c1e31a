/* The parts of the report, one function each; a part that has nothing to say adds nothing. */
#ifndef STUDY_REPORT_SECTIONS_H
#define STUDY_REPORT_SECTIONS_H

#include "study/report.h"
#include "study/report/charts.h"
#include "study/report/html.h"
#include "study/report/rows.h"
#include "study/report/slices.h"

typedef struct CmReport {
  const CmStudyResult *result;
  CmTextBuffer out;
  const char *class_name;              /* the positive class, or "macro"; "" where no classes are predicted */
  const char *measure, *measure_shown; /* what models are ranked by: "auc", "AUC", or R2, or the C-index */
  const char *best_model;              /* of the best cross-validated measure; NULL: nothing was learned */
  int64_t best_row;                    /* of its measure in the metrics */
  const char *explained_model;         /* the same among those with SHAP values; NULL: none */
} CmReport;

/* The grey window of a picture: as the study says, else by the unit: HU -1350 to 450, SUV 0 to 7, others the image's
 * percentiles. */
void cm__choose_window(const CmResultPicture *picture, const CmImage *image, CmSliceView *view);

bool cm__report_inputs(CmReport *report, CmError **err);
bool cm__report_images(CmReport *report, CmError **err);
bool cm__report_prediction(CmReport *report, CmError **err);
/* A value of the learning's table «summary»; "" where it has none. */
const char *cm__report_summary(const CmReport *report, const char *name);
/* Within the prediction: of classes; of numbers and of survival. */
void cm__report_decisions(CmReport *report);
void cm__report_numbers(CmReport *report);
/* What else the validation was asked for. */
void cm__report_validation(CmReport *report);
bool cm__report_why(CmReport *report, CmError **err);
bool cm__report_subjects(CmReport *report, CmError **err);
bool cm__report_has_growth(const CmReport *report);
bool cm__report_growth(CmReport *report, CmError **err);
bool cm__report_tables(CmReport *report, CmError **err);
bool cm__report_methods(CmReport *report, CmError **err);
bool cm__report_checklist(CmReport *report, CmError **err);
bool cm__report_provenance(CmReport *report, CmError **err);

#endif
