#include "learn/explain.h"

static const CmParam params_table[] = {
    CM_PARAM_INT(CmExplainParams, background, 100, 1, 100000, "", "rows of the background at most, evenly spaced ones"),
    CM_PARAM_INT(CmExplainParams, coalitions, 0, 0, 10000000, "",
                 "sets of features that are tried at most; 0: 2048 + 2 for each feature"),
    CM_PARAM_INT(CmExplainParams, grid, 20, 2, 1000, "", "points, or bins, of an effect"),
    CM_PARAM_INT(CmExplainParams, rows, 500, 1, 1000000000, "",
                 "for each point of a partial dependence at most, evenly spaced ones"),
    CM_PARAM_INT(CmExplainParams, samples, 5000, 10, 10000000, "", "drawn around a row by LIME"),
    CM_PARAM_INT(CmExplainParams, told, 10, 1, 100000, "", "features of LIME's linear model of a row at most"),
    CM_PARAM_INT(CmExplainParams, neighbours, 10, 1, 100000, "",
                 "rows of the background that are decided otherwise, from which a counterfactual is sought"),
    CM_PARAM_TEXT(CmExplainParams, fixed, "",
                  "features that a counterfactual must leave as they are, with commas between"),
    CM_PARAM_INT(CmExplainParams, seed, 1, 0, 2147483647, "", "of the coalitions and samples that are drawn"),
};

static const CmOp about = {
    .name = "explain",
    .family = "learn",
    .since = "0.1",
    .summary = "What moves a model's predictions.",
    .details =
        "Kernel SHAP, LIME and counterfactuals of single rows; partial dependence and accumulated local effects of "
        "features.",
    .cite =
        "Lundberg, Lee: A unified approach to interpreting model predictions, NIPS 2017; Friedman, Ann. Stat. 29, "
        "2001; Apley, Zhu, J. R. Stat. Soc. B 82, 2020; Ribeiro, Singh, Guestrin: \"Why should I trust you?\", KDD "
        "2016; "
        "Wachter, Mittelstadt, Russell, Harv. J. Law Tech. 31, 2018; Brughmans, Leyman, Martens, Data Min. Knowl. "
        "Disc. "
        "2023",
    CM_OP_PARAMS(CmExplainParams, params_table),
};
const CmOp *cm_explain_about(void) {
  return &about;
}

bool cm__model_outputs(CmContext *ctx, const CmModel *model, const double *x, int64_t rows, double *numbers, double *to,
                       CmError **err) {
  int outputs = cm__outputs(model->task, model->classes), width = cm__width(model->task, model->classes);
  if (!cm__model_numbers(ctx, model, x, rows, numbers, err)) return false;
  int first = model->task == CM_TASK_BINARY ? 1 : model->task == CM_TASK_SURVIVAL ? CM__SURVIVAL_RISK : 0;
  for (int64_t i = 0; i < rows; i++)
    for (int o = 0; o < outputs; o++) to[i * outputs + o] = numbers[i * width + first + o];
  return true;
}

bool cm__explain_start(CmContext *ctx, const CmModel *model, const CmExplainParams *params, CmExplainParams *filled,
                       CmError **err) {
  if (model->task == CM_TASK_EMBEDDING || model->task == CM_TASK_ORDINAL) {
    cm_error_set(err, CM_ERR_UNSUPPORTED,
                 "%s: there is no one number a row to explain; train a model of classes, numbers or survival",
                 cm_learn_task_name(model->task));
    return false;
  }
  CmExplainParams *defaults = params ? NULL : cm_params_create(ctx, &about, err);
  if (!params && !defaults) return false;
  *filled = params ? *params : *defaults;
  cm_free(defaults);
  return true;
}

bool cm__explain_background(const CmTable *background, CmError **err) {
  if (cm_table_rows(background)) return true;
  cm_error_set(err, CM_ERR_DATA,
               "the background has no rows; give the rows that the model was trained on, or some of them");
  return false;
}

int64_t cm__even_step(int64_t rows, int64_t most) {
  return rows > most ? (rows + most - 1) / most : 1;
}
