#include "study/report/slices.h"

#include <math.h>
#include <setjmp.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <jpeglib.h>

#include "study/report/html.h"

/* ---- the slice: which image axes run to the right and down on the page
 * ---------------------------------------------------- */

typedef struct Axis {
  int axis; /* of the image */
  bool flip;
  int64_t first, count; /* along it, after flipping */
} Axis;

typedef struct Frame {
  Axis right, down;
  int through;
  int64_t at; /* index along `through` */
  const CmImage *image;
} Frame;

/* LPS direction and sign that should point to the right, down, and through the page. */
static const int plane_axes[3][3] = {{0, 1, 2}, {0, 2, 1}, {1, 2, 0}};
static const double plane_signs[3][2] = {{1, 1}, {1, -1}, {1, -1}};

static int nearest_axis(const CmGeometry *g, int lps, int taken_a, int taken_b) {
  int best = -1;
  for (int k = 0; k < 3; k++) {
    if (k == taken_a || k == taken_b) continue;
    if (best < 0 || fabs(g->direction[3 * lps + k]) > fabs(g->direction[3 * lps + best])) best = k;
  }
  return best;
}

static Axis whole_axis(const CmImage *image, int lps, double sign, int axis) {
  const CmGeometry *g = cm_image_geometry(image);
  return (Axis){
      .axis = axis, .flip = g->direction[3 * lps + axis] * sign < 0, .first = 0, .count = cm_image_dims(image)[axis]};
}

static int64_t clamp_index(double value, int64_t count) {
  double rounded = floor(value + 0.5);
  return rounded < 0 ? 0 : rounded > (double)(count - 1) ? count - 1 : (int64_t)rounded;
}

static void crop_axis(const CmImage *image, Axis *axis, double centre, double size_mm) {
  int64_t count = cm_image_dims(image)[axis->axis];
  int64_t half = (int64_t)ceil(size_mm / 2 / cm_image_geometry(image)->spacing[axis->axis]);
  int64_t middle = clamp_index(centre, count);
  int64_t from = middle - half < 0 ? 0 : middle - half, to = middle + half >= count ? count - 1 : middle + half;
  axis->first = axis->flip ? count - 1 - to : from;
  axis->count = to - from + 1;
}

static Frame find_frame(const CmSliceView *view) {
  const CmImage *image = view->image;
  const CmGeometry *g = cm_image_geometry(image);
  Frame frame = {.image = image, .through = 2};
  if (cm_image_rank(image) == 2) {
    const int64_t *dims = cm_image_dims(image);
    frame.right = (Axis){.axis = 0, .count = dims[0]};
    frame.down = (Axis){.axis = 1, .count = dims[1]};
    return frame;
  }
  const int *lps = plane_axes[view->plane];
  int through = nearest_axis(g, lps[2], -1, -1), right = nearest_axis(g, lps[0], through, -1);
  int down = 3 - through - right;
  frame.through = through;
  frame.right = whole_axis(image, lps[0], plane_signs[view->plane][0], right);
  frame.down = whole_axis(image, lps[1], plane_signs[view->plane][1], down);
  double centre[3], index[3];
  bool found = view->has_centre;
  for (int i = view->overlay_count - 1; i >= 0 && !found; i--)
    found = view->overlays[i] && cm__slice_busiest(view->overlays[i], view->plane, 0, centre);
  frame.at = cm_image_dims(image)[through] / 2;
  if (!found) return frame;
  cm_geometry_to_index(g, view->has_centre ? view->centre_mm : centre, index);
  frame.at = clamp_index(index[through], cm_image_dims(image)[through]);
  if (view->size_mm > 0) {
    crop_axis(image, &frame.right, index[right], view->size_mm);
    crop_axis(image, &frame.down, index[down], view->size_mm);
  }
  return frame;
}

/* Number of the value (component 0) at column u, row v of the page. */
static int64_t value_at(const Frame *f, int64_t u, int64_t v) {
  const int64_t *dims = cm_image_dims(f->image);
  int64_t index[3] = {0, 0, 0};
  index[f->through] = f->at;
  index[f->right.axis] = f->right.flip ? dims[f->right.axis] - 1 - (f->right.first + u) : f->right.first + u;
  index[f->down.axis] = f->down.flip ? dims[f->down.axis] - 1 - (f->down.first + v) : f->down.first + v;
  return ((index[2] * dims[1] + index[1]) * dims[0] + index[0]) * cm_image_components(f->image);
}

static int by_value(const void *a, const void *b) {
  double p = *(const double *)a, q = *(const double *)b;
  return (p > q) - (p < q);
}

/* The 1st and 99th percentile of a sample of the image, so that all its slices look alike. */
static void find_window(const CmImage *image, double *low, double *high) {
  enum { SAMPLES = 8192 };
  double sample[SAMPLES];
  int64_t count = cm_image_values(image), step = count / SAMPLES + 1;
  int used = 0;
  for (int64_t i = 0; i < count && used < SAMPLES; i += step) {
    double value = cm_image_value(image, i);
    if (isfinite(value)) sample[used++] = value;
  }
  qsort(sample, (size_t)used, sizeof *sample, by_value);
  *low = used ? sample[used / 100] : 0;
  *high = used ? sample[used - 1 - used / 100] : 1;
  if (*high <= *low) *high = *low + 1;
}

static uint8_t grey_of(double value, double low, double high) {
  double scaled = (value - low) / (high - low) * 255;
  return !(scaled > 0) ? 0 : scaled > 255 ? 255 : (uint8_t)(scaled + 0.5);
}

static uint8_t *render(CmContext *ctx, const CmSliceView *view, const Frame *f, int channels, CmError **err) {
  double low = view->low, high = view->high;
  if (!(high > low)) find_window(view->image, &low, &high);
  uint8_t *pixels = cm_alloc_array(ctx, (size_t)(f->right.count * f->down.count), (size_t)channels, err);
  for (int64_t v = 0, at = 0; pixels && v < f->down.count; v++)
    for (int64_t u = 0; u < f->right.count; u++) {
      int64_t from = value_at(f, u, v);
      for (int c = 0; c < channels; c++) pixels[at++] = grey_of(cm_image_value(f->image, from + c), low, high);
    }
  return pixels;
}

/* ---- JPEG into base64
 * --------------------------------------------------------------------------------------------------- */

typedef struct JpegFailure {
  struct jpeg_error_mgr base;
  jmp_buf jump;
} JpegFailure;

static void jpeg_failed(j_common_ptr info) {
  longjmp(((JpegFailure *)(void *)info->err)->jump, 1);
}
static void jpeg_silent(j_common_ptr info) {
  (void)info;
}

static bool encode_jpeg(const uint8_t *pixels, int64_t width, int64_t height, int channels, unsigned char **bytes,
                        unsigned long *size) {
  struct jpeg_compress_struct jpeg;
  JpegFailure failure;
  jpeg.err = jpeg_std_error(&failure.base);
  failure.base.error_exit = jpeg_failed;
  failure.base.output_message = jpeg_silent;
  if (setjmp(failure.jump)) {
    jpeg_destroy_compress(&jpeg);
    return false;
  }
  jpeg_create_compress(&jpeg);
  jpeg_mem_dest(&jpeg, bytes, size);
  jpeg.image_width = (JDIMENSION)width;
  jpeg.image_height = (JDIMENSION)height;
  jpeg.input_components = channels;
  jpeg.in_color_space = channels == 3 ? JCS_RGB : JCS_GRAYSCALE;
  jpeg_set_defaults(&jpeg);
  jpeg_set_quality(&jpeg, 86, TRUE);
  jpeg_start_compress(&jpeg, TRUE);
  while (jpeg.next_scanline < jpeg.image_height) {
    JSAMPROW row = (JSAMPROW)(uintptr_t)(pixels + (size_t)jpeg.next_scanline * (size_t)width * (size_t)channels);
    jpeg_write_scanlines(&jpeg, &row, 1);
  }
  jpeg_finish_compress(&jpeg);
  jpeg_destroy_compress(&jpeg);
  return true;
}

static bool add_base64(CmTextBuffer *out, const unsigned char *bytes, size_t size, CmError **err) {
  size_t length = sodium_base64_encoded_len(size, sodium_base64_VARIANT_ORIGINAL);
  char *text = cm_alloc(out->ctx, length, err);
  if (!text) return false;
  sodium_bin2base64(text, length, bytes, size, sodium_base64_VARIANT_ORIGINAL);
  cm__text_add(out, text);
  cm_free(text);
  return true;
}

static bool add_picture(CmTextBuffer *out, const uint8_t *pixels, const Frame *f, int channels, CmError **err) {
  unsigned char *jpeg = NULL;
  unsigned long size = 0;
  bool good = encode_jpeg(pixels, f->right.count, f->down.count, channels, &jpeg, &size);
  if (!good) cm_error_set(err, CM_ERR_MEMORY, "a slice could not be encoded as JPEG");
  cm__text_add(out, "<img alt=\"\" src=\"data:image/jpeg;base64,");
  good = good && add_base64(out, jpeg, size, err);
  cm__text_add(out, "\">");
  free(jpeg);
  return good;
}

/* ---- contours
 * ----------------------------------------------------------------------------------------------------------- */

static int64_t label_at(const CmImage *labels, const Frame *f, int64_t u, int64_t v) {
  if (u < 0 || v < 0 || u >= f->right.count || v >= f->down.count) return 0;
  Frame frame = *f;
  frame.image = labels;
  return (int64_t)cm_image_value(labels, value_at(&frame, u, v));
}

/* Edges between pixels in and out of the label, as runs: horizontal ones, then vertical ones. */
static void add_edges(CmTextBuffer *out, const int64_t *map, const Frame *f, int64_t value) {
  const int64_t w = f->right.count, h = f->down.count;
  for (int direction = 0; direction < 2; direction++) {
    int64_t lines = direction ? w : h, length = direction ? h : w;
    for (int64_t line = 0; line <= lines; line++) {
      for (int64_t from = 0, to; from < length; from = to + 1) {
        for (to = from; to < length; to++) {
          int64_t before = (line - 1) * (direction ? 1 : w) + to * (direction ? w : 1);
          int64_t after = line * (direction ? 1 : w) + to * (direction ? w : 1);
          bool in_before = line > 0 && map[before] == value, in_after = line < lines && map[after] == value;
          if (in_before == in_after) break;
        }
        if (to == from) continue;
        if (direction)
          cm__text_addf(out, "M%lld %lldv%lld", (long long)line, (long long)from, (long long)(to - from));
        else
          cm__text_addf(out, "M%lld %lldh%lld", (long long)from, (long long)line, (long long)(to - from));
      }
    }
  }
}

static void colour_of(const CmImage *labels, int64_t value, uint8_t rgb[3]) {
  CmLabel label;
  if (cm_image_find_label(labels, value, &label))
    memcpy(rgb, label.rgb, 3);
  else
    cm_label_colour(value, rgb);
}

static bool add_contours(CmTextBuffer *out, CmContext *ctx, const CmImage *labels, const Frame *f, CmError **err) {
  enum { MOST = 64 };
  int64_t count = f->right.count * f->down.count, values[MOST];
  int used = 0;
  int64_t *map = cm_alloc_array(ctx, (size_t)count, sizeof *map, err);
  if (!map) return false;
  for (int64_t i = 0; i < count; i++) {
    map[i] = label_at(labels, f, i % f->right.count, i / f->right.count);
    bool known = !map[i];
    for (int k = 0; k < used && !known; k++) known = values[k] == map[i];
    if (!known && used < MOST) values[used++] = map[i];
  }
  cm__text_addf(out, "<svg viewBox=\"0 0 %lld %lld\" preserveAspectRatio=\"none\">", (long long)f->right.count,
                (long long)f->down.count);
  for (int k = 0; k < used; k++) {
    uint8_t rgb[3];
    colour_of(labels, values[k], rgb);
    cm__text_add(out, "<path fill=\"none\" vector-effect=\"non-scaling-stroke\" stroke-width=\"1.4\" d=\"");
    add_edges(out, map, f, values[k]);
    cm__text_addf(out, "\" stroke=\"#%02x%02x%02x\"/>", rgb[0], rgb[1], rgb[2]);
  }
  cm__text_add(out, "</svg>");
  cm_free(map);
  return true;
}

/* ---- the figure
 * --------------------------------------------------------------------------------------------------------- */

static void add_letters(CmTextBuffer *out, CmPlane plane) {
  static const char *const sides[3][4] = {{"R", "L", "A", "P"}, {"R", "L", "S", "I"}, {"A", "P", "S", "I"}};
  static const char *const places[4] = {"left:5px;top:48%", "right:5px;top:48%", "left:49%;top:5px",
                                        "left:49%;bottom:5px"};
  for (int i = 0; i < 4; i++) cm__text_addf(out, "<i style=\"%s\">%s</i>", places[i], sides[plane][i]);
}

bool cm__slice_add(CmTextBuffer *out, CmContext *ctx, const CmSliceView *view, const char *caption, CmError **err) {
  Frame frame = find_frame(view);
  const double *spacing = cm_image_geometry(view->image)->spacing;
  int channels = cm_image_components(view->image) == 3 ? 3 : 1;
  double across = (double)frame.right.count * spacing[frame.right.axis],
         down = (double)frame.down.count * spacing[frame.down.axis];
  double width = view->width_px > 0 ? view->width_px : 300;
  uint8_t *pixels = render(ctx, view, &frame, channels, err);
  if (!pixels) return false;
  cm__text_addf(out, "<figure style=\"width:%.0fpx\"><div class=\"slice\" style=\"height:%.0fpx\">", width,
                width * down / across);
  bool good = add_picture(out, pixels, &frame, channels, err);
  cm_free(pixels);
  for (int i = 0; good && i < view->overlay_count; i++)
    if (view->overlays[i]) good = add_contours(out, ctx, view->overlays[i], &frame, err);
  if (cm_image_rank(view->image) > 2) add_letters(out, view->plane);
  cm__text_add(out, "</div>");
  if (caption) {
    cm__text_add(out, "<figcaption>");
    cm__html_text(out, caption);
    cm__text_add(out, "</figcaption>");
  }
  cm__text_add(out, "</figure>\n");
  return good;
}

bool cm__slice_busiest(const CmImage *labels, CmPlane plane, int64_t value, double centre_mm[3]) {
  const int64_t *dims = cm_image_dims(labels);
  int through = nearest_axis(cm_image_geometry(labels), plane_axes[plane][2], -1, -1);
  int64_t best = -1, best_count = 0;
  double best_sum[3] = {0, 0, 0};
  const int others[2] = {through == 0 ? 1 : 0, through == 2 ? 1 : 2};
  for (int64_t at = 0; at < dims[through]; at++) {
    int64_t count = 0, index[3];
    double sum[3] = {0, 0, 0};
    index[through] = at;
    for (index[others[1]] = 0; index[others[1]] < dims[others[1]]; index[others[1]]++)
      for (index[others[0]] = 0; index[others[0]] < dims[others[0]]; index[others[0]]++) {
        double label = cm_image_value(labels, (index[2] * dims[1] + index[1]) * dims[0] + index[0]);
        if (label == 0 || (value && (int64_t)label != value)) continue;
        count++;
        for (int i = 0; i < 3; i++) sum[i] += (double)index[i];
      }
    if (count <= best_count) continue;
    best = at;
    best_count = count;
    for (int i = 0; i < 3; i++) best_sum[i] = sum[i] / (double)count;
  }
  if (best < 0) return false;
  cm_geometry_to_physical(cm_image_geometry(labels), best_sum, centre_mm);
  return true;
}

void cm__slice_legend(CmTextBuffer *out, const CmImage *labels) {
  cm__text_add(out, "<p class=\"note\">");
  for (int i = 0; i < cm_image_label_count(labels); i++) {
    CmLabel label = cm_image_label_at(labels, i);
    cm__text_addf(out, "<span style=\"color:#%02x%02x%02x\">&#9632;</span> ", label.rgb[0], label.rgb[1], label.rgb[2]);
    cm__html_text(out, label.name);
    cm__text_add(out, " &nbsp; ");
  }
  cm__text_add(out, "</p>\n");
}
