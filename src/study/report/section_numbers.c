/* How well numbers and survival are predicted, in pictures. */
#include <math.h>
#include <stdio.h>

#include "study/report/plot.h"
#include "study/report/sections.h"

enum { MOST_MODELS = 16, MOST_STEPS = 4096, MOST_POINTS = 2000 };

/* Rows of the cross-validation's first repeat, by one model. */
static int64_t next_row(const CmTable *table, const char *model, int64_t from) {
  const char *pairs[] = {"model", model, "part", "cross_validation", NULL};
  int64_t row = cm__find_row(table, from, pairs);
  while (row >= 0 && cm__row_real(table, row, "repeat") != 1) row = cm__find_row(table, row + 1, pairs);
  return row;
}

/* ---- regression -----------------------------------------------------------------------------------------------------
 */

static void widen(double value, double *low, double *high) {
  if (!isfinite(value)) return;
  *low = fmin(*low, value);
  *high = fmax(*high, value);
}

static void add_scatter(CmTextBuffer *out, const CmTable *predictions, const char *model, const char *colour) {
  double low = INFINITY, high = -INFINITY;
  for (int64_t row = next_row(predictions, model, 0); row >= 0; row = next_row(predictions, model, row + 1)) {
    widen(cm__row_real(predictions, row, "target"), &low, &high);
    widen(cm__row_real(predictions, row, "predicted"), &low, &high);
  }
  if (!(high > low)) return;
  double margin = 0.03 * (high - low);
  low -= margin;
  high += margin;
  CmPlot plot = {.out = out,
                 .file = {"predicted", model},
                 .width = 320,
                 .height = 320,
                 .left = 58,
                 .right = 14,
                 .top = 26,
                 .bottom = 40,
                 .x0 = low,
                 .x1 = high,
                 .y0 = low,
                 .y1 = high};
  cm__plot_start(&plot, model, "predicted", "observed");
  cm__plot_segment(&plot, low, low, high, high, "#9aa5b1", 1, "stroke-dasharray=\"4 4\"");
  int shown = 0;
  for (int64_t row = next_row(predictions, model, 0); row >= 0 && shown < MOST_POINTS;
       row = next_row(predictions, model, row + 1), shown++)
    cm__plot_point(&plot, cm__row_real(predictions, row, "predicted"), cm__row_real(predictions, row, "target"), 2.6,
                   colour, cm__row_text(predictions, row, "subject"));
  cm__plot_end(&plot);
}

static void add_scatters(CmTextBuffer *out, const CmTable *predictions) {
  const char *models[MOST_MODELS];
  int count = cm__distinct(predictions, "model", models, MOST_MODELS);
  cm__text_add(out,
               "<h3>Observed and predicted</h3><p class=\"note\">Each row by a model that had not seen it; first "
               "repeat. On the line the prediction is right.</p><div class=\"grid\">\n");
  for (int i = 0; i < count; i++) add_scatter(out, predictions, models[i], cm__plot_colour(i));
  cm__text_add(out, "</div>\n");
}

/* ---- survival -------------------------------------------------------------------------------------------------------
 */

/* The steps of one group as a line of corners. */
static int64_t steps_of(const CmTable *survival, const char *model, const char *group, double *x, double *y) {
  int64_t count = 1;
  x[0] = 0;
  y[0] = 1;
  for (int64_t row = next_row(survival, model, 0); row >= 0 && count + 2 < MOST_STEPS;
       row = next_row(survival, model, row + 1)) {
    if (!cm__row_is(survival, row, "group", group)) continue;
    x[count] = cm__row_real(survival, row, "time");
    y[count] = y[count - 1];
    x[count + 1] = x[count];
    y[count + 1] = cm__row_real(survival, row, "survival");
    count += 2;
  }
  return count;
}

static void add_curve(CmTextBuffer *out, const CmTable *survival, const char *model) {
  static const char *const groups[] = {"low risk", "high risk"};
  static const char *const colours[] = {"#0072b2", "#d55e00"};
  double x[MOST_STEPS], y[MOST_STEPS], last = 0;
  int64_t any = next_row(survival, model, 0);
  if (any < 0) return;
  for (int64_t row = any; row >= 0; row = next_row(survival, model, row + 1))
    last = fmax(last, cm__row_real(survival, row, "time"));
  CmPlot plot = {.out = out,
                 .file = {"survival", model},
                 .width = 520,
                 .height = 320,
                 .left = 50,
                 .right = 110,
                 .top = 26,
                 .bottom = 40,
                 .x1 = last,
                 .legend_beside = true,
                 .y1 = 1};
  char title[160];
  double p = cm__row_real(survival, any, "log_rank_p");
  snprintf(title, sizeof title, p < 0.001 ? "%s, log-rank p < 0.001" : "%s, log-rank p = %.3f", model, p);
  cm__plot_start(&plot, title, "time", "share without the event");
  for (int g = 0; g < CM_COUNT(groups); g++) {
    int64_t count = steps_of(survival, model, groups[g], x, y);
    cm__plot_line(&plot, x, y, count, colours[g], 2, NULL);
    cm__plot_legend(&plot, colours[g], groups[g]);
  }
  cm__plot_end(&plot);
}

static void add_survival(CmTextBuffer *out, const CmTable *survival) {
  const char *models[MOST_MODELS];
  int count = cm__distinct(survival, "model", models, MOST_MODELS);
  cm__text_add(out,
               "<h3>High and low risks</h3><p class=\"note\">Kaplan and Meier's estimate for the half with the higher "
               "and the half with the lower predicted risk; first repeat.</p><div class=\"grid\">\n");
  for (int i = 0; i < count; i++) add_curve(out, survival, models[i]);
  cm__text_add(out, "</div>\n");
}

void cm__report_numbers(CmReport *report) {
  const CmTable *const *learn = report->result->learn;
  CmTextBuffer *out = &report->out;
  char title[64];
  snprintf(title, sizeof title, "%s with 95 %% interval", report->measure_shown);
  cm__chart_intervals(out, learn[CM_LEARN_METRICS], "cross_validation", "all", report->measure, title);
  if (cm_table_rows(learn[CM_LEARN_SURVIVAL]))
    add_survival(out, learn[CM_LEARN_SURVIVAL]);
  else
    add_scatters(out, learn[CM_LEARN_PREDICTIONS]);
}
