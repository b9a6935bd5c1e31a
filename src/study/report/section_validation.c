/* What else was asked of the validation: chosen parameters, recalibration, optimism, chance, subgroups, learning curve.
 */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "study/report/cells.h"
#include "study/report/plot.h"
#include "study/report/sections.h"

enum { MOST_MODELS = 16, MOST_POINTS = 100 };

/* Columns of words and names, then of numbers, with the p of a test last where there is one. */
typedef struct Columns {
  const char *words[4], *numbers[5], *p;
} Columns;

static int length(const char *const *names, int most) {
  int count = 0;
  while (count < most && names[count]) count++;
  return count;
}

static void put_row(CmTextBuffer *out, const CmTable *table, int64_t row, const Columns *columns) {
  cm__text_add(out, "<tr>");
  cm__report_name(out, table, row, "model");
  for (int i = 1; i < length(columns->words, 4); i++)
    (!strcmp(columns->words[i], "metric") || !strcmp(columns->words[i], "part") ? cm__report_word : cm__report_name)(
        out, table, row, columns->words[i]);
  for (int i = 0; i < length(columns->numbers, 5); i++)
    cm__report_interval(out, cm__row_real(table, row, columns->numbers[i]), NAN, NAN);
  if (columns->p) cm__report_p(out, cm__row_real(table, row, columns->p));
  cm__text_add(out, "</tr>\n");
}

/* Metrics that a reader wants; the rest stands in the tables. */
static bool is_shown(const char *metric) {
  static const char *const shown[] = {"auc", "accuracy", "brier", "log_loss", "calibration_slope",
                                      "r2",  "mae",      "rmse",  "c_index"};
  for (int i = 0; i < CM_COUNT(shown); i++)
    if (!strcmp(shown[i], metric)) return true;
  return false;
}

static void add_table(CmTextBuffer *out, const CmTable *table, const char *title, const char *note,
                      const Columns *columns, const char *const *heads) {
  if (!cm_table_rows(table)) return;
  int words = length(columns->words, 4), numbers = length(columns->numbers, 5) + (columns->p != NULL);
  cm__report_head(out, title, note, heads, words, heads + words, numbers);
  for (int64_t row = 0; row < cm_table_rows(table); row++)
    if (is_shown(cm__row_text(table, row, "metric"))) put_row(out, table, row, columns);
  cm__text_add(out, "</table></div>\n");
}

/* ---- chosen parameters ----------------------------------------------------------------------------------------------
 */

static void add_tuning(CmTextBuffer *out, const CmTable *table) {
  if (!cm_table_rows(table)) return;
  static const char *const words[] = {"model", "chosen", "judged by"};
  static const char *const numbers[] = {"mean of the inner folds", "candidates", "folds that chose the same"};
  cm__report_head(
      out, "Chosen parameters",
      "Chosen on inner folds of the training rows, anew in each fold; the rows that a model is judged on had "
      "no part in it. The whole search stands in <code>tables/learn_tuning.csv</code>.",
      words, CM_COUNT(words), numbers, CM_COUNT(numbers));
  for (int64_t row = CM__FIND(table, 0, "part", "final"); row >= 0; row = CM__FIND(table, row + 1, "part", "final")) {
    if (cm__row_real(table, row, "chosen") != 1) continue;
    const char *model = cm__row_text(table, row, "model"), *chosen = cm__row_text(table, row, "parameters");
    int64_t candidates = 0, folds = 0, same = 0;
    for (int64_t at = CM__FIND(table, 0, "model", model); at >= 0; at = CM__FIND(table, at + 1, "model", model)) {
      bool fold = cm__row_is(table, at, "part", "cross_validation");
      candidates += !fold && cm__row_real(table, at, "stage") == 1;
      folds += fold;
      same += fold && cm__row_is(table, at, "parameters", chosen);
    }
    cm__text_add(out, "<tr>");
    cm__report_name(out, table, row, "model");
    cm__report_name(out, table, row, "parameters");
    cm__report_word(out, table, row, "metric");
    cm__report_interval(out, cm__row_real(table, row, "score"), NAN, NAN);
    cm__text_addf(out, "<td class=\"n\">%lld</td><td class=\"n\">%lld of %lld</td></tr>\n", (long long)candidates,
                  (long long)same, (long long)folds);
  }
  cm__text_add(out, "</table></div>\n");
}

/* ---- subgroups -----------------------------------------------------------------------------------------------------
 */

static void add_subgroups(const CmReport *report, CmTextBuffer *out, const CmTable *table) {
  static const char *const words[] = {"model", "column", "value"};
  const char *numbers[] = {report->measure_shown, "rows", "subjects"};
  const char *class_name = *report->class_name ? report->class_name : "all";
  const char *pairs[] = {"part", "cross_validation", "metric", report->measure, "class", class_name, NULL};
  if (cm__find_row(table, 0, pairs) < 0) return;
  cm__report_head(
      out, "Subgroups",
      "Each model among the rows of one value. A difference between groups wants an interval that leaves the "
      "other's value out.",
      words, CM_COUNT(words), numbers, CM_COUNT(numbers));
  for (int64_t row = cm__find_row(table, 0, pairs); row >= 0; row = cm__find_row(table, row + 1, pairs)) {
    cm__text_add(out, "<tr>");
    cm__report_name(out, table, row, "model");
    cm__report_name(out, table, row, "column");
    cm__report_name(out, table, row, "level");
    cm__report_interval(out, cm__row_real(table, row, "value"), cm__row_real(table, row, "low"),
                        cm__row_real(table, row, "high"));
    cm__text_addf(out, "<td class=\"n\">%.0f</td><td class=\"n\">%.0f</td></tr>\n", cm__row_real(table, row, "rows"),
                  cm__row_real(table, row, "subjects"));
  }
  cm__text_add(out, "</table></div>\n");
}

/* ---- learning curve ------------------------------------------------------------------------------------------------
 */

typedef struct Curve {
  int64_t points;
  double subjects[MOST_POINTS], test[MOST_POINTS], training[MOST_POINTS];
} Curve;

static Curve curve_of(const CmTable *table, const char *model) {
  Curve curve = {0};
  for (int64_t row = CM__FIND(table, 0, "model", model); row >= 0 && curve.points < MOST_POINTS;
       row = CM__FIND(table, row + 1, "model", model)) {
    double test = cm__row_real(table, row, "test"), training = cm__row_real(table, row, "training");
    if (isnan(test) || isnan(training)) continue;
    curve.subjects[curve.points] = cm__row_real(table, row, "subjects");
    curve.test[curve.points] = test;
    curve.training[curve.points++] = training;
  }
  return curve;
}

static void add_learning_curve(const CmReport *report, CmTextBuffer *out, const CmTable *table) {
  const char *models[MOST_MODELS];
  int count = cm__distinct(table, "model", models, MOST_MODELS);
  CmPlot plot = {.out = out,
                 .file = {"learning_curve"},
                 .width = 760,
                 .height = 340,
                 .left = 56,
                 .right = 190,
                 .top = 26,
                 .bottom = 40,
                 .legend_beside = true,
                 .y0 = INFINITY,
                 .y1 = -INFINITY};
  for (int i = 0; i < count; i++) {
    Curve curve = curve_of(table, models[i]);
    for (int64_t at = 0; at < curve.points; at++) {
      plot.x1 = fmax(plot.x1, curve.subjects[at]);
      plot.y0 = fmin(plot.y0, fmin(curve.test[at], curve.training[at]));
      plot.y1 = fmax(plot.y1, fmax(curve.test[at], curve.training[at]));
    }
  }
  if (!(plot.x1 > 0)) return;
  double margin = fmax(0.05 * (plot.y1 - plot.y0), 0.01);
  plot.y0 -= margin;
  plot.y1 += margin;
  plot.x1 *= 1.03;
  cm__text_add(out, "<h3>Learning curve</h3><figure>");
  cm__plot_start(&plot, "Learning curve", "subjects trained on", report->measure_shown);
  for (int i = 0; i < count; i++) {
    Curve curve = curve_of(table, models[i]);
    const char *colour = cm__plot_colour(i);
    cm__plot_line(&plot, curve.subjects, curve.training, curve.points, colour, 1.5, "stroke-dasharray=\"4 4\"");
    cm__plot_line(&plot, curve.subjects, curve.test, curve.points, colour, 2, NULL);
    for (int64_t at = 0; at < curve.points; at++)
      cm__plot_point(&plot, curve.subjects[at], curve.test[at], 3, colour, models[i]);
    cm__plot_legend(&plot, colour, models[i]);
  }
  cm__plot_legend(&plot, "#9aa5b1", "dashed: training rows");
  cm__plot_end(&plot);
  cm__text_add(out,
               "<figcaption>Means over the folds of the first repeat. A curve that still rises says that more "
               "subjects would help; a gap between the lines, that the model follows chance.</figcaption></figure>\n");
}

void cm__report_validation(CmReport *report) {
  const CmTable *const *learn = report->result->learn;
  CmTextBuffer *out = &report->out;
  add_tuning(out, learn[CM_LEARN_TUNING]);
  add_table(out, learn[CM_LEARN_RECALIBRATION], "Recalibration",
            "Probabilities before and after the map that makes them come true, on rows that neither model nor map has "
            "seen. All other numbers here are of those after.",
            &(Columns){{"model", "part", "class", "metric"}, {"before", "after"}, NULL},
            (const char *const[]){"model", "judged on", "class", "measure", "before", "after"});
  add_table(out, learn[CM_LEARN_OPTIMISM], "Optimism",
            "How much better models look on the rows that they were trained on, by bootstrap samples of subjects "
            "(Harrell); the last column is the apparent value less that.",
            &(Columns){{"model", "class", "metric"}, {"apparent", "optimism", "corrected"}, NULL},
            (const char *const[]){"model", "class", "measure", "apparent", "optimism", "corrected"});
  add_table(
      out, learn[CM_LEARN_PERMUTATION_TEST], "Against chance",
      "The same cross-validation with outcomes exchanged between subjects: where 95 % of those values lie, and how "
      "many are as good as the real one.",
      &(Columns){{"model", "class", "metric"}, {"value", "permuted_mean", "permuted_low", "permuted_high"}, "p"},
      (const char *const[]){"model", "class", "measure", "value", "mean by chance", "from", "to", "p"});
  add_subgroups(report, out, learn[CM_LEARN_SUBGROUPS]);
  add_learning_curve(report, out, learn[CM_LEARN_LEARNING_CURVE]);
}
