/* What went in, and the images with their segmentations. */
#include <stdio.h>
#include <string.h>

#include "study/report/sections.h"

/* What the catalogues hold that the inputs were chosen from. */
static void add_catalogs(CmTextBuffer *out, const CmTable *catalogs) {
  static const char *const columns[] = {"catalog", "modality", "patients", "studies", "series", "images", "files"};
  int64_t totals = 0;
  if (!catalogs) return;
  for (int64_t row = CM__FIND(catalogs, 0, "modality", "all"); row >= 0;
       row = CM__FIND(catalogs, row + 1, "modality", "all"))
    totals++;
  int first = totals == 1; /* of one catalogue the name says nothing */
  cm__text_add(out, "<h3>What the catalogue holds</h3>\n");
  cm__html_table(out, &(CmHtmlTable){.table = catalogs,
                                     .columns = columns + first,
                                     .column_count = CM_COUNT(columns) - first,
                                     .file = "tables/catalog.csv"});
}

bool cm__report_inputs(CmReport *report, CmError **err) {
  (void)err;
  const CmStudyResult *r = report->result;
  CmTextBuffer *out = &report->out;
  cm__html_section(out, "inputs", "What went in", "Every file that was found, and what could not be used.");
  cm__text_add(out,
               "<table><thead><tr><th>input</th><th>kind</th><th>where</th><th>modality</th><th class=\"n\">files</th>"
               "<th class=\"n\">images</th><th class=\"n\">subjects</th></tr></thead>\n");
  for (int i = 0; i < r->input_count; i++) {
    const CmResultInput *input = &r->inputs[i];
    char where[1024];
    snprintf(where, sizeof where, "%s%s%s", input->catalog ? input->catalog : "", input->catalog ? ": " : "",
             input->catalog && !*input->path ? "all" : input->path);
    cm__html_row(out,
                 (const char *const[]){input->name, cm_kind_name(input->kind), where,
                                       *input->modality ? input->modality : "any"},
                 4, (const int64_t[]){input->files, input->images, input->subjects}, 3);
  }
  cm__text_add(out, "</table>\n");
  add_catalogs(out, r->catalogs);
  int64_t bad = cm_table_rows(r->quarantine);
  if (!bad) {
    cm__text_add(out,
                 "<div class=\"good\">Nothing is in quarantine: every file was read and every step was done.</div>\n");
  } else {
    cm__text_addf(out,
                  "<div class=\"warn\">%lld %s put into quarantine, with the reason; all the rest was done.</div>\n",
                  (long long)bad, bad == 1 ? "entry was" : "entries were");
    static const char *const columns[] = {"path", "subject", "visit", "step", "reason"};
    cm__html_table(
        out, &(CmHtmlTable){.table = r->quarantine, .columns = columns, .column_count = 5, .file = "quarantine.csv"});
  }
  cm__html_section_end(out);
  return true;
}

void cm__choose_window(const CmResultPicture *picture, const CmImage *image, CmSliceView *view) {
  const char *unit = cm_image_unit(image);
  if (picture->has_window) {
    view->low = picture->centre - picture->width / 2;
    view->high = picture->centre + picture->width / 2;
  } else if (strcmp(unit, "HU") == 0) { /* lung and soft tissue at once */
    view->low = -1350;
    view->high = 450;
  } else if (strcmp(unit, "g/ml") == 0) {
    view->low = 0;
    view->high = 7;
  }
}

static bool same_place(const CmResultPicture *a, const CmResultPicture *b) {
  return strcmp(a->subject, b->subject) == 0 && strcmp(a->visit, b->visit) == 0 && strcmp(a->image, b->image) == 0;
}

/* What the picture is; the series, which is a long number in DICOM, only where two would be called the same. */
static void name_picture(const CmStudyResult *r, const CmResultPicture *picture, char *to, size_t size) {
  bool twin = false;
  for (int i = 0; i < r->picture_count; i++)
    twin = twin || (&r->pictures[i] != picture && same_place(&r->pictures[i], picture));
  const char *head = *picture->visit ? picture->visit : picture->subject;
  snprintf(to, size, "%s · %s%s%s", head, picture->image, twin ? " · " : "", twin ? picture->series : "");
}

/* The target of the picture's subject, for the caption of a small image; "" if there is none. */
static const char *target_of(const CmStudyResult *r, const CmResultPicture *picture) {
  int64_t row = r->features ? CM__FIND(r->features, 0, "subject", picture->subject) : -1;
  return row >= 0 && cm_table_find_column(r->features, r->target) >= 0 ? cm__row_text(r->features, row, r->target) : "";
}

static bool is_flat(const CmImage *image) {
  return cm_image_rank(image) == 2 || cm_image_dims(image)[2] == 1;
}

static bool add_flat(CmReport *report, const CmResultPicture *picture, CmSliceView *view, CmError **err) {
  char caption[256];
  const char *target = target_of(report->result, picture);
  snprintf(caption, sizeof caption, "%s%s%s%s%s", picture->subject, *target ? " · " : "",
           *target ? report->result->target : "", *target ? " " : "", target);
  view->width_px = 162;
  return cm__slice_add(&report->out, report->result->ctx, view, caption, err);
}

/* Behind the name those segmentations whose labels have no names, and so no legend. */
static void name_contours(const CmResultPicture *picture, const CmSliceView *view, char *to, size_t size) {
  size_t used = strlen(to);
  const char *between = ", contour: ";
  for (int i = 0; i < view->overlay_count; i++) {
    if (!view->overlays[i] || cm_image_label_count(view->overlays[i])) continue;
    int more = snprintf(to + used, size - used, "%s%s", between, picture->overlays[i]);
    if (more > 0 && (size_t)more < size - used) used += (size_t)more;
    between = " and ";
  }
}

/* Axial, coronal and sagittal through the place with most of the last segmentation. */
static bool add_planes(CmReport *report, const CmResultPicture *picture, CmSliceView *view, CmError **err) {
  char caption[256];
  bool good = true;
  name_picture(report->result, picture, caption, sizeof caption);
  name_contours(picture, view, caption, sizeof caption);
  for (int i = view->overlay_count - 1; i >= 0 && !view->has_centre; i--)
    view->has_centre = view->overlays[i] && cm__slice_busiest(view->overlays[i], CM_PLANE_AXIAL, 0, view->centre_mm);
  for (int plane = CM_PLANE_AXIAL; good && plane <= CM_PLANE_SAGITTAL; plane++) {
    view->plane = (CmPlane)plane;
    view->width_px = 330;
    good = cm__slice_add(&report->out, report->result->ctx, view, plane == CM_PLANE_AXIAL ? caption : NULL, err);
  }
  return good;
}

/* Subjects of flat images share one grid, so that many fit on a page; others have a heading and a row for each image.
 */
static bool add_picture(CmReport *report, int at, bool *in_grid, CmError **err) {
  enum { MOST = 16 };
  const CmStudyResult *r = report->result;
  CmTextBuffer *out = &report->out;
  CmImage *image = NULL, *overlays[MOST] = {NULL};
  CmResultPicture shown = r->pictures[at];
  if (shown.overlay_count > MOST) shown.overlay_count = MOST;
  if (!cm__result_picture(r, &shown, &image, overlays, err)) return false;
  CmSliceView view = {.image = image, .overlays = overlays, .overlay_count = shown.overlay_count};
  cm__choose_window(&shown, image, &view);
  bool flat = is_flat(image), first = at == 0 || strcmp(r->pictures[at - 1].subject, shown.subject) != 0;
  if (*in_grid && !flat) cm__text_add(out, "</div>\n");
  if (flat && !*in_grid) cm__text_add(out, "<div class=\"grid\">\n");
  *in_grid = flat;
  if (!flat && first) {
    cm__text_add(out, "<h3>");
    cm__html_text(out, shown.subject);
    cm__text_add(out, "</h3>\n");
  }
  for (int i = 0; !flat && first && i < shown.overlay_count; i++)
    if (overlays[i] && cm_image_label_count(overlays[i]) && cm_image_label_count(overlays[i]) <= 12)
      cm__slice_legend(out, overlays[i]);
  if (!flat) cm__text_add(out, "<div class=\"grid\">");
  bool good = flat ? add_flat(report, &r->pictures[at], &view, err) : add_planes(report, &r->pictures[at], &view, err);
  if (!flat) cm__text_add(out, "</div>\n");
  for (int i = 0; i < shown.overlay_count; i++) cm_image_unref(&overlays[i]);
  cm_image_unref(&image);
  return good;
}

bool cm__report_images(CmReport *report, CmError **err) {
  const CmStudyResult *r = report->result;
  CmTextBuffer *out = &report->out;
  bool contours = false, in_grid = false, good = true;
  if (!r->picture_count) return true;
  for (int i = 0; i < r->picture_count; i++) contours = contours || r->pictures[i].overlay_count;
  cm__html_section(out, "images", contours ? "Images and segmentations" : "Images",
                   contours ? "Slices through the place with most of the segmentation: axial, coronal, sagittal. The "
                              "patient's right is on "
                              "the left of axial and coronal slices."
                            : NULL);
  if (contours)
    cm__text_add(out, "<p><label><input type=\"checkbox\" id=\"overlay\" checked> show the contours</label></p>\n");
  for (int i = 0; good && i < r->picture_count; i++) good = add_picture(report, i, &in_grid, err);
  if (in_grid) cm__text_add(out, "</div>\n");
  cm__html_section_end(out);
  return good;
}
