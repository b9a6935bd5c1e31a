/* Correlations as a picture: a row per feature with its interval, or, of many features, a row per family. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "cli/robustness.h"
#include "cormack/file.h"
#include "study/report/plot.h"

enum { MOST_ROWS = 60, MOST_FAMILIES = 128, NAME = 96 };

static const struct {
  const char *name, *colour, *rule; /* rule: of the interval's lower end */
} classes[] = {{"excellent", "#009e73", "excellent: from 0.9"},
               {"good", "#56b4e9", "good: from 0.75"},
               {"moderate", "#e69f00", "moderate: from 0.5"},
               {"poor", "#d55e00", "poor"}};

typedef struct Family {
  char name[NAME];
  int64_t features, robust, shown; /* robust: good or excellent */
} Family;

/* IBSI's families are what stands before the first bar; PyRadiomics' image type and class stand before the last. */
static void family_of(const char *feature, char name[NAME]) {
  static const char *const ibsi[] = {"morph", "loc", "stat", "ih", "ivh", "cm", "rlm", "szm", "dzm", "ngt", "ngl"};
  const size_t first = strcspn(feature, "_");
  const char *last = strrchr(feature, '_');
  size_t size = last ? (size_t)(last - feature) : strlen(feature);
  for (int k = 0; k < CM_COUNT(ibsi); k++)
    if (strlen(ibsi[k]) == first && strncmp(ibsi[k], feature, first) == 0) size = first;
  snprintf(name, NAME, "%.*s", (int)size, feature);
}

static const char *colour_of(const CmTable *icc, int64_t row) {
  const char *reliability = cm_table_text(icc, row, cm_table_find_column(icc, "reliability"));
  for (int k = 0; reliability && k < CM_COUNT(classes); k++)
    if (strcmp(classes[k].name, reliability) == 0) return classes[k].colour;
  return "#9aa5b1";
}

static double real(const CmTable *icc, int64_t row, const char *column) {
  return cm_table_real(icc, row, cm_table_find_column(icc, column));
}

static double inside(double value) {
  return fmin(fmax(value, 0.0), 1.0);
}

static int64_t without_correlation(const CmTable *icc) {
  int64_t count = 0;
  for (int64_t row = 0; row < cm_table_rows(icc); row++) count += !isfinite(real(icc, row, "icc"));
  return count;
}

static void start(CmPlot *plot, CmTextBuffer *text, const CmTable *icc, int64_t rows, double height, size_t longest) {
  char axis[128] = "intraclass correlation";
  const int64_t none = without_correlation(icc);
  if (none > 0)
    snprintf(axis, sizeof axis, "intraclass correlation (%lld of %lld features have none)", (long long)none,
             (long long)cm_table_rows(icc));
  const double names = fmin(fmax(24.0 + 6.8 * (double)longest, 64.0), 330.0);
  *plot = (CmPlot){.out = text,
                   .alone = true,
                   .width = names + 510,
                   .height = 84 + height * (double)rows,
                   .left = names,
                   .right = 90,
                   .top = 48,
                   .bottom = 36,
                   .x1 = 1,
                   .y1 = (double)rows};
  cm__plot_start_rows(plot, "Robustness of features, by the lower end of the interval", axis);
  for (int k = 0; k < 3; k++) {
    static const double limits[] = {0.5, 0.75, 0.9};
    cm__plot_segment(plot, limits[k], 0, limits[k], (double)rows, "#9aa5b1", 1, "stroke-dasharray=\"3 3\"");
  }
  for (int k = 0; k < CM_COUNT(classes); k++) {
    const double x = plot->left + 136.0 * k;
    cm__text_addf(text, "<circle cx=\"%.1f\" cy=\"32\" r=\"4\" fill=\"%s\"/>", x + 4, classes[k].colour);
    cm__plot_text(plot, x + 13, 36, "start", 11.5, "#1c2430", classes[k].rule);
  }
}

static void tip_of(const CmTable *icc, int64_t row, char tip[300]) {
  snprintf(tip, 300, "%s: %.3f [%.3f, %.3f]", cm_table_text(icc, row, 0), real(icc, row, "icc"), real(icc, row, "low"),
           real(icc, row, "high"));
}

static void draw_features(CmTextBuffer *text, const CmTable *icc) {
  const int64_t rows = cm_table_rows(icc);
  size_t longest = 0;
  for (int64_t row = 0; row < rows; row++)
    if (strlen(cm_table_text(icc, row, 0)) > longest) longest = strlen(cm_table_text(icc, row, 0));
  CmPlot plot;
  start(&plot, text, icc, rows, 16, longest);
  for (int64_t row = 0; row < rows; row++) {
    const double y = (double)(rows - row) - 0.5, value = real(icc, row, "icc");
    char tip[300];
    cm__plot_text(&plot, plot.left - 8, cm__plot_y(&plot, y) + 4, "end", 11, "#1c2430", cm_table_text(icc, row, 0));
    if (!isfinite(value)) continue;
    tip_of(icc, row, tip);
    cm__plot_segment(&plot, inside(real(icc, row, "low")), y, inside(real(icc, row, "high")), y, colour_of(icc, row), 2,
                     NULL);
    cm__plot_point(&plot, inside(value), y, 4, colour_of(icc, row), tip);
  }
  cm__plot_end(&plot);
}

static int find_family(Family *families, int *count, const char *feature) {
  char name[NAME];
  family_of(feature, name);
  for (int k = 0; k < *count; k++)
    if (strcmp(families[k].name, name) == 0) return k;
  if (*count == MOST_FAMILIES) return MOST_FAMILIES - 1;
  snprintf(families[*count].name, NAME, "%s", name);
  return (*count)++;
}

/* Points are spread over the height of their row, so that many are seen. */
static void draw_families(CmTextBuffer *text, const CmTable *icc, Family *families) {
  int count = 0;
  size_t longest = 0;
  for (int64_t row = 0; row < cm_table_rows(icc); row++) {
    Family *family = &families[find_family(families, &count, cm_table_text(icc, row, 0))];
    family->features++;
    family->robust += real(icc, row, "low") >= 0.75;
    if (strlen(family->name) > longest) longest = strlen(family->name);
  }
  CmPlot plot;
  start(&plot, text, icc, count, 30, longest);
  for (int k = 0; k < count; k++) {
    char share[64];
    const double y = cm__plot_y(&plot, (double)(count - k) - 0.5) + 4;
    snprintf(share, sizeof share, "%lld of %lld", (long long)families[k].robust, (long long)families[k].features);
    cm__plot_text(&plot, plot.left - 8, y, "end", 11.5, "#1c2430", families[k].name);
    cm__plot_text(&plot, plot.width - plot.right + 8, y, "start", 11, "#4b5868", share);
  }
  cm__plot_text(&plot, plot.width - plot.right + 8, 16, "start", 11, "#4b5868", "good or better");
  for (int64_t row = 0; row < cm_table_rows(icc); row++) {
    const int k = find_family(families, &count, cm_table_text(icc, row, 0));
    const double lane = ((double)(families[k].shown++ * 5 % 9) - 4.0) / 12.0;
    const double value = real(icc, row, "icc");
    char tip[300];
    if (!isfinite(value)) continue;
    tip_of(icc, row, tip);
    cm__plot_point(&plot, inside(value), (double)(count - k) - 0.5 + lane, 3, colour_of(icc, row), tip);
  }
  cm__plot_end(&plot);
}

bool cm__robustness_plot(CmContext *ctx, const CmTable *icc, const char *path, CmError **err) {
  if (!cm_path_has_extension(path, ".svg")) {
    cm_error_set(err, CM_ERR_USAGE, "%s: a plot is written as .svg", path);
    return false;
  }
  Family *families = cm_calloc(ctx, MOST_FAMILIES, sizeof *families, err);
  if (!families) return false;
  CmTextBuffer text;
  cm__text_start(&text, ctx, err);
  if (cm_table_rows(icc) <= MOST_ROWS)
    draw_features(&text, icc);
  else
    draw_families(&text, icc, families);
  const bool good = !text.failed && cm_file_write(ctx, path, text.text, text.size, err);
  cm_free(text.text);
  cm_free(families);
  return good;
}
