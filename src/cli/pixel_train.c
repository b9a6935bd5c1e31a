/* cormack pixel-train IMAGE LABELS [IMAGE LABELS ...] "MODEL param=value" "FILTER param=value" -o MODEL.json */
#include <stdlib.h>
#include <string.h>

#include "cli/learn.h"
#include "learn/pixels/params.h"

#define MOST_WORDS 256

typedef struct PixelTrainOptions {
  CmText output, features, table;
  CmPixelParams pixels;
} PixelTrainOptions;

static const CmParam option_table[] = {
    CM_PARAM_TEXT(PixelTrainOptions, output, "pixels.json", "where the model goes"),
    CM_PARAM_TEXT(PixelTrainOptions, features, "",
                  "filters, with semicolons between; further ones may stand as words of their own"),
    CM_PARAM_TEXT(PixelTrainOptions, table, "", "where the drawn voxels and their features go as a table: .csv, .json"),
    CM__PIXEL_PARAMS(PixelTrainOptions, pixels.),
};

/* The words of the command line by what they are. */
typedef struct Words {
  char *file[MOST_WORDS], *learner[MOST_WORDS];
  const char *filter[MOST_WORDS];
  int files, learners, filters, models;
} Words;

static void sort_word(Words *words, char *word) {
  char name[64];
  const size_t length = strcspn(word, " \t");
  snprintf(name, sizeof name, "%.*s", (int)(length < sizeof name ? length : sizeof name - 1), word);
  const bool model = cm_model_kind_find(name) != NULL;
  if (model || !strcmp(name, "prepare") || !strcmp(name, "tune")) {
    words->models += model;
    words->learner[words->learners++] = word;
  } else if (cm_op_find(name) || (word[length] && strchr(word, '='))) { /* a name that is none is told later */
    words->filter[words->filters++] = word;
  } else {
    words->file[words->files++] = word;
  }
}

/* features: cut at its semicolons in place. */
static bool sort_words(int argc, char **argv, char *features, Words *words, CmError **err) {
  static char forest[] = "random_forest trees=100";
  for (char *rest = *features ? features : NULL; rest && words->filters < MOST_WORDS / 2;) {
    char *one = strsep(&rest, ";");
    if (one[strspn(one, " \t")]) words->filter[words->filters++] = one;
  }
  for (int i = 0; i < argc; i++) sort_word(words, argv[i]);
  if (!words->models) words->learner[words->learners++] = forest;
  if (words->models > 1)
    cm_error_set(err, CM_ERR_USAGE, "%d models are named; train one at a time", words->models);
  else if (words->files < 2 || words->files % 2)
    cm_error_set(err, CM_ERR_USAGE,
                 "%d file%s given; images and their labels come in pairs (and a word is a filter or a model where its "
                 "name is one's: cormack ops, cormack models)",
                 words->files, words->files == 1 ? " is" : "s are");
  else
    return true;
  return false;
}

static bool add_pair(CmCli *cli, CmPixelSet *set, char *const pair[2], CmError **err) {
  CmValue image = {0}, labels = {0};
  const bool good = cm__cli_read(cli, CM_KIND_IMAGE, pair[0], &image, err) &&
                    cm__cli_read(cli, CM_KIND_LABELS, pair[1], &labels, err) &&
                    cm_pixel_set_add(set, image.image, labels.image, pair[0], err);
  cm_value_unref(&image);
  cm_value_unref(&labels);
  return good;
}

static void print_judgement(const CmModel *model, const CmTable *judged, const char *path) {
  const int64_t rows = cm_table_rows(judged), last = rows - 1;
  printf("%s: %s, %d features of %d filters\n", path, cm_model_name(model), cm_model_features(model),
         cm_model_filters(model));
  if (!rows) return;
  printf("accuracy %.4f on voxels of %ss that the model has not seen (%lld folds of %lld)\n",
         cm_table_real(judged, last, cm_table_find_column(judged, "accuracy")),
         cm_table_text(judged, last, cm_table_find_column(judged, "grouped")),
         (long long)cm_table_int(judged, last, cm_table_find_column(judged, "folds")),
         (long long)cm_table_int(judged, last, cm_table_find_column(judged, "groups")));
  printf("%-8s %10s %8s %8s %10s %8s\n", "class", "voxels", "groups", "recall", "precision", "dice");
  for (int64_t i = 0; i < rows; i++)
    printf("%-8s %10lld %8lld %8.4f %10.4f %8.4f\n", cm_table_text(judged, i, 0), (long long)cm_table_int(judged, i, 1),
           (long long)cm_table_int(judged, i, 2), cm_table_real(judged, i, 3), cm_table_real(judged, i, 4),
           cm_table_real(judged, i, 5));
}

static bool save(CmCli *cli, const PixelTrainOptions *o, const CmPixelSet *set, const CmModel *model,
                 const CmTable *judged, CmError **err) {
  bool good = cm_model_save(cli->ctx, model, o->output.value, err);
  if (good && *o->table.value) {
    CmTable *table = cm_pixel_set_table(set, err);
    const CmValue value = cm_value_table(table);
    good = table && cm__cli_write(cli, &value, o->table.value, err);
    cm_table_unref(&table);
  }
  const CmValue value = {.kind = CM_KIND_TABLE, .table = (CmTable *)(uintptr_t)judged};
  if (good && cli->json) return cm__cli_write(cli, &value, "-", err);
  if (good) print_judgement(model, judged, o->output.value);
  return good;
}

static bool run(CmCli *cli, const void *options, int argc, char **argv, CmError **err) {
  PixelTrainOptions o = *(const PixelTrainOptions *)options;
  Words words = {.files = 0};
  CmLearnWords learn = {.count = 0};
  CmPixelSet *set = NULL;
  CmModel *model = NULL;
  CmTable *judged = NULL;
  CmLearnOptions *none = cm_calloc(cli->ctx, 1, sizeof *none, err);
  bool good = none && sort_words(argc, argv, o.features.value, &words, err) &&
              cm__learn_words(cli, none, words.learners, words.learner, &learn, err) &&
              (set = cm_pixel_set_create(cli->ctx, words.filters ? words.filter : NULL, words.filters, &o.pixels, err));
  for (int i = 0; good && i < words.files; i += 2) good = add_pair(cli, set, &words.file[i], err);
  good = good && (model = cm_pixel_set_fit(set, &learn.learner[0], &judged, err)) &&
         save(cli, &o, set, model, judged, err);
  cm_table_unref(&judged);
  cm_model_unref(&model);
  cm_pixel_set_free(&set);
  cm__learn_words_free(&learn);
  cm_free(none);
  return good;
}

CM_COMMAND(pixel_train) = {
    .name = "pixel-train",
    .arguments = "IMAGE LABELS [IMAGE LABELS...] [\"MODEL param=value\"] [\"FILTER param=value\"...]",
    .summary = "Learn from labelled voxels what each voxel is.",
    .details =
        "LABELS is a label map on the image's grid: 1, 2, 3 … where voxels are marked, 0 where not (scribbles); with "
        "--background 0 is a class too (masks). A filter is any operation that keeps the grid; a list of values makes "
        "one of each, sizes along x,y,z stand with colons: \"gaussian sigma=1,2,4\" \"median radius=1:1:0\". Without "
        "filters: gaussian, gradient_magnitude, hessian_eigenvalues and local_deviation at several scales up to 16 mm. "
        "The model is any that predicts classes («cormack models»); without one random_forest with 100 "
        "trees. It is judged on voxels of images that it has not seen, or with one image of other parts of it, and "
        "then trained on all. Examples:\n"
        "  cormack pixel-train slice.png scribbles.png -o tissue.json\n"
        "  cormack pixel-train ct1.nii.gz lungs1.nii.gz ct2.nii.gz lungs2.nii.gz --background \"svm C=10\" \\\n"
        "    \"gaussian sigma=1,2,4\" \"gradient_magnitude sigma=1,2\" \"local_deviation radius=3\" -o lungs.json",
    CM_COMMAND_OPTIONS(PixelTrainOptions, option_table),
    .min_args = 2,
    .max_args = MOST_WORDS / 2 - 1,
    .run = run,
};
