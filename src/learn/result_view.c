#include "learn/result_view.h"

static int views(const CmTrial *trial) {
  return (trial->params.folds ? (int)trial->params.repeats : 0) + (trial->held_rows > 0);
}

CmView cm__view(const CmTrial *trial, const CmOutcome *outcome, int at) {
  if (trial->params.folds && at < trial->params.repeats)
    return (CmView){"cross_validation",
                    at + 1,
                    trial->pool_rows,
                    trial->pool,
                    trial->pool_y,
                    trial->fold + at * trial->pool_rows,
                    outcome->p + at * trial->pool_rows * trial->width,
                    at ? NULL : outcome->shap};
  return (CmView){"hold_out",    0,    trial->held_rows, trial->held,
                  trial->held_y, NULL, outcome->held_p,  outcome->held_shap};
}

void cm__put_place(CmTableWriter *w, const CmOutcome *outcome, const CmView *view) {
  cm__rows_next(w);
  cm__rows_text(w, outcome->model->name);
  cm__rows_text(w, view->part);
  if (view->repeat)
    cm__rows_int(w, view->repeat);
  else
    cm__rows_skip(w);
}

/* fold, row and subject of place i */
void cm__put_row(CmTableWriter *w, const CmTrial *trial, const CmView *view, int64_t i) {
  if (view->fold)
    cm__rows_int(w, view->fold[i] + 1);
  else
    cm__rows_skip(w);
  int64_t row = view->row[i];
  cm__rows_int(w, trial->data.row[row]);
  cm__rows_text(w, trial->data.subject_name[trial->data.subject[row]]);
}

void cm__place_columns(CmTableWriter *w) {
  cm__rows_column(w, "model", CM_COLUMN_TEXT, "");
  cm__rows_column(w, "part", CM_COLUMN_TEXT, "");
  cm__rows_column(w, "repeat", CM_COLUMN_INT, "");
}

void cm__row_columns(CmTableWriter *w) {
  cm__rows_column(w, "fold", CM_COLUMN_INT, "");
  cm__rows_column(w, "row", CM_COLUMN_INT, "");
  cm__rows_column(w, "subject", CM_COLUMN_TEXT, "");
}

bool cm__each_view(CmTableWriter *w, CmTrial *trial, CmViewPut *put, CmError **err) {
  for (int l = 0; l < trial->count; l++) {
    for (int v = 0; v < views(trial); v++) {
      CmView view = cm__view(trial, &trial->outcome[l], v);
      if (!put(w, trial, &trial->outcome[l], &view, err)) return false;
    }
  }
  return true;
}

CmTable *cm__rows_end(CmTableWriter *w, bool ok) {
  if (!ok) cm_table_unref(&w->table);
  return cm__rows_finish(w);
}
