/* cormack predict MODEL TABLE.csv -o OUT.csv: a saved model applied to new rows; or to images, by predict_images.c. */
#include <string.h>

#include "cli/predict_images.h"
#include "cormack/file.h"
#include "cormack/learn.h"

static const CmParam option_table[] = {
    CM_PARAM_TEXT(PredictOptions, output, "-",
                  "where the predictions go: .csv, .json, or - for standard output; for images a folder"),
    CM_PARAM_BOOL(PredictOptions, explain, "false",
                  "add each feature's contribution to the output for the positive (or predicted) class"),
    CM_PARAM_REALS(PredictOptions, survival, "", 0, 1e300, 0, CM_LIST_MAX, "",
                   "times, in the target's unit, at which to add the share that survives"),
    CM_PARAM_REAL(
        PredictOptions, interval, 0, 0, 0.9999, "1",
        "add the interval that holds this share of new measurements (linear, ridge, mixed), e.g. 0.95; 0: none"),
    CM_PARAM_TEXT(PredictOptions, labels, "", "of images: table with their outcomes, to judge the predictions by"),
    CM_PARAM_TEXT(PredictOptions, subject, "", "its column of subjects, if not called as in the study"),
    CM_PARAM_TEXT(PredictOptions, select, "", "of images: one of several, such as an array of an .npz"),
};

/* The row of contributions that belongs to a prediction: the next one of the row (binary), or that of the predicted
 * class. */
static int64_t find_contributions(const CmTable *shap, int64_t *at, const char *predicted, int outputs) {
  int class_column = cm_table_find_column(shap, "class");
  int64_t first = *at, found = first;
  *at += outputs;
  for (int o = 0; outputs > 1 && o < outputs; o++)
    if (strcmp(cm_table_text(shap, first + o, class_column), predicted) == 0) found = first + o;
  return found;
}

static bool add_contributions(CmCli *cli, const CmModel *model, const CmTable *table, CmTable *result, CmError **err) {
  CmTable *shap = cm_model_explain(cli->ctx, model, table, err);
  if (!shap) return false;
  bool good = true;
  int first = cm_table_find_column(shap, "class"), columns = cm_table_columns(shap), start = cm_table_columns(result);
  int64_t rows = cm_table_rows(result);
  int outputs = rows ? (int)(cm_table_rows(shap) / rows) : 1, predicted = cm_table_find_column(result, "predicted");
  for (int c = first; good && c < columns; c++)
    good = cm_table_add_column(result, cm_table_column_name(shap, c), cm_table_column_type(shap, c),
                               cm_table_column_unit(shap, c), err) >= 0;
  for (int64_t i = 0, at = 0; good && i < rows; i++) {
    int64_t from = find_contributions(shap, &at, outputs > 1 ? cm_table_text(result, i, predicted) : "", outputs);
    good = cm_table_is_missing(shap, from, first) ||
           cm_table_set_text(result, i, start, cm_table_text(shap, from, first), err);
    for (int c = first + 1; c < columns; c++)
      cm_table_set_real(result, i, start + c - first, cm_table_real(shap, from, c));
  }
  cm_table_unref(&shap);
  return good;
}

static bool copy_column(CmTable *to, const char *name, const CmTable *from, int column, CmError **err) {
  CmColumnType type = cm_table_column_type(from, column);
  int at = cm_table_add_column(to, name, type, cm_table_column_unit(from, column), err);
  bool good = at >= 0;
  for (int64_t i = 0; good && i < cm_table_rows(from); i++) {
    if (cm_table_is_missing(from, i, column)) continue;
    if (type == CM_COLUMN_TEXT)
      good = cm_table_set_text(to, i, at, cm_table_text(from, i, column), err);
    else if (type == CM_COLUMN_INT)
      cm_table_set_int(to, i, at, cm_table_int(from, i, column));
    else
      cm_table_set_real(to, i, at, cm_table_real(from, i, column));
  }
  return good;
}

/* Puts the columns of `extra` from `first` on behind those of the result; consumes it. */
static bool add_columns(CmTable *extra, int first, CmTable *result, CmError **err) {
  bool good = true;
  for (int c = first; good && c < cm_table_columns(extra); c++)
    good = copy_column(result, cm_table_column_name(extra, c), extra, c, err);
  cm_table_unref(&extra);
  return good;
}

static bool add_survival(CmCli *cli, const CmModel *model, const CmTable *table, const CmReals *times, CmTable *result,
                         CmError **err) {
  CmTable *share = cm_model_survival(cli->ctx, model, table, times->value, times->count, err);
  return share && add_columns(share, cm_table_columns(share) - times->count, result, err);
}

static bool add_interval(CmCli *cli, const CmModel *model, const CmTable *table, double interval, CmTable *result,
                         CmError **err) {
  CmTable *forecast = cm_model_forecast(cli->ctx, model, table, interval, err);
  return forecast && add_columns(forecast, cm_table_find_column(forecast, "standard_error"), result, err);
}

/* What a model says of the rows. */
static CmTable *apply(CmCli *cli, const CmModel *model, const CmTable *table, const PredictOptions *o, CmError **err) {
  CmTable *result = cm_model_predict(cli->ctx, model, table, err);
  bool good = result && (o->interval <= 0 || add_interval(cli, model, table, o->interval, result, err)) &&
              (!o->explain || add_contributions(cli, model, table, result, err)) &&
              (!o->survival.count || add_survival(cli, model, table, &o->survival, result, err));
  if (!good) cm_table_unref(&result);
  return result;
}

/* The columns of one of several models beside those of the others, with its target before their names; what comes
 * before «predicted» names the row and is there once. */
static bool add_model(CmCli *cli, const CmModel *model, const CmTable *one, CmTable *all, CmError **err) {
  int first = cm_table_find_column(one, "predicted");
  const char *target = cm_model_target(model);
  bool fresh = !cm_table_columns(all), good = first >= 0 && target;
  if (!good) cm_error_set(err, CM_ERR_USAGE, "model \"%s\" has no target; apply it by itself", cm_model_name(model));
  good = good && (!fresh || cm_table_add_rows(all, cm_table_rows(one), err));
  for (int c = fresh ? 0 : first; good && c < cm_table_columns(one); c++) {
    const char *column = cm_table_column_name(one, c);
    char *name = c < first ? cm_strdup(cli->ctx, column, err) : cm_sprintf(cli->ctx, err, "%s: %s", target, column);
    good = name && copy_column(all, name, one, c, err);
    cm_free(name);
  }
  return good;
}

static bool predict_table(CmCli *cli, const PredictOptions *o, int argc, char **argv, CmError **err) {
  CmTable *table = cm_table_read_csv(cli->ctx, argv[argc - 1], err), *result = NULL;
  bool several = argc > 2, good = table && (!several || (result = cm_table_create(cli->ctx, err)));
  for (int m = 0; good && m < argc - 1; m++) {
    CmModel *model = cm_model_load(cli->ctx, argv[m], err);
    CmTable *one = model ? apply(cli, model, table, o, err) : NULL;
    good = one && (!several || add_model(cli, model, one, result, err));
    if (model && !good) cm_error_context(err, "%s", argv[argc - 1]);
    if (!several && good) result = cm_table_ref(one);
    cm_table_unref(&one);
    cm_model_unref(&model);
  }
  CmValue value = cm_value_table(result);
  good = good && cm__cli_write(cli, &value, o->output.value, err);
  cm_table_unref(&result);
  cm_table_unref(&table);
  return good;
}

static bool run(CmCli *cli, const void *options, int argc, char **argv, CmError **err) {
  bool table = cm_path_has_extension(argv[argc - 1], ".csv");
  return table ? predict_table(cli, options, argc, argv, err) : cm__cli_predict_images(cli, options, argc, argv, err);
}

CM_COMMAND(predict) = {
    .name = "predict",
    .arguments = "MODEL... TABLE.csv | MODEL IMAGES...",
    .summary = "Apply saved models to the rows of a table, or a study's model to new images.",
    .details =
        "The table must have the model's columns, in the same units; more columns do not matter. Of several models, as "
        "those of several\n"
        "targets, the columns stand beside each other with the target before their names. Example:\n"
        "  cormack predict model.json features.csv -o predictions.csv --explain\n"
        "  cormack predict growth.json next_visits.csv -o forecasts.csv --interval 0.95\n"
        "A model that «cormack run» made knows the steps from images to its features, and does them again: IMAGES are\n"
        "files, folders or patterns like the path of the study's input, or ct=… pet=… of several. FOLDER/tables has\n"
        "predictions.csv, and predictions_metrics.csv where outcomes are known; what cannot be used goes to\n"
        "FOLDER/quarantine.csv. Instead of a model the folder of a run that made only one will do. Example:\n"
        "  cormack predict results/models/svm.json new.npz -o predicted/",
    CM_COMMAND_OPTIONS(PredictOptions, option_table),
    .min_args = 2,
    .max_args = 66,
    .run = run,
};
