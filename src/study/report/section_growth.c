/* Between visits: how what was found at both has grown. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "study/report/plot.h"
#include "study/report/sections.h"
#include "study/report/slices.h"

static const CmResultTable *growth_table(const CmReport *report, int from) {
  const CmStudyResult *r = report->result;
  for (int i = from; i < r->table_count; i++)
    if (r->tables[i].step >= 0 && r->steps[r->tables[i].step].between &&
        cm_table_find_column(r->tables[i].table, "volume_1") >= 0)
      return &r->tables[i];
  return NULL;
}

bool cm__report_has_growth(const CmReport *report) {
  return growth_table(report, 0) != NULL;
}

/* Volume at the later visit against the earlier one, both logarithmic; lines of equal size and of doubling. */
static void growth_chart(CmTextBuffer *out, const CmTable *table) {
  CmPlot plot = {.out = out,
                 .file = {"growth"},
                 .width = 420,
                 .height = 400,
                 .left = 58,
                 .right = 14,
                 .top = 26,
                 .bottom = 42,
                 .logarithmic = true,
                 .x0 = INFINITY,
                 .x1 = -INFINITY};
  for (int64_t row = 0; row < cm_table_rows(table); row++) {
    double a = log10(cm__row_real(table, row, "volume_1")), b = log10(cm__row_real(table, row, "volume_2"));
    if (!isfinite(a) || !isfinite(b)) continue;
    plot.x0 = fmin(plot.x0, fmin(a, b) - 0.1);
    plot.x1 = fmax(plot.x1, fmax(a, b) + 0.1);
  }
  if (!(plot.x1 > plot.x0)) return;
  plot.y0 = plot.x0;
  plot.y1 = plot.x1;
  cm__plot_start(&plot, "volume at the two visits", "at the earlier visit, mm³", "at the later visit, mm³");
  cm__plot_segment(&plot, plot.x0, plot.x0, plot.x1, plot.x1, "#9aa5b1", 1, "stroke-dasharray=\"4 4\"");
  cm__plot_segment(&plot, plot.x0, plot.x0 + log10(2), plot.x1 - log10(2), plot.x1, "#d55e00", 1,
                   "stroke-dasharray=\"2 4\"");
  for (int64_t row = 0; row < cm_table_rows(table); row++) {
    double a = cm__row_real(table, row, "volume_1"), b = cm__row_real(table, row, "volume_2");
    if (!(a > 0) || !(b > 0)) continue;
    char tip[128];
    snprintf(tip, sizeof tip, "%s: %.0f to %.0f mm³", cm__row_text(table, row, "subject"), a, b);
    cm__plot_point(&plot, log10(a), log10(b), 4, b > 1.25 * a ? "#d55e00" : "#0072b2", tip);
  }
  cm__plot_end(&plot);
}

/* ---- the nodules themselves
 * ---------------------------------------------------------------------------------------------- */

static const CmResultPicture *picture_of(const CmStudyResult *r, const char *subject, const char *visit) {
  for (int i = 0; i < r->picture_count; i++)
    if (r->pictures[i].overlay_count && strcmp(r->pictures[i].subject, subject) == 0 &&
        strcmp(r->pictures[i].visit, visit) == 0)
      return &r->pictures[i];
  return NULL;
}

/* A crop around one label of the picture's last segmentation; nothing where it is not there. */
static bool add_crop(CmReport *report, const CmResultPicture *picture, int64_t label, double size_mm,
                     const char *caption, CmError **err) {
  enum { MOST = 16 };
  CmImage *image = NULL, *overlays[MOST] = {NULL};
  CmResultPicture shown = *picture;
  if (shown.overlay_count > MOST) shown.overlay_count = MOST;
  if (!cm__result_picture(report->result, &shown, &image, overlays, err)) return false;
  CmImage *last = overlays[shown.overlay_count - 1];
  CmSliceView view = {
      .image = image, .overlays = &last, .overlay_count = 1, .size_mm = size_mm, .width_px = 200, .has_centre = true};
  cm__choose_window(&shown, image, &view);
  bool good = true;
  if (last && cm__slice_busiest(last, CM_PLANE_AXIAL, label, view.centre_mm))
    good = cm__slice_add(&report->out, report->result->ctx, &view, caption, err);
  for (int i = 0; i < shown.overlay_count; i++) cm_image_unref(&overlays[i]);
  cm_image_unref(&image);
  return good;
}

static bool add_visit(CmReport *report, const CmTable *table, int64_t row, bool later, CmError **err) {
  const CmResultPicture *picture = picture_of(report->result, cm__row_text(table, row, "subject"),
                                              cm__row_text(table, row, later ? "later_visit" : "visit"));
  double volume = cm__row_real(table, row, later ? "volume_2" : "volume_1");
  double diameter = cm__row_real(table, row, later ? "diameter_2" : "diameter_1");
  double size = 3 * fmax(cm__row_real(table, row, "diameter_1"), cm__row_real(table, row, "diameter_2"));
  int column = cm_table_find_column(table, later ? "nodule_2" : "nodule_1");
  char caption[256];
  if (!picture || column < 0) return true;
  snprintf(caption, sizeof caption, "%s · %.0f mm³, %.1f mm", picture->visit, volume, diameter);
  return add_crop(report, picture, cm_table_int(table, row, column), fmax(size, 30), caption, err);
}

/* The same nodules at both visits, of the subjects whose pictures are shown. */
static bool add_pairs(CmReport *report, const CmTable *table, CmError **err) {
  enum { MOST = 12 };
  CmTextBuffer *out = &report->out;
  int shown = 0;
  bool good = true;
  for (int64_t row = 0; good && row < cm_table_rows(table) && shown < MOST; row++) {
    const char *subject = cm__row_text(table, row, "subject");
    if (!(cm__row_real(table, row, "volume_1") > 0) || !(cm__row_real(table, row, "volume_2") > 0) ||
        !picture_of(report->result, subject, cm__row_text(table, row, "visit")) ||
        !picture_of(report->result, subject, cm__row_text(table, row, "later_visit")))
      continue;
    if (!shown++) cm__text_add(out, "<h3>The same nodules at both visits</h3><div class=\"grid\">\n");
    cm__text_add(out, "<div class=\"pair\"><p class=\"note\"><b>");
    cm__html_text(out, subject);
    cm__text_add(out, "</b> ");
    cm__html_textf(out, "%s, %+.0f %% in volume", cm__row_text(table, row, "status"),
                   cm__row_real(table, row, "growth"));
    if (cm__row_is(table, row, "status", "growing") && cm__row_real(table, row, "doubling_time") > 0)
      cm__html_textf(out, ", doubled in %.0f days", cm__row_real(table, row, "doubling_time"));
    cm__text_add(out, "</p><div class=\"grid\">");
    good = add_visit(report, table, row, false, err) && add_visit(report, table, row, true, err);
    cm__text_add(out, "</div></div>\n");
  }
  if (shown) cm__text_add(out, "</div>\n");
  return good;
}

bool cm__report_growth(CmReport *report, CmError **err) {
  static const char *const columns[] = {"subject", "visit",      "later_visit", "status", "volume_1",     "volume_2",
                                        "growth",  "diameter_1", "diameter_2",  "days",   "doubling_time"};
  static const char *const titles[] = {"subject",        "visit",        "later visit",  "status",
                                       "volume",         "later volume", "growth",       "diameter",
                                       "later diameter", "between",      "doubling time"};
  CmTextBuffer *out = &report->out;
  bool good = true;
  if (!cm__report_has_growth(report)) return true;
  cm__html_section(out, "growth", "Between visits",
                   "The same nodules at two visits: volume, diameter, growth and volume doubling time. A negative "
                   "doubling time is a "
                   "halving time; where the volume is nearly the same, it says little.");
  const CmResultTable *found = growth_table(report, 0);
  while (good && found) {
    char file[256];
    snprintf(file, sizeof file, "tables/%s.csv", found->name);
    cm__text_add(out, "<div class=\"grid\"><figure>");
    growth_chart(out, found->table);
    cm__text_add(out,
                 "<figcaption>Dashed: no change; dotted: doubled. Orange: grown by more than a "
                 "quarter.</figcaption></figure></div>\n");
    cm__html_table(out, &(CmHtmlTable){.table = found->table,
                                       .columns = columns,
                                       .titles = titles,
                                       .column_count = CM_COUNT(columns),
                                       .digits = 3,
                                       .file = file});
    good = add_pairs(report, found->table, err);
    found = growth_table(report, (int)(found - report->result->tables) + 1);
  }
  cm__html_section_end(out);
  return good;
}
