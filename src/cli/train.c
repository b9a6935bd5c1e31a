/* cormack train TABLE.csv "MODEL param=value" --target T -o MODEL.json */
#include <string.h>

#include "cli/learn.h"

typedef struct TrainOptions {
  CmLearnOptions common;
} TrainOptions;

static const CmParam option_table[] = {
    CM__LEARN_OPTION(TrainOptions, output, "model.json", "where the model goes"),
    CM__LEARN_OPTION(TrainOptions, hold_out_column, "", "column that marks with 1 or «test» rows not to train on"),
    CM__LEARN_OPTION(TrainOptions, allow, "", "leaks to let pass, by name, with commas between; each is then a note"),
    CM__LEARN_OPTIONS(TrainOptions),
};

/* Where the model went; with --json the model itself. */
static bool say(CmCli *cli, const CmModel *model, const char *path, CmError **err) {
  char *text = cli->json ? cm_model_to_json(cli->ctx, model, err) : NULL;
  if (text)
    fputs(text, stdout);
  else if (!cli->json)
    printf("%s\n", path);
  bool good = !cli->json || text;
  cm_free(text);
  return good;
}

static bool run(CmCli *cli, const void *options, int argc, char **argv, CmError **err) {
  const TrainOptions *o = options;
  CmLearnWords words;
  CmTable *table = NULL;
  CmModel *model = NULL;
  bool good = cm__learn_words(cli, &o->common, argc - 1, argv + 1, &words, err);
  for (int i = 1; good && i < argc; i++) {
    if (strncmp(argv[i], "validate", 8) || (argv[i][8] && argv[i][8] != ' ')) continue;
    cm_error_set(err, CM_ERR_USAGE, "training judges nothing; use «cormack validate» for \"%s\"", argv[i]);
    good = false;
  }
  if (good && words.count > 1) {
    cm_error_set(err, CM_ERR_USAGE, "%d models are named; train one at a time, or compare them with «cormack validate»",
                 words.count);
    good = false;
  }
  good = good && (table = cm_table_read_csv(cli->ctx, argv[0], err));
  if (!good) goto done;
  model = cm_model_fit(cli->ctx, &words.learner[0], table, &words.columns, err);
  if (!model) cm_error_context(err, "%s", argv[0]);
  good = model && cm_model_save(cli->ctx, model, o->common.output.value, err);
  if (good) good = say(cli, model, o->common.output.value, err);
done:
  cm_model_unref(&model);
  cm_table_unref(&table);
  cm__learn_words_free(&words);
  return good;
}

CM_COMMAND(train) = {
    .name = "train",
    .arguments = "TABLE.csv \"MODEL param=value\"",
    .summary = "Fit a model to the rows of a table and save it.",
    .details =
        "«cormack models» lists the kinds of model, «cormack models prepare» the parameters of preparation. A further "
        "word \"prepare impute=median "
        "scale=robust\" sets the preparation.\n"
        "A parameter with several values, as in \"svm C=0.1|1|10\", is chosen on inner folds, by subject; \"tune "
        "search=halving\" says how.\n"
        "\"recalibrate method=logistic|isotonic|temperature\" makes probabilities come true, and is saved with the "
        "model.\n"
        "Leaks are refused by name. Example:\n"
        "  cormack train features.csv \"random_forest trees=500\" --target malignant --subject patient_id -o "
        "model.json",
    CM_COMMAND_OPTIONS(TrainOptions, option_table),
    .min_args = 2,
    .max_args = 6,
    .run = run,
};
