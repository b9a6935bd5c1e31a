/* Which model, and what to do with its probability: comparisons, decision curves, thresholds. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "study/report/cells.h"
#include "study/report/plot.h"
#include "study/report/sections.h"

enum { MOST_MODELS = 16, MOST_POINTS = 99 };

/* ---- comparisons ----------------------------------------------------------------------------------------------------
 */

static void add_comparisons(CmTextBuffer *out, const CmTable *table, const char *part) {
  if (CM__FIND(table, 0, "part", part) < 0) return;
  static const char *const texts[] = {"model", "against", "class", "measure", "test"};
  static const char *const numbers[] = {"difference", "p", "p, all pairs"};
  cm__report_head(
      out, "Models against each other",
      "On the same rows. Difference: the first less the other. The last column is adjusted for the number of pairs "
      "(Holm).",
      texts, CM_COUNT(texts), numbers, CM_COUNT(numbers));
  for (int64_t row = CM__FIND(table, 0, "part", part); row >= 0; row = CM__FIND(table, row + 1, "part", part)) {
    cm__text_add(out, "<tr>");
    cm__report_name(out, table, row, "model");
    cm__report_name(out, table, row, "other");
    cm__report_name(out, table, row, "class");
    cm__report_word(out, table, row, "metric");
    cm__report_word(out, table, row, "test");
    cm__report_interval(out, cm__row_real(table, row, "difference"), cm__row_real(table, row, "low"),
                        cm__row_real(table, row, "high"));
    cm__report_p(out, cm__row_real(table, row, "p"));
    cm__report_p(out, cm__row_real(table, row, "p_holm"));
    cm__text_add(out, "</tr>\n");
  }
  cm__text_add(out, "</table></div>\n");
}

/* ---- decision curves ------------------------------------------------------------------------------------------------
 */

typedef struct Curve {
  int64_t points;
  double threshold[MOST_POINTS], benefit[MOST_POINTS], all[MOST_POINTS];
} Curve;

static Curve curve_of(const CmTable *table, const char *model, const char *class_name) {
  Curve curve = {0};
  const char *pairs[] = {"model", model, "part", "cross_validation", "class", class_name, NULL};
  for (int64_t row = cm__find_row(table, 0, pairs); row >= 0 && curve.points < MOST_POINTS;
       row = cm__find_row(table, row + 1, pairs)) { /* 99 rows a repeat: the first is shown */
    curve.threshold[curve.points] = cm__row_real(table, row, "threshold");
    curve.benefit[curve.points] = cm__row_real(table, row, "net_benefit");
    curve.all[curve.points++] = cm__row_real(table, row, "treat_all");
  }
  return curve;
}

/* Points below the frame are left out: a curve ends where harm outweighs all that the frame shows. */
static void draw(CmPlot *plot, const Curve *curve, const double *y, const char *colour, const char *extra) {
  double x[MOST_POINTS], inside[MOST_POINTS];
  int64_t count = 0;
  for (int64_t i = 0; i < curve->points; i++) {
    if (y[i] < plot->y0) continue;
    x[count] = curve->threshold[i];
    inside[count++] = y[i];
  }
  if (count) cm__plot_line(plot, x, inside, count, colour, 2, extra);
}

static void add_decision_curve(CmTextBuffer *out, const CmTable *table, const char *class_name) {
  const char *models[MOST_MODELS];
  int count = cm__distinct(table, "model", models, MOST_MODELS);
  Curve curve = count ? curve_of(table, models[0], class_name) : (Curve){0};
  if (!curve.points) return;
  double most = 0.01;
  for (int i = 0; i < count; i++) {
    Curve one = curve_of(table, models[i], class_name);
    for (int64_t at = 0; at < one.points; at++) most = fmax(most, fmax(one.benefit[at], one.all[at]));
  }
  CmPlot plot = {.out = out,
                 .file = {"decision_curve", class_name},
                 .width = 760,
                 .height = 340,
                 .left = 56,
                 .right = 190,
                 .top = 26,
                 .bottom = 40,
                 .x1 = 1,
                 .legend_beside = true,
                 .y0 = -0.15 * most,
                 .y1 = 1.05 * most};
  cm__text_add(out, "<figure>");
  cm__plot_start(&plot, "Decision curve", "threshold probability", "net benefit");
  cm__plot_segment(&plot, 0, 0, 1, 0, "#9aa5b1", 1, NULL);
  draw(&plot, &curve, curve.all, "#9aa5b1", "stroke-dasharray=\"4 4\"");
  for (int i = 0; i < count; i++) {
    Curve one = curve_of(table, models[i], class_name);
    draw(&plot, &one, one.benefit, cm__plot_colour(i), NULL);
    cm__plot_legend(&plot, cm__plot_colour(i), models[i]);
  }
  cm__plot_legend(&plot, "#9aa5b1", "treat all; treat none at 0");
  cm__plot_end(&plot);
  cm__text_add(out, "<figcaption>");
  cm__html_textf(out, "Acting on «%s» where the probability reaches the threshold. First repeat.", class_name);
  cm__text_add(out, "</figcaption></figure>\n");
}

static void add_decision(CmTextBuffer *out, const CmTable *table) {
  const char *classes[8];
  int count = cm__distinct(table, "class", classes, 8);
  if (!count) return;
  cm__text_add(out,
               "<h3>Decisions</h3><p class=\"note\">Net benefit: true positives less false positives, weighted by the "
               "odds of the threshold, a row. A model helps where its curve lies above both grey lines.</p>"
               "<div class=\"grid\">\n");
  for (int i = 0; i < count; i++) add_decision_curve(out, table, classes[i]);
  cm__text_add(out, "</div>\n");
}

/* ---- thresholds -----------------------------------------------------------------------------------------------------
 */

static void add_thresholds(CmTextBuffer *out, const CmTable *table) {
  static const char *const texts[] = {"model", "class", "rule", "judged on"};
  static const char *const numbers[] = {"threshold", "sensitivity", "specificity", "precision", "NPV"};
  static const char *const shares[] = {"sensitivity", "specificity", "precision", "npv"};
  if (!cm_table_rows(table)) return;
  cm__report_head(
      out, "Thresholds",
      "Chosen on the cross-validation; its own rows flatter them a little, the held-out ones do not. Rule: Youden's "
      "index, or the wanted sensitivity or specificity at the least cost of the other.",
      texts, CM_COUNT(texts), numbers, CM_COUNT(numbers));
  for (int64_t row = 0; row < cm_table_rows(table); row++) {
    cm__text_add(out, "<tr>");
    cm__report_name(out, table, row, "model");
    cm__report_name(out, table, row, "class");
    cm__report_word(out, table, row, "rule");
    cm__report_word(out, table, row, "part");
    cm__report_interval(out, cm__row_real(table, row, "threshold"), NAN, NAN);
    for (int i = 0; i < CM_COUNT(shares); i++) {
      char low[32], high[32];
      snprintf(low, sizeof low, "%s_low", shares[i]);
      snprintf(high, sizeof high, "%s_high", shares[i]);
      cm__report_interval(out, cm__row_real(table, row, shares[i]), cm__row_real(table, row, low),
                          cm__row_real(table, row, high));
    }
    cm__text_add(out, "</tr>\n");
  }
  cm__text_add(out, "</table></div>\n");
}

void cm__report_decisions(CmReport *report) {
  const CmTable *const *learn = report->result->learn;
  add_decision(&report->out, learn[CM_LEARN_DECISION]);
  add_thresholds(&report->out, learn[CM_LEARN_THRESHOLDS]);
  add_comparisons(&report->out, learn[CM_LEARN_COMPARISONS], "cross_validation");
}
