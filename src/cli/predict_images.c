#include "cli/predict_images.h"

#include <glob.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cli/study.h"
#include "cormack/table.h"

/* The models of a run, in its folder. */
static bool find_model(const char *given, char *to, size_t size, CmError **err) {
  struct stat info;
  glob_t found = {0};
  char pattern[4400];
  if (stat(given, &info) != 0 || !S_ISDIR(info.st_mode)) return snprintf(to, size, "%s", given) < (int)size;
  snprintf(pattern, sizeof pattern, "%s/models/*.json", given);
  bool good = glob(pattern, 0, NULL, &found) == 0 && found.gl_pathc == 1;
  if (good)
    good = snprintf(to, size, "%s", found.gl_pathv[0]) < (int)size;
  else if (found.gl_pathc)
    cm_error_set(err, CM_ERR_USAGE, "%s: holds %zu models; give one of them, e.g. %s", given, found.gl_pathc,
                 found.gl_pathv[0]);
  else
    cm_error_set(err, CM_ERR_USAGE, "%s: holds no models/*.json; give a model, or the folder of a run that learned one",
                 given);
  globfree(&found);
  return good;
}

/* The numbers that people ask for first. */
static void print_metrics(const CmCli *cli, const char *out) {
  static const char *const told[] = {"auc", "accuracy", "r2", "mae", "c_index"};
  char path[4400];
  snprintf(path, sizeof path, "%s/tables/predictions_metrics.csv", out);
  CmTable *table = cli->json || cli->quiet || access(path, R_OK) ? NULL : cm_table_read_csv(cli->ctx, path, NULL);
  int part = table ? cm_table_find_column(table, "part") : -1,
      metric = table ? cm_table_find_column(table, "metric") : -1;
  for (int64_t row = 0; table && row < cm_table_rows(table); row++)
    for (int i = 0; i < CM_COUNT(told); i++) {
      char cell[CM_TEXT_MAX]; /* a part may be named by a number */
      if (strcmp(cm_table_cell(table, row, metric, cell, sizeof cell), told[i]) != 0) continue;
      int value = metric + 1;
      printf("%s: %s %.3f", cm_table_cell(table, row, part, cell, sizeof cell), told[i],
             cm_table_real(table, row, value));
      if (!cm_table_is_missing(table, row, value + 1))
        printf(" (%.3f to %.3f)", cm_table_real(table, row, value + 1), cm_table_real(table, row, value + 2));
      printf(", %lld rows\n", (long long)cm_table_int(table, row, cm_table_find_column(table, "rows")));
    }
  cm_table_unref(&table);
}

bool cm__cli_predict_images(CmCli *cli, const PredictOptions *o, int count, char **words, CmError **err) {
  char model[4400];
  CmStudyOptions options;
  const CmStudyNew what = {.places = (const char *const *)words + 1,
                           .place_count = count - 1,
                           .labels = *o->labels.value ? o->labels.value : NULL,
                           .subject = *o->subject.value ? o->subject.value : NULL,
                           .select = *o->select.value ? o->select.value : NULL};
  if (o->explain || o->survival.count || o->interval > 0) {
    cm_error_set(err, CM_ERR_USAGE,
                 "--explain, --survival and --interval are for tables; give them tables/predictions_features.csv of a "
                 "prediction");
    return false;
  }
  if (strcmp(o->output.value, "-") == 0) {
    cm_error_set(err, CM_ERR_USAGE, "predictions for images go to a folder; add -o FOLDER");
    return false;
  }
  if (!find_model(words[0], model, sizeof model, err)) return false;
  CmStudy *study = cm_study_of_model(cli->ctx, model, &what, err);
  if (!study) return false;
  cm_study_default_options(&options);
  options.out = o->output.value;
  bool good = cm__cli_check_study(cli, study, model, err) && cm__cli_run_study(cli, study, &options, err);
  if (good) print_metrics(cli, options.out);
  cm_study_free(&study);
  return good;
}
