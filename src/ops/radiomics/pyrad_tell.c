/* The columns diagnostics_ of PyRadiomics (docs, «General Info»), written as Python writes them. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "cormack/parallel.h"
#include "ops/radiomics/pyrad.h"
#include "ops/segment/components.h"
#include "ops/simd.h"

bool cm__pyrad_add(CmPyradItems *items, const char *name, double value, CmError **err) {
  if (items->count == items->room) {
    const int room = items->room ? 2 * items->room : 128;
    CmPyradItem *grown = cm_realloc(items->ctx, items->item, (size_t)room * sizeof(*grown), err);
    if (!grown) return false;
    items->item = grown;
    items->room = room;
  }
  CmPyradItem *to = &items->item[items->count++];
  snprintf(to->name, sizeof to->name, "%s", name);
  to->value = value;
  to->text = NULL;
  return true;
}

bool cm__pyrad_add_text(CmPyradItems *items, const char *name, char *text, CmError **err) {
  if (!text || !cm__pyrad_add(items, name, 0.0, err)) {
    cm_free(text);
    return false;
  }
  items->item[items->count - 1].text = text;
  return true;
}

void cm__pyrad_items_free(CmPyradItems *items) {
  for (int k = 0; k < items->count; k++) cm_free(items->item[k].text);
  cm_free(items->item);
  items->item = NULL;
  items->count = items->room = 0;
}

/* A number as Python's repr of a float. */
static const char *real_text(double value, char to[40]) {
  char digits[32];
  cm_real_text(value, digits);
  snprintf(to, 40, "%s%s", digits, strpbrk(digits, ".ein") ? "" : ".0");
  return to;
}

static char *tuple_of_reals(CmContext *ctx, const double *v, int count, CmError **err) {
  char a[40], b[40], c[40];
  return count == 2 ? cm_sprintf(ctx, err, "(%s, %s)", real_text(v[0], a), real_text(v[1], b))
                    : cm_sprintf(ctx, err, "(%s, %s, %s)", real_text(v[0], a), real_text(v[1], b), real_text(v[2], c));
}

static char *tuple_of_ints(CmContext *ctx, const int64_t *v, int count, CmError **err) {
  return count == 2 ? cm_sprintf(ctx, err, "(%lld, %lld)", (long long)v[0], (long long)v[1])
                    : cm_sprintf(ctx, err, "(%lld, %lld, %lld)", (long long)v[0], (long long)v[1], (long long)v[2]);
}

static int axes_of(const CmImage *image) {
  return cm_image_rank(image) < 3 ? 2 : 3;
}

typedef struct Facts {
  CmContext *ctx;
  const CmImage *image, *labels;
  CmPyradFacts *facts;
} Facts;

enum { PIECE = 4096 }; /* voxels: a whole number of SHA-1's blocks */

CM_SIMD static void to_words(const double *restrict from, int64_t n, uint32_t *restrict to) {
  for (int64_t k = 0; k < n; k++) to[k] = (uint32_t)(int64_t)from[k];
}

/* Of the image as it is, of the mask as 32-bit numbers. */
static bool hash_both(const Facts *job, CmError **err) {
  const CmType type = cm_image_type(job->labels);
  const int64_t voxels = cm_image_voxels(job->labels) * cm_image_components(job->labels);
  const char *map = cm_image_data(job->labels), *image = cm_image_data(job->image);
  size_t left = cm_image_bytes(job->image);
  const size_t share = PIECE * cm_type_size(cm_image_type(job->image));
  double *line = cm_alloc_array(job->ctx, PIECE, sizeof(double) + sizeof(uint32_t), err);
  if (!line) return false;
  uint32_t *words = (uint32_t *)(void *)(line + PIECE);
  CmSha1 of_image, of_map;
  cm__sha1_start(&of_image);
  cm__sha1_start(&of_map);
  for (int64_t at = 0; at < voxels; at += PIECE) {
    const int64_t n = voxels - at < PIECE ? voxels - at : PIECE;
    const size_t bytes = left < share ? left : share;
    cm__line_to_f64(type, map + (size_t)at * cm_type_size(type), n, line);
    to_words(line, n, words);
    cm__sha1_add_two(&of_image, image, bytes, &of_map, words, (size_t)n * sizeof *words);
    image += bytes;
    left -= bytes;
  }
  cm__sha1_add(&of_image, image, left);
  cm__sha1_finish(&of_image, job->facts->image_hash);
  cm__sha1_finish(&of_map, job->facts->mask_hash);
  cm_free(line);
  return true;
}

typedef struct Range {
  double sum[8], least[8], most[8];
} Range;

CM_SIMD static void add_line(const double *restrict line, int64_t n, Range *restrict range) {
  const int64_t whole = n / 8 * 8;
  Range r = *range;
  for (int64_t i = 0; i < whole; i += 8)
    for (int k = 0; k < 8; k++) {
      const double v = line[i + k];
      r.sum[k] += v;
      r.least[k] = v < r.least[k] ? v : r.least[k];
      r.most[k] = v > r.most[k] ? v : r.most[k];
    }
  for (int64_t i = whole; i < n; i++) {
    r.sum[0] += line[i];
    r.least[0] = line[i] < r.least[0] ? line[i] : r.least[0];
    r.most[0] = line[i] > r.most[0] ? line[i] : r.most[0];
  }
  *range = r;
}

static bool find_range(const Facts *job, CmError **err) {
  const CmGrid grid = cm__grid(job->image);
  CmPyradFacts *facts = job->facts;
  double *line = cm_alloc_array(job->ctx, (size_t)grid.row, sizeof(double), err);
  Range range = {.sum = {0.0}};
  if (!line) return false;
  for (int k = 0; k < 8; k++) range.least[k] = range.most[k] = cm_image_value(job->image, 0);
  for (int64_t row = 0; row < grid.rows; row++) {
    cm__line_to_f64(cm_image_type(job->image), cm__row(job->image, &grid, row), grid.row, line);
    add_line(line, grid.row, &range);
  }
  cm_free(line);
  facts->least = range.least[0];
  facts->most = range.most[0];
  facts->mean = 0.0;
  for (int k = 0; k < 8; k++) {
    facts->least = fmin(facts->least, range.least[k]);
    facts->most = fmax(facts->most, range.most[k]);
    facts->mean += range.sum[k] / (double)(grid.rows * grid.row);
  }
  return true;
}

static bool find_fact(void *arg, CmRange range, CmError **err) {
  const Facts *job = arg;
  for (int64_t k = range.begin; k < range.end; k++)
    if (!(k == 0 ? hash_both(job, err) : find_range(job, err))) return false;
  return true;
}

bool cm__pyrad_facts(CmContext *ctx, const CmImage *image, const CmImage *labels, CmPyradFacts *facts, CmError **err) {
  Facts job = {.ctx = ctx, .image = image, .labels = labels, .facts = facts};
  return cm_parallel_for(ctx, NULL, 2, 1, find_fact, &job, err);
}

static bool add_named(CmPyradItems *to, const char *what, const char *prefix, const char *name, char *text,
                      double value, bool is_text, CmError **err) {
  char whole[CM__FEATURE_NAME];
  snprintf(whole, sizeof whole, "diagnostics_%s-%s_%s", what, prefix, name);
  return is_text ? cm__pyrad_add_text(to, whole, text, err) : cm__pyrad_add(to, whole, value, err);
}

static bool tell_grid(CmPyradItems *to, const char *what, const char *prefix, const CmImage *image, CmError **err) {
  const int axes = axes_of(image);
  return add_named(to, what, prefix, "Spacing", tuple_of_reals(to->ctx, cm_image_geometry(image)->spacing, axes, err),
                   0, true, err) &&
         add_named(to, what, prefix, "Size", tuple_of_ints(to->ctx, cm_image_dims(image), axes, err), 0, true, err);
}

static bool tell_range(CmPyradItems *to, const char *what, const char *prefix, double mean, double least, double most,
                       CmError **err) {
  return add_named(to, what, prefix, "Mean", NULL, mean, false, err) &&
         add_named(to, what, prefix, "Minimum", NULL, least, false, err) &&
         add_named(to, what, prefix, "Maximum", NULL, most, false, err);
}

/* {'binWidth': 25.0, ...}: the settings that differ from their defaults, and those that PyRadiomics always lists. */
static char *tell_settings(CmContext *ctx, const CmOp *op, const void *values, CmError **err) {
  static const char *const always[] = {"minimumROIDimensions",
                                       "minimumROISize",
                                       "normalize",
                                       "normalizeScale",
                                       "removeOutliers",
                                       "resampledPixelSpacing",
                                       "interpolator",
                                       "preCrop",
                                       "padDistance",
                                       "distances",
                                       "force2D",
                                       "force2Ddimension",
                                       "resegmentRange",
                                       "label",
                                       "additionalInfo"};
  char *text = cm_sprintf(ctx, err, "{");
  for (int i = 0; text && i < op->param_count; i++) {
    const CmParam *param = &op->params[i];
    const bool own = strncmp(param->help, "(pyradiomics)", 13) == 0, is_label = strcmp(param->name, "label") == 0;
    char value[CM_TEXT_MAX];
    bool listed = is_label;
    if ((!own && !is_label) || param->type == CM_TEXT) continue;
    cm_params_get(op, values, param, value, sizeof value);
    for (int k = 0; k < CM_COUNT(always); k++) listed = listed || strcmp(always[k], param->name) == 0;
    if (!listed && strcmp(value, param->initial) == 0) continue;
    const bool list = param->type == CM_INTS || param->type == CM_REALS, quoted = param->type == CM_ENUM;
    const bool none = *value == 0 || strcmp(value, "none") == 0 ||
                      (strcmp(value, "0") == 0 &&
                       (strcmp(param->name, "minimumROISize") == 0 || strcmp(param->name, "removeOutliers") == 0));
    const char *shown = none                          ? "None"
                        : strcmp(value, "true") == 0  ? "True"
                        : strcmp(value, "false") == 0 ? "False"
                                                      : value;
    char *longer = cm_sprintf(ctx, err, "%s%s'%s': %s%s%s", text, text[1] ? ", " : "", param->name,
                              none     ? ""
                              : list   ? "["
                              : quoted ? "'"
                                       : "",
                              shown,
                              none     ? ""
                              : list   ? "]"
                              : quoted ? "'"
                                       : "");
    cm_free(text);
    text = longer;
  }
  char *whole = text ? cm_sprintf(ctx, err, "%s}", text) : NULL;
  cm_free(text);
  return whole;
}

bool cm__pyrad_tell_start(CmPyradItems *to, const CmOp *op, const void *values, const CmImage *image,
                          const CmImage *labels, const CmPyradFacts *facts, CmError **err) {
  const CmParam *types = cm_op_find_param(op, "imageType");
  char value[CM_TEXT_MAX];
  cm_params_get(op, values, types, value, sizeof value);
  (void)labels;
  return cm__pyrad_add_text(to, "diagnostics_Versions_PyRadiomics",
                            cm_sprintf(to->ctx, err, "cormack, by the definitions of v3.0.1"), err) &&
         cm__pyrad_add_text(to, "diagnostics_Configuration_Settings", tell_settings(to->ctx, op, values, err), err) &&
         cm__pyrad_add_text(to, "diagnostics_Configuration_EnabledImageTypes", cm_sprintf(to->ctx, err, "%s", value),
                            err) &&
         cm__pyrad_add_text(to, "diagnostics_Image-original_Hash", cm_sprintf(to->ctx, err, "%s", facts->image_hash),
                            err) &&
         cm__pyrad_add_text(to, "diagnostics_Image-original_Dimensionality",
                            cm_sprintf(to->ctx, err, "%dD", axes_of(image)), err) &&
         tell_grid(to, "Image", "original", image, err) &&
         tell_range(to, "Image", "original", facts->mean, facts->least, facts->most, err) &&
         cm__pyrad_add_text(to, "diagnostics_Mask-original_Hash", cm_sprintf(to->ctx, err, "%s", facts->mask_hash),
                            err);
}

/* Mean, least and most of the voxels that are 1 in inside (NULL: all). */
static void range_of(const double *v, const uint8_t *inside, int64_t count, double out[3]) {
  int64_t voxels = 0;
  for (int64_t k = 0; k < count; k++) {
    if (inside && !inside[k]) continue;
    out[1] = voxels == 0 || v[k] < out[1] ? v[k] : out[1];
    out[2] = voxels == 0 || v[k] > out[2] ? v[k] : out[2];
    out[0] = voxels == 0 ? v[k] : out[0] + v[k];
    voxels++;
  }
  out[0] /= (double)voxels;
}

bool cm__pyrad_tell_image(CmPyradItems *to, const char *prefix, const CmImage *image, CmError **err) {
  const int64_t at[3] = {0, 0, 0}, count = cm_image_voxels(image);
  double range[3], *v = cm_alloc_array(to->ctx, (size_t)count, sizeof(*v), err);
  const bool ok = v && cm__pyrad_values(to->ctx, image, at, cm_image_dims(image), v, err);
  if (ok) range_of(v, NULL, count, range);
  cm_free(v);
  return ok && tell_grid(to, "Image", prefix, image, err) &&
         tell_range(to, "Image", prefix, range[0], range[1], range[2], err);
}

/* How many parts the region has that do not touch, corners included. */
static int64_t count_parts(const CmPyradRoi *roi, CmError **err) {
  const int64_t dims[4] = {roi->size[0], roi->size[1], roi->size[2], 1};
  CmComponents found = {0};
  CmImage *mask = cm_image_create(roi->ctx, CM_U8, 3, dims, 1, err);
  if (!mask) return -1;
  memcpy(cm_image_data_mut(mask), roi->inside, (size_t)(dims[0] * dims[1] * dims[2]));
  const bool ok = cm__components_find(roi->ctx, mask, CM_CONNECT_26, CM_COMPONENTS_NONZERO, &found, err);
  const int64_t count = ok ? found.count : -1;
  cm__components_free(&found);
  cm_image_unref(&mask);
  return count;
}

static void centre_of(const CmPyradRoi *roi, double at[3]) {
  const uint8_t *inside = roi->inside;
  int64_t sum[3] = {0, 0, 0};
  for (int64_t z = 0; z < roi->size[2]; z++)
    for (int64_t y = 0; y < roi->size[1]; y++)
      for (int64_t x = 0; x < roi->size[0]; x++)
        if (*inside++) {
          sum[0] += roi->lo[0] + x;
          sum[1] += roi->lo[1] + y;
          sum[2] += roi->lo[2] + z;
        }
  for (int k = 0; k < 3; k++) at[k] = (double)sum[k] / (double)roi->voxels;
}

static bool tell_intensities(CmPyradItems *to, const char *prefix, const CmImage *image, const CmPyradRoi *roi,
                             CmError **err) {
  const int64_t count = roi->size[0] * roi->size[1] * roi->size[2];
  double range[3], *v = cm_alloc_array(to->ctx, (size_t)count, sizeof(*v), err);
  const bool ok = v && cm__pyrad_values(to->ctx, image, roi->lo, roi->size, v, err);
  if (ok) range_of(v, roi->inside, count, range);
  cm_free(v);
  return ok && tell_range(to, "Mask", prefix, range[0], range[1], range[2], err);
}

static char *tell_box(CmContext *ctx, const CmPyradRoi *roi, int axes, CmError **err) {
  const long long lo[3] = {roi->lo[0], roi->lo[1], roi->lo[2]}, n[3] = {roi->size[0], roi->size[1], roi->size[2]};
  return axes == 2
             ? cm_sprintf(ctx, err, "(%lld, %lld, %lld, %lld)", lo[0], lo[1], n[0], n[1])
             : cm_sprintf(ctx, err, "(%lld, %lld, %lld, %lld, %lld, %lld)", lo[0], lo[1], lo[2], n[0], n[1], n[2]);
}

bool cm__pyrad_tell_mask(CmPyradItems *to, const char *prefix, const CmImage *grid, const CmImage *image,
                         const CmPyradRoi *roi, CmError **err) {
  const int axes = axes_of(grid);
  const int64_t parts = count_parts(roi, err);
  double index[3], lps[3];
  if (parts < 0) return false;
  centre_of(roi, index);
  cm_geometry_to_physical(cm_image_geometry(grid), index, lps);
  return tell_grid(to, "Mask", prefix, grid, err) &&
         add_named(to, "Mask", prefix, "BoundingBox", tell_box(to->ctx, roi, axes, err), 0, true, err) &&
         add_named(to, "Mask", prefix, "VoxelNum", NULL, (double)roi->voxels, false, err) &&
         add_named(to, "Mask", prefix, "VolumeNum", NULL, (double)parts, false, err) &&
         add_named(to, "Mask", prefix, "CenterOfMassIndex", tuple_of_reals(to->ctx, index, axes, err), 0, true, err) &&
         add_named(to, "Mask", prefix, "CenterOfMass", tuple_of_reals(to->ctx, lps, axes, err), 0, true, err) &&
         (!image || tell_intensities(to, prefix, image, roi, err));
}
