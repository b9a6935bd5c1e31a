/* cormack train TABLE.csv "MODEL param=value" --target T -o MODEL.json */
#include <string.h>

#include "cli/learn.h"
#include "cormack/file.h"
#include "study/plan.h"

typedef struct TrainOptions {
  CmLearnOptions common;
} TrainOptions;

static const CmParam option_table[] = {
    CM__LEARN_OPTION(TrainOptions, output, "model.json",
                     "where the model goes; of several targets the folder for a model each"),
    CM__LEARN_OPTION(TrainOptions, hold_out_column, "", "column that marks with 1 or «test» rows not to train on"),
    CM__LEARN_OPTION(TrainOptions, allow, "", "leaks to let pass, by name, with commas between; each is then a note"),
    CM__LEARN_OPTION(
        TrainOptions, start, "",
        "survival: column of the time from which a row holds, where a subject has several (covariates that "
        "change)"),
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

/* Fits, saves and says where. */
static bool train(CmCli *cli, const CmLearnWords *words, const CmTable *table, const char *path, CmError **err) {
  CmModel *model = cm_model_fit(cli->ctx, &words->learner[0], table, &words->columns, err);
  bool good = model && cm_model_save(cli->ctx, model, path, err) && say(cli, model, path, err);
  cm_model_unref(&model);
  return good;
}

/* A model of each of several targets, in a folder. */
static bool train_labels(CmCli *cli, CmLearnWords *words, const CmTable *table, const char *folder, CmError **err) {
  bool good = cm_make_folder(folder, err);
  for (int l = 0; good && l < words->columns.label_count; l++) {
    words->columns.target = words->columns.labels[l];
    char word[200];
    cm__path_word(words->columns.target, word, sizeof word);
    char *path = cm_sprintf(cli->ctx, err, "%s/%s.model.json", folder, word);
    good = path && train(cli, words, table, path, err);
    if (!good) cm_error_context(err, "target \"%s\"", words->columns.target);
    cm_free(path);
  }
  return good;
}

static bool run(CmCli *cli, const void *options, int argc, char **argv, CmError **err) {
  const TrainOptions *o = options;
  CmLearnWords words;
  CmTable *table = NULL;
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
  good = words.columns.label_count ? train_labels(cli, &words, table, o->common.output.value, err)
                                   : train(cli, &words, table, o->common.output.value, err);
  if (!good) cm_error_context(err, "%s", argv[0]);
done:
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
        "With several targets, as in \"--target effusion,nodule -o models\", each gets a model of its own; «cormack "
        "predict models/*.json\n"
        "TABLE.csv» applies them together.\n"
        "Leaks are refused by name. Example:\n"
        "  cormack train features.csv \"random_forest trees=500\" --target malignant --subject patient_id -o "
        "model.json",
    CM_COMMAND_OPTIONS(TrainOptions, option_table),
    .min_args = 2,
    .max_args = 6,
    .run = run,
};
