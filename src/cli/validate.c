/* cormack validate TABLE.csv "MODEL param=value"... --target T -o FOLDER */
#include <string.h>

#include "cli/learn.h"
#include "cormack/io.h"

typedef struct ValidateOptions {
  CmLearnOptions common;
} ValidateOptions;

static const CmParam option_table[] = {
    CM__LEARN_OPTION(ValidateOptions, output, "",
                     "folder for all tables and the models; otherwise the metrics alone are printed"),
    CM__LEARN_OPTION(ValidateOptions, hold_out_column, "", "column that marks held-out rows with 1 or «test»"),
    CM__LEARN_OPTION(ValidateOptions, group, "",
                     "column, e.g. site, each of whose values is left out once, instead of folds by subject"),
    CM__LEARN_OPTION(ValidateOptions, subgroups, "",
                     "columns, with commas between, among whose values each model is judged by itself, e.g. sex,site"),
    CM__LEARN_OPTIONS(ValidateOptions),
};

static bool write_all(CmCli *cli, const CmLearnResult *result, const char *folder, CmError **err) {
  bool good = cm_make_folder(folder, err);
  for (int t = 0; good && t < CM_LEARN_TABLE_COUNT; t++) {
    char *path = cm_sprintf(cli->ctx, err, "%s/%s.csv", folder, cm_learn_table_name((CmLearnTable)t));
    good = path && cm_table_write_csv(cli->ctx, cm_learn_result_table(result, (CmLearnTable)t), path, err);
    cm_free(path);
  }
  for (int m = 0; good && m < cm_learn_result_models(result); m++) {
    const CmModel *model = cm_learn_result_model(result, m);
    char *path = cm_sprintf(cli->ctx, err, "%s/%s.model.json", folder, cm_model_name(model));
    good = path && cm_model_save(cli->ctx, model, path, err);
    cm_free(path);
  }
  return good;
}

static void print_notes(CmCli *cli, const CmTable *notes) {
  for (int64_t i = 0; !cli->quiet && i < cm_table_rows(notes); i++)
    cm_log(cli->ctx, strcmp(cm_table_text(notes, i, 0), "warning") == 0 ? CM_LOG_WARNING : CM_LOG_INFO, "%s",
           cm_table_text(notes, i, 2));
}

/* Lines for people: a metric a line, with its interval. */
static void print_number(double value, int width) {
  if (value == value)
    printf("%*.4f", width, value);
  else
    printf("%*s", width, "-");
}

static void print_metrics(const CmTable *metrics) {
  for (int64_t i = 0; i < cm_table_rows(metrics); i++) {
    printf("%-20s %-16s %-12s %-18s ", cm_table_text(metrics, i, 0), cm_table_text(metrics, i, 1),
           cm_table_text(metrics, i, 2), cm_table_text(metrics, i, 3));
    print_number(cm_table_real(metrics, i, 4), 9);
    fputs("  [", stdout);
    print_number(cm_table_real(metrics, i, 5), 0);
    fputs(", ", stdout);
    print_number(cm_table_real(metrics, i, 6), 0);
    fputs("]\n", stdout);
  }
}

static bool print_json(CmCli *cli, const CmLearnResult *result, CmError **err) {
  bool good = true;
  for (int t = 0; good && t < CM_LEARN_TABLE_COUNT; t++) {
    char *text = cm_table_to_json(cli->ctx, cm_learn_result_table(result, (CmLearnTable)t), err);
    good = text != NULL;
    if (good) printf("%s\"%s\":%s", t ? "," : "{", cm_learn_table_name((CmLearnTable)t), text);
    cm_free(text);
  }
  if (good) printf("}\n");
  return good;
}

static bool run(CmCli *cli, const void *options, int argc, char **argv, CmError **err) {
  const ValidateOptions *o = options;
  CmLearnWords words;
  CmTable *table = NULL;
  CmLearnResult *result = NULL;
  bool good = cm__learn_words(cli, &o->common, argc - 1, argv + 1, &words, err) &&
              (table = cm_table_read_csv(cli->ctx, argv[0], err));
  if (!good) goto done;
  result = cm_learn_validate(cli->ctx, words.learner, words.count, table, &words.columns, words.validate, err);
  if (!result) cm_error_context(err, "%s", argv[0]);
  good = result && (!*o->common.output.value || write_all(cli, result, o->common.output.value, err));
  if (!good) goto done;
  print_notes(cli, cm_learn_result_table(result, CM_LEARN_NOTES));
  if (cli->json)
    good = print_json(cli, result, err);
  else
    print_metrics(cm_learn_result_table(result, CM_LEARN_METRICS));
done:
  cm_learn_result_unref(&result);
  cm_table_unref(&table);
  cm__learn_words_free(&words);
  return good;
}

CM_COMMAND(validate) = {
    .name = "validate",
    .arguments = "TABLE.csv \"MODEL param=value\"...",
    .summary = "Judge models on rows that they have not seen, by subject.",
    .details =
        "«cormack models» lists the kinds of model, «cormack models validate» the parameters. Further words: "
        "\"validate folds=5 repeats=4 "
        "hold_out=0.2\" and\n"
        "\"prepare impute=median k_best=20\". A parameter with several values is chosen on inner folds of the training "
        "rows, anew in each\n"
        "fold: \"svm C=0.1|1|10 gamma=0.01|0.1\"; how, says \"tune search=grid|random|halving folds=5\" («cormack "
        "models tune»), and between\n"
        "two numbers \"C=0.01..100\" is drawn by chance. \"recalibrate method=logistic|isotonic|temperature\" makes\n"
        "probabilities come true («cormack models recalibrate»). Leaks are refused by name. Examples:\n"
        "  cormack validate features.csv logistic \"svm C=2\" \"validate folds=10\" --target malignant --subject "
        "patient_id -o out/\n"
        "  cormack validate features.csv \"svm C=0.1|1|10\" \"prepare k_best=5|20\" --target malignant --subject "
        "patient_id -o out/",
    CM_COMMAND_OPTIONS(ValidateOptions, option_table),
    .min_args = 2,
    .max_args = 40,
    .run = run,
};
