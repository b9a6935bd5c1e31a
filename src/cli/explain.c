/* cormack explain MODEL TABLE.csv ["param=value"...] -o FOLDER: what moves a model's predictions. */
#include "cli/cli.h"
#include "cormack/io.h"
#include "cormack/learn.h"

typedef struct ExplainOptions {
  CmText output, background;
  int32_t method;
  bool lime, counterfactuals;
} ExplainOptions;

enum { METHOD_AUTO, METHOD_KERNEL };

static const CmParam option_table[] = {
    CM_PARAM_TEXT(ExplainOptions, output, "explained", "folder for the tables"),
    CM_PARAM_TEXT(ExplainOptions, background, "",
                  "table whose rows stand in for unknown features, best those of training; otherwise TABLE.csv"),
    CM_PARAM_ENUM(
        ExplainOptions, method, "auto|kernel", "auto",
        "of SHAP: the model's own exact values where its kind has them, of log-odds in models of classes; otherwise, "
        "or always, kernel, of what is predicted, which tries up to 2048 sets of features a row"),
    CM_PARAM_BOOL(ExplainOptions, lime, "false", "lime.csv: a linear model of what the model does around each row"),
    CM_PARAM_BOOL(ExplainOptions, counterfactuals, "false",
                  "counterfactuals.csv: the least change of each row that turns its decision"),
};

typedef struct Tables {
  CmTable *rows, *background; /* the latter may be the former */
} Tables;

static CmTable *shap_of(CmCli *cli, const ExplainOptions *o, const CmModel *model, const Tables *t,
                        const CmExplainParams *params, CmError **err) {
  bool exact = o->method == METHOD_AUTO && cm_model_kind(model)->explains_rows;
  return exact ? cm_model_explain(cli->ctx, model, t->rows, err)
               : cm_model_kernel_shap(cli->ctx, model, t->rows, t->background, params, err);
}

/* Takes the table over. */
static bool write_table(CmCli *cli, const char *folder, const char *name, CmTable *table, CmError **err) {
  char *path = table ? cm_sprintf(cli->ctx, err, "%s/%s.csv", folder, name) : NULL;
  bool good = path && cm_table_write_csv(cli->ctx, table, path, err);
  cm_free(path);
  cm_table_unref(&table);
  return good;
}

static bool write_all(CmCli *cli, const ExplainOptions *o, const CmModel *model, const Tables *t,
                      const CmExplainParams *params, CmError **err) {
  const char *folder = o->output.value;
  CmContext *ctx = cli->ctx;
  return cm_make_folder(folder, err) && write_table(cli, folder, "shap", shap_of(cli, o, model, t, params, err), err) &&
         write_table(cli, folder, "effects", cm_model_effects(ctx, model, t->rows, params, err), err) &&
         write_table(cli, folder, "weights", cm_model_weights(ctx, model, err), err) &&
         (!o->lime ||
          write_table(cli, folder, "lime", cm_model_lime(ctx, model, t->rows, t->background, params, err), err)) &&
         (!o->counterfactuals ||
          write_table(cli, folder, "counterfactuals",
                      cm_model_counterfactuals(ctx, model, t->rows, t->background, params, err), err));
}

static bool run(CmCli *cli, const void *options, int argc, char **argv, CmError **err) {
  const ExplainOptions *o = options;
  const char *background = o->background.value;
  Tables t = {NULL, NULL};
  CmModel *model = NULL;
  CmExplainParams *params = cm_params_create(cli->ctx, cm_explain_about(), err);
  bool good = params != NULL;
  for (int i = 2; good && i < argc; i++) good = cm_params_set_words(cli->ctx, cm_explain_about(), params, argv[i], err);
  good = good && (model = cm_model_load(cli->ctx, argv[0], err)) &&
         (t.rows = cm_table_read_csv(cli->ctx, argv[1], err)) &&
         (t.background = *background ? cm_table_read_csv(cli->ctx, background, err) : cm_table_ref(t.rows)) &&
         write_all(cli, o, model, &t, params, err);
  if (!good && t.rows) cm_error_context(err, "%s", argv[1]);
  cm_table_unref(&t.background);
  cm_table_unref(&t.rows);
  cm_model_unref(&model);
  cm_free(params);
  return good;
}

CM_COMMAND(explain) = {
    .name = "explain",
    .arguments = "MODEL TABLE.csv [\"param=value\"]",
    .summary = "Tell what moves a model's predictions.",
    .details =
        "shap.csv has each feature's contribution to each row's output, effects.csv the partial dependence and\n"
        "accumulated local effects of each feature, weights.csv what the model says of itself. Further words are\n"
        "parameters; «cormack models explain» lists them. Examples:\n"
        "  cormack explain model.json features.csv \"grid=50\" --background training.csv -o explained/\n"
        "  cormack explain model.json new.csv \"fixed=age,sex\" --counterfactuals --background training.csv",
    CM_COMMAND_OPTIONS(ExplainOptions, option_table),
    .min_args = 2,
    .max_args = 8,
    .run = run,
};
