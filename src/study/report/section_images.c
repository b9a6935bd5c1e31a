/* What went in, and the images with their segmentations. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "study/report/sections.h"
#include "study/report/slices.h"

bool cm__report_inputs(CmReport *report, CmError **err) {
  (void)err;
  const CmStudyResult *r = report->result;
  CmTextBuffer *out = &report->out;
  cm__html_section(out, "inputs", "What went in", "Every file that was found, and what could not be used.");
  cm__text_add(out, "<table><thead><tr><th>input</th><th>kind</th><th>where</th><th>modality</th><th class=\"n\">files</th>"
                    "<th class=\"n\">images</th><th class=\"n\">subjects</th></tr></thead>\n");
  for (int i = 0; i < r->input_count; i++) {
    const CmResultInput *input = &r->inputs[i];
    cm__html_row(out, (const char *const[]){input->name, cm_kind_name(input->kind), input->path, *input->modality ? input->modality : "any"}, 4,
                 (const int64_t[]){input->files, input->images, input->subjects}, 3);
  }
  cm__text_add(out, "</table>\n");
  int64_t bad = cm_table_rows(r->quarantine);
  if (!bad) {
    cm__text_add(out, "<div class=\"good\">Nothing is in quarantine: every file was read and every step was done.</div>\n");
  } else {
    cm__text_addf(out, "<div class=\"warn\">%lld %s put into quarantine, with the reason; all the rest was done.</div>\n", (long long)bad,
                  bad == 1 ? "entry was" : "entries were");
    static const char *const columns[] = {"path", "subject", "visit", "step", "reason"};
    cm__html_table(out, &(CmHtmlTable){.table = r->quarantine, .columns = columns, .column_count = 5, .file = "quarantine.csv"});
  }
  cm__html_section_end(out);
  return true;
}

/* Lung-like windows are not guessed: HU images get the chest window [-1350, 450] (centre -450, width 1800) that shows lung and soft tissue;
 * SUV 0 to 7; all others the percentiles of the image. */
static void choose_window(const CmResultPicture *picture, const CmImage *image, CmSliceView *view) {
  const char *unit = cm_image_unit(image);
  if (picture->has_window) {
    view->low = picture->centre - picture->width / 2;
    view->high = picture->centre + picture->width / 2;
  } else if (strcmp(unit, "HU") == 0) {
    view->low = -1350;
    view->high = 450;
  } else if (strcmp(unit, "g/ml") == 0) {
    view->low = 0;
    view->high = 7;
  }
}

static bool add_views(CmReport *report, const CmResultPicture *picture, const CmImage *image, CmImage **overlays, CmError **err) {
  CmTextBuffer *out = &report->out;
  CmSliceView view = {.image = image, .overlays = overlays, .overlay_count = picture->overlay_count, .width_px = 330};
  choose_window(picture, image, &view);
  bool flat = cm_image_rank(image) == 2 || cm_image_dims(image)[2] == 1;
  char caption[256];
  snprintf(caption, sizeof caption, "%s%s%s%s%s", picture->subject, *picture->visit ? " · " : "", picture->visit,
           *picture->series ? " · " : "", picture->series);
  if (flat) return cm__slice_add(out, report->result->ctx, &view, caption, err);
  for (int i = picture->overlay_count - 1; i >= 0 && !view.has_centre; i--)
    view.has_centre = overlays[i] && cm__slice_busiest(overlays[i], CM_PLANE_AXIAL, 0, view.centre_mm);
  bool good = cm__slice_add(out, report->result->ctx, &view, caption, err);
  view.plane = CM_PLANE_CORONAL;
  view.width_px = 300;
  return good && cm__slice_add(out, report->result->ctx, &view, "coronal, through the same place", err);
}

static bool add_picture(CmReport *report, const CmResultPicture *picture, bool legend, CmError **err) {
  enum { MOST = 16 };
  CmImage *image = NULL, *overlays[MOST] = {NULL};
  CmResultPicture shown = *picture;
  if (shown.overlay_count > MOST) shown.overlay_count = MOST;
  if (!cm__result_picture(report->result, &shown, &image, overlays, err)) return false;
  for (int i = 0; legend && i < shown.overlay_count; i++)
    if (overlays[i] && cm_image_label_count(overlays[i]) && cm_image_label_count(overlays[i]) <= 12) cm__slice_legend(&report->out, overlays[i]);
  cm__text_add(&report->out, "<div class=\"grid\">");
  bool good = add_views(report, &shown, image, overlays, err);
  cm__text_add(&report->out, "</div>\n");
  for (int i = 0; i < shown.overlay_count; i++) cm_image_unref(&overlays[i]);
  cm_image_unref(&image);
  return good;
}

bool cm__report_images(CmReport *report, CmError **err) {
  const CmStudyResult *r = report->result;
  CmTextBuffer *out = &report->out;
  if (!r->picture_count) return true;
  cm__html_section(out, "images", "Images and segmentations",
                   "Slices through the place with most of the segmentation. The patient's right is on the left of axial and coronal slices.");
  cm__text_add(out, "<p><label><input type=\"checkbox\" id=\"overlay\" checked> show the contours</label></p>\n");
  bool good = true;
  const char *last = NULL;
  for (int i = 0; good && i < r->picture_count; i++) {
    const CmResultPicture *picture = &r->pictures[i];
    if (!last || strcmp(last, picture->subject)) {
      cm__text_add(out, "<h3>");
      cm__html_text(out, picture->subject);
      cm__text_add(out, "</h3>\n");
    }
    last = picture->subject;
    good = add_picture(report, picture, i == 0, err);
  }
  cm__html_section_end(out);
  return good;
}
