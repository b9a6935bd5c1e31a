#include "study/report/charts.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "study/report/html.h"
#include "study/report/plot.h"
#include "study/report/rows.h"

enum { MOST_MODELS = 16, MOST_POINTS = 4096 };

static CmPlot square(CmTextBuffer *out, double size) {
  return (CmPlot){
      .out = out, .width = size, .height = size, .left = 50, .right = 14, .top = 26, .bottom = 40, .x1 = 1, .y1 = 1};
}

/* ---- ROC
 * ------------------------------------------------------------------------------------------------------------- */

static int64_t roc_points(const CmTable *roc, const char *const *pairs, double *x, double *y) {
  int64_t count = 0;
  double repeat = NAN;
  for (int64_t row = cm__find_row(roc, 0, pairs); row >= 0 && count < MOST_POINTS;
       row = cm__find_row(roc, row + 1, pairs)) {
    double now = cm__row_real(roc, row, "repeat");
    if (count && !isnan(repeat) && now != repeat) break; /* the first repeat is shown */
    repeat = now;
    x[count] = cm__row_real(roc, row, "false_positive_rate");
    y[count++] = cm__row_real(roc, row, "true_positive_rate");
  }
  return count;
}

static void interval_text(const CmTable *metrics, int64_t row, char *to, size_t size) {
  snprintf(to, size, "%.3f (%.3f to %.3f)", cm__row_real(metrics, row, "value"), cm__row_real(metrics, row, "low"),
           cm__row_real(metrics, row, "high"));
}

void cm__chart_roc(CmTextBuffer *out, const CmTable *roc, const CmTable *metrics, const char *part,
                   const char *class_name) {
  const char *models[MOST_MODELS];
  int count = cm__distinct(roc, "model", models, MOST_MODELS);
  CmPlot plot = square(out, 430);
  plot.file[0] = "roc";
  plot.file[1] = class_name;
  cm__plot_start(&plot, "ROC", "false positive rate (1 - specificity)", "true positive rate (sensitivity)");
  cm__plot_segment(&plot, 0, 0, 1, 1, "#9aa5b1", 1, "stroke-dasharray=\"4 4\"");
  for (int i = count - 1; i >= 0; i--) {
    double x[MOST_POINTS], y[MOST_POINTS];
    const char *pairs[] = {"model", models[i], "part", part, "class", class_name, NULL};
    int64_t points = roc_points(roc, pairs, x, y);
    if (!points) continue;
    cm__plot_line(&plot, x, y, points, cm__plot_colour(i), 2, NULL);
    char text[128], area[64] = "";
    int64_t row = CM__FIND(metrics, 0, "model", models[i], "part", part, "class", class_name, "metric", "auc");
    if (row >= 0) interval_text(metrics, row, area, sizeof area);
    snprintf(text, sizeof text, "%s  %s", models[i], area);
    cm__plot_legend(&plot, cm__plot_colour(i), text);
  }
  cm__plot_end(&plot);
}

/* ---- calibration
 * ------------------------------------------------------------------------------------------------------ */

static void calibration_one(CmTextBuffer *out, const CmTable *table, const char *const *pairs, const char *title,
                            const char *class_name, const char *colour) {
  CmPlot plot = square(out, 250);
  plot.file[0] = "calibration";
  plot.file[1] = title;
  plot.file[2] = class_name;
  cm__plot_start(&plot, title, "mean probability", "observed share");
  cm__plot_segment(&plot, 0, 0, 1, 1, "#9aa5b1", 1, "stroke-dasharray=\"4 4\"");
  for (int64_t row = cm__find_row(table, 0, pairs); row >= 0; row = cm__find_row(table, row + 1, pairs)) {
    double repeat = cm__row_real(table, row, "repeat");
    double x = cm__row_real(table, row, "mean_probability"), y = cm__row_real(table, row, "observed");
    double low = cm__row_real(table, row, "low"), high = cm__row_real(table, row, "high"),
           rows = cm__row_real(table, row, "rows");
    if (!(rows > 0) || !(isnan(repeat) || repeat == 1) || isnan(x) || isnan(y)) continue;
    char tip[96];
    snprintf(tip, sizeof tip, "%.0f rows, mean probability %.2f, observed %.2f", rows, x, y);
    if (isfinite(low) && isfinite(high)) cm__plot_segment(&plot, x, low, x, high, colour, 1.2, "opacity=\".6\"");
    cm__plot_point(&plot, x, y, 2.5 + fmin(4, sqrt(rows) / 3), colour, tip);
  }
  cm__plot_end(&plot);
}

void cm__chart_calibration(CmTextBuffer *out, const CmTable *calibration, const char *part, const char *class_name) {
  const char *models[MOST_MODELS];
  int count = cm__distinct(calibration, "model", models, MOST_MODELS);
  cm__text_add(out, "<div class=\"grid\">");
  for (int i = 0; i < count; i++) {
    const char *pairs[] = {"model", models[i], "part", part, "class", class_name, NULL};
    calibration_one(out, calibration, pairs, models[i], class_name, cm__plot_colour(i));
  }
  cm__text_add(out, "</div>\n");
}

/* ---- one metric of all models
 * ------------------------------------------------------------------------------------------- */

void cm__chart_intervals(CmTextBuffer *out, const CmTable *metrics, const char *part, const char *class_name,
                         const char *metric, const char *title) {
  const char *models[MOST_MODELS];
  int count = cm__distinct(metrics, "model", models, MOST_MODELS);
  CmPlot plot = {.out = out,
                 .file = {"intervals", metric},
                 .width = 460,
                 .height = 66 + 28.0 * count,
                 .left = 140,
                 .right = 20,
                 .top = 26,
                 .bottom = 36,
                 .x0 = 0,
                 .x1 = 1,
                 .y0 = 0,
                 .y1 = count};
  double least = 1;
  for (int i = 0; i < count; i++) {
    int64_t row = CM__FIND(metrics, 0, "model", models[i], "part", part, "class", class_name, "metric", metric);
    if (row >= 0) least = fmin(least, fmin(cm__row_real(metrics, row, "value"), cm__row_real(metrics, row, "low")));
  }
  plot.x0 = least > 0.5 ? 0.5 : fmin(0, least);
  cm__plot_start_rows(&plot, title, NULL);
  for (int i = 0; i < count; i++) {
    int64_t row = CM__FIND(metrics, 0, "model", models[i], "part", part, "class", class_name, "metric", metric);
    double y = count - i - 0.5;
    cm__plot_text(&plot, plot.left - 8, cm__plot_y(&plot, y) + 4, "end", 12, "#1c2430", models[i]);
    if (row < 0) continue;
    char tip[64];
    interval_text(metrics, row, tip, sizeof tip);
    double low = cm__row_real(metrics, row, "low"), high = cm__row_real(metrics, row, "high");
    if (isfinite(low) && isfinite(high)) cm__plot_segment(&plot, low, y, high, y, cm__plot_colour(i), 2, NULL);
    cm__plot_point(&plot, cm__row_real(metrics, row, "value"), y, 5, cm__plot_colour(i), tip);
  }
  cm__plot_end(&plot);
}

/* ---- importance
 * --------------------------------------------------------------------------------------------------------- */

typedef struct Ranked {
  const char *name;
  double value, low, high;
  int column;
} Ranked;

static int by_size(const void *a, const void *b) {
  const Ranked *p = a, *q = b;
  double x = fabs(p->value), y = fabs(q->value);
  if (x != y) return x < y ? 1 : -1;
  return strcmp(p->name, q->name);
}

void cm__chart_importance(CmTextBuffer *out, const CmTable *importance, const char *model, const char *part,
                          const char *measure, const char *title) {
  enum { MOST = 1024, SHOWN = 15 };
  Ranked found[MOST];
  int count = 0;
  const char *pairs[] = {"model", model, "part", part, "measure", measure, NULL};
  for (int64_t row = cm__find_row(importance, 0, pairs); row >= 0 && count < MOST;
       row = cm__find_row(importance, row + 1, pairs))
    found[count++] = (Ranked){.name = cm__row_text(importance, row, "feature"),
                              .value = cm__row_real(importance, row, "value"),
                              .low = cm__row_real(importance, row, "low"),
                              .high = cm__row_real(importance, row, "high")};
  if (!count) return;
  qsort(found, (size_t)count, sizeof *found, by_size);
  if (count > SHOWN) count = SHOWN;
  CmPlot plot = {.out = out,
                 .file = {"importance", measure, model},
                 .width = 520,
                 .height = 60 + 20.0 * count,
                 .left = 230,
                 .right = 16,
                 .top = 26,
                 .bottom = 32,
                 .y1 = count};
  for (int i = 0; i < count; i++) {
    plot.x0 = fmin(plot.x0, isfinite(found[i].low) ? found[i].low : found[i].value);
    plot.x1 = fmax(plot.x1, isfinite(found[i].high) ? found[i].high : found[i].value);
  }
  if (!(plot.x1 > plot.x0)) plot.x1 = plot.x0 + 1;
  cm__plot_start_rows(&plot, title, NULL);
  for (int i = 0; i < count; i++) {
    double y = count - i - 0.5;
    cm__plot_bar(&plot, 0, y - 0.35, found[i].value, y + 0.35, "#0072b2", NULL);
    if (isfinite(found[i].low) && isfinite(found[i].high))
      cm__plot_segment(&plot, found[i].low, y, found[i].high, y, "#1c2430", 1, NULL);
    cm__plot_text(&plot, plot.left - 8, cm__plot_y(&plot, y) + 4, "end", 11.5, "#1c2430", found[i].name);
  }
  cm__plot_end(&plot);
}

/* ---- SHAP
 * --------------------------------------------------------------------------------------------------------------- */

static int shap_columns(const CmTable *shap, Ranked *to, int most) {
  int count = 0;
  size_t prefix = strlen(CM_SHAP_PREFIX);
  for (int c = 0; c < cm_table_columns(shap) && count < most; c++) {
    const char *name = cm_table_column_name(shap, c);
    if (strncmp(name, CM_SHAP_PREFIX, prefix) == 0) to[count++] = (Ranked){.name = name + prefix, .column = c};
  }
  return count;
}

/* A feature's value in the row of the features table that a SHAP row belongs to. */
static double feature_value(const CmTable *features, const CmTable *shap, int64_t shap_row, const char *name) {
  int column = features ? cm_table_find_column(features, name) : -1;
  double row = cm__row_real(shap, shap_row, "row");
  if (column < 0 || !(row >= 0) || row >= (double)cm_table_rows(features)) return NAN;
  return cm_table_real(features, (int64_t)row, column);
}

static int by_double(const void *a, const void *b) {
  double p = *(const double *)a, q = *(const double *)b;
  return (p > q) - (p < q);
}

/* From blue (low) over grey to red (high) by the rank range of the middle 90 %. */
static void value_colour(double value, double low, double high, char to[8]) {
  double t = high > low ? (value - low) / (high - low) : 0.5;
  t = t < 0 ? 0 : t > 1 ? 1 : t;
  if (isnan(value))
    snprintf(to, 8, "#999999");
  else
    snprintf(to, 8, "#%02x%02x%02x", (unsigned)(0x1e + t * (0xd6 - 0x1e)),
             (unsigned)(0x78 - fabs(t - 0.5) * 0x60 + 0x10), (unsigned)(0xd0 - t * (0xd0 - 0x3c)));
}

typedef struct Swarm {
  const CmTable *shap, *features;
  const int64_t *rows;
  int64_t count;
} Swarm;

static void swarm_row(CmPlot *plot, const Swarm *swarm, const Ranked *feature, double y, double *values) {
  int64_t known = 0;
  for (int64_t i = 0; i < swarm->count; i++) {
    double value = feature_value(swarm->features, swarm->shap, swarm->rows[i], feature->name);
    if (!isnan(value)) values[known++] = value;
  }
  qsort(values, (size_t)known, sizeof *values, by_double);
  double low = known ? values[known / 20] : 0, high = known ? values[known - 1 - known / 20] : 0;
  for (int64_t i = 0; i < swarm->count; i++) {
    char colour[8], tip[160];
    double value = feature_value(swarm->features, swarm->shap, swarm->rows[i], feature->name);
    double shap = cm_table_real(swarm->shap, swarm->rows[i], feature->column);
    if (isnan(shap)) continue;
    value_colour(value, low, high, colour);
    char said[32];
    snprintf(tip, sizeof tip, "%s: %s, contribution %+.3f", cm__row_text(swarm->shap, swarm->rows[i], "subject"),
             isnan(value) ? "no value" : cm__html_number(value, 4, said), shap);
    double jitter =
        (double)((uint64_t)i * 2654435761u % 1000u) / 1000 - 0.5; /* spreads equal values; fixed by the row */
    cm__plot_point(plot, shap, y + jitter * 0.55, 2.6, colour, tip);
  }
}

bool cm__chart_beeswarm(CmTextBuffer *out, const CmTable *shap, const CmTable *features, const char *model,
                        const char *class_name, CmError **err) {
  enum { MOST = 1024, SHOWN = 12, MOST_ROWS = 600 };
  Ranked ranked[MOST];
  int64_t rows[MOST_ROWS];
  Swarm swarm = {.shap = shap, .features = features, .rows = rows};
  const char *pairs[] = {"model", model, "class", class_name, "part", "cross_validation", NULL};
  for (int64_t row = cm__find_row(shap, 0, pairs); row >= 0 && swarm.count < MOST_ROWS;
       row = cm__find_row(shap, row + 1, pairs))
    rows[swarm.count++] = row;
  int count = shap_columns(shap, ranked, MOST);
  if (!count || !swarm.count) return true;
  double low = 0, high = 0;
  for (int i = 0; i < count; i++)
    for (int64_t r = 0; r < swarm.count; r++) {
      double value = cm_table_real(shap, rows[r], ranked[i].column);
      if (!isnan(value)) ranked[i].value += fabs(value), low = fmin(low, value), high = fmax(high, value);
    }
  qsort(ranked, (size_t)count, sizeof *ranked, by_size);
  if (count > SHOWN) count = SHOWN;
  double *values = cm_alloc_array(out->ctx, (size_t)swarm.count, sizeof *values, err);
  if (!values) return false;
  double margin = (high - low) * 0.03 + 1e-9;
  CmPlot plot = {.out = out,
                 .file = {"beeswarm", model, class_name},
                 .width = 720,
                 .height = 70 + 26.0 * count,
                 .left = 230,
                 .right = 16,
                 .top = 26,
                 .bottom = 40,
                 .x0 = low - margin,
                 .x1 = high + margin,
                 .y1 = count};
  cm__plot_start_rows(&plot, "Contribution of each feature to each row (red: high value, blue: low value)",
                      "SHAP value");
  cm__plot_segment(&plot, 0, 0, 0, count, "#9aa5b1", 1, NULL);
  for (int i = 0; i < count; i++) {
    cm__plot_text(&plot, plot.left - 8, cm__plot_y(&plot, count - i - 0.5) + 4, "end", 11.5, "#1c2430", ranked[i].name);
    swarm_row(&plot, &swarm, &ranked[i], count - i - 0.5, values);
  }
  cm__plot_end(&plot);
  cm_free(values);
  return true;
}

/* The contributions of one direction from the output outwards, the largest first; where they end. */
static double push(CmPlot *plot, const Ranked *ranked, int count, double output, bool up) {
  double at = output;
  for (int i = 0; i < count; i++) {
    char tip[200];
    double next = at - ranked[i].value;
    if (ranked[i].value == 0 || (ranked[i].value > 0) != up) continue;
    snprintf(tip, sizeof tip, "%s %+.3f", ranked[i].name, ranked[i].value);
    cm__plot_bar(plot, at, 0.1, next, 0.9, up ? "#d55e00" : "#0072b2", tip);
    cm__plot_segment(plot, next, 0.1, next, 0.9, "#ffffff", 1, NULL);
    at = next;
  }
  return at;
}

static int shap_of_row(const CmTable *shap, int64_t row, Ranked *ranked, int most) {
  int count = shap_columns(shap, ranked, most);
  for (int i = 0; i < count; i++) {
    double value = cm_table_real(shap, row, ranked[i].column);
    ranked[i].value = isnan(value) ? 0 : value;
  }
  qsort(ranked, (size_t)count, sizeof *ranked, by_size);
  return count;
}

void cm__chart_force(CmTextBuffer *out, const CmTable *shap, int64_t row, const char *subject) {
  enum { MOST = 1024 };
  Ranked ranked[MOST];
  int count = shap_of_row(shap, row, ranked, MOST);
  double base = cm__row_real(shap, row, "base"), output = cm__row_real(shap, row, "output"), up = 0, down = 0;
  for (int i = 0; i < count; i++) *(ranked[i].value > 0 ? &up : &down) += ranked[i].value;
  double low = fmin(base, output - up), high = fmax(base, output - down), margin = (high - low) * 0.04 + 1e-9;
  CmPlot plot = {.out = out,
                 .file = {"force", subject},
                 .width = 660,
                 .height = 92,
                 .left = 20,
                 .right = 20,
                 .top = 26,
                 .bottom = 36,
                 .x0 = low - margin,
                 .x1 = high + margin,
                 .y1 = 1};
  cm__plot_start_rows(&plot, "what pushes up (red), and what down (blue), to where they meet", "model output");
  push(&plot, ranked, count, output, true);
  push(&plot, ranked, count, output, false);
  cm__plot_segment(&plot, output, -0.1, output, 1.1, "#1c2430", 2, NULL);
  cm__plot_segment(&plot, base, 0, base, 1, "#1c2430", 1, "stroke-dasharray=\"3 3\"");
  cm__plot_end(&plot);
}

/* From the base through the largest contributions to the output; what is left over is one bar. */
bool cm__chart_waterfall(CmTextBuffer *out, const CmTable *shap, int64_t row, const CmTable *features,
                         const char *subject, CmError **err) {
  enum { MOST = 1024, SHOWN = 8 };
  (void)err;
  Ranked ranked[MOST];
  int count = shap_of_row(shap, row, ranked, MOST);
  double base = cm__row_real(shap, row, "base"), output = cm__row_real(shap, row, "output");
  int shown = count > SHOWN ? SHOWN : count;
  double rest = output - base;
  for (int i = 0; i < shown; i++) rest -= ranked[i].value;
  int bars = shown + (count > shown ? 1 : 0);
  double low = fmin(base, output), high = fmax(base, output), at = output;
  for (int i = 0; i < shown; i++) at -= ranked[i].value, low = fmin(low, at), high = fmax(high, at);
  double margin = (high - low) * 0.06 + 1e-9;
  CmPlot plot = {.out = out,
                 .file = {"waterfall", subject},
                 .width = 660,
                 .height = 62 + 22.0 * bars,
                 .left = 350,
                 .right = 40,
                 .top = 24,
                 .bottom = 38,
                 .x0 = low - margin,
                 .x1 = high + margin,
                 .y1 = bars};
  char title[96];
  snprintf(title, sizeof title, "from the average, %.3f, to %.3f", base, output);
  cm__plot_start_rows(&plot, title, "model output");
  at = output;
  for (int i = 0; i < bars; i++) {
    bool other = i == shown;
    double part = other ? rest : ranked[i].value, y = bars - i - 0.5;
    char name[160], tip[48];
    double value = other ? NAN : feature_value(features, shap, row, ranked[i].name);
    if (other)
      snprintf(name, sizeof name, "%d other features", count - shown);
    else if (isnan(value))
      snprintf(name, sizeof name, "%s (no value)", ranked[i].name);
    else
      snprintf(name, sizeof name, "%s = %s", ranked[i].name, cm__html_number(value, 4, tip));
    snprintf(tip, sizeof tip, "%+.3f", part);
    cm__plot_bar(&plot, at - part, y - 0.36, at, y + 0.36, part >= 0 ? "#d55e00" : "#0072b2", tip);
    cm__plot_text(&plot, plot.left - 8, cm__plot_y(&plot, y) + 4, "end", 11.5, "#1c2430", name);
    cm__plot_text(&plot, cm__plot_x(&plot, fmax(at, at - part)) + 4, cm__plot_y(&plot, y) + 4, "start", 10.5, "#4b5868",
                  tip);
    at -= part;
  }
  cm__plot_end(&plot);
  return true;
}

/* ---- confusion
 * ---------------------------------------------------------------------------------------------------------- */

static double confusion_rows(const CmTable *table, const char *model, const char *part, const char *target,
                             const char *predicted) {
  double sum = 0;
  const char *pairs[] = {"model", model, "part", part, "target", target, "predicted", predicted, NULL};
  for (int64_t row = cm__find_row(table, 0, pairs); row >= 0; row = cm__find_row(table, row + 1, pairs))
    sum += cm__row_real(table, row, "rows");
  return sum;
}

void cm__chart_confusion(CmTextBuffer *out, const CmTable *confusion, const char *model, const char *part) {
  enum { MOST = 24 };
  const char *classes[MOST];
  int count = cm__distinct(confusion, "target", classes, MOST);
  cm__text_add(out, "<table><thead><tr><th>");
  cm__html_text(out, model);
  cm__text_add(out, "</th>");
  for (int i = 0; i < count; i++)
    cm__text_add(out, "<th class=\"n\">predicted "), cm__html_text(out, classes[i]), cm__text_add(out, "</th>");
  cm__text_add(out, "</tr></thead>");
  for (int i = 0; i < count; i++) {
    double total = 0;
    for (int j = 0; j < count; j++) total += confusion_rows(confusion, model, part, classes[i], classes[j]);
    cm__text_add(out, "<tr><th>is ");
    cm__html_text(out, classes[i]);
    cm__text_add(out, "</th>");
    for (int j = 0; j < count; j++) {
      double rows = confusion_rows(confusion, model, part, classes[i], classes[j]),
             share = total > 0 ? rows / total : 0;
      cm__text_addf(
          out, "<td class=\"n\" style=\"background:rgba(%s,%.2f)\">%.0f<br><span class=\"note\">%.0f %%</span></td>",
          i == j ? "0,158,115" : "213,94,0", 0.08 + 0.5 * share, rows, 100 * share);
    }
    cm__text_add(out, "</tr>");
  }
  cm__text_add(out, "</table>\n");
}
