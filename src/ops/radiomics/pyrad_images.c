/* Which images are measured, and those of them that look at a voxel or its next neighbours alone (docs, «Image
 * Processing / Filters»). */
#include "ops/radiomics/pyrad_images.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "cormack/parallel.h"

CmImage *cm__pyrad_box_image(const CmPyradSource *source, CmType type, CmError **err) {
  const int64_t dims[4] = {source->size[0], source->size[1], source->size[2], 1};
  CmImage *out = cm_image_create(source->ctx, type, cm_image_rank(source->image) < 3 ? 2 : 3, dims, 1, err);
  if (out && !cm_image_set_geometry(out, cm_image_geometry(source->image), err)) cm_image_unref(&out);
  return out;
}

bool cm__pyrad_give(const CmPyradSource *source, const CmPyradType *type, CmImage *image, const char *name,
                    CmPyradImageFn fn, void *arg, CmError **err) {
  CmPyradImage made = {.image = image, .params = &type->p};
  if (!image) return false;
  memcpy(made.at, source->lo, sizeof made.at);
  snprintf(made.name, sizeof made.name, "%s", name);
  const bool ok = fn(arg, &made, err);
  cm_image_unref(&image);
  return ok;
}

static bool original(const CmPyradSource *source, const CmPyradType *type, CmPyradImageFn fn, void *arg,
                     CmError **err) {
  CmPyradImage made = {.image = source->image, .params = &type->p, .name = "original"};
  return fn(arg, &made, err);
}

/* ---- functions of the voxel ---- */

typedef enum Curve { SQUARE, SQUARE_ROOT, LOGARITHM, EXPONENTIAL } Curve;

typedef struct Bend {
  const CmPyradSource *source;
  Curve curve;
  double most; /* largest magnitude of the whole image */
  double factor;
  double *to;
} Bend;

static double bend(const Bend *job, double v) {
  switch (job->curve) {
    case SQUARE:
      return (job->factor * v) * (job->factor * v);
    case SQUARE_ROOT:
      return v > 0.0 ? sqrt(v * job->factor) : v < 0.0 ? -sqrt(-v * job->factor) : v;
    case LOGARITHM:
      return job->factor * (v > 0.0 ? log(v + 1.0) : v < 0.0 ? -log(1.0 - v) : v);
    default:
      return exp(job->factor * v);
  }
}

static double factor_of(Curve curve, double most) {
  switch (curve) {
    case SQUARE:
      return 1.0 / sqrt(most);
    case SQUARE_ROOT:
      return most;
    case LOGARITHM:
      return most / log(most + 1.0);
    default:
      return log(most) / most;
  }
}

static bool bend_plane(void *arg, CmRange range, CmError **err) {
  const Bend *job = arg;
  const CmPyradSource *s = job->source;
  const int64_t plane = s->size[0] * s->size[1];
  for (int64_t z = range.begin; z < range.end; z++) {
    const int64_t lo[3] = {s->lo[0], s->lo[1], s->lo[2] + z}, size[3] = {s->size[0], s->size[1], 1};
    double *to = job->to + z * plane;
    if (!cm__pyrad_values(s->ctx, s->image, lo, size, to, err)) return false;
    for (int64_t k = 0; k < plane; k++) to[k] = bend(job, to[k]);
  }
  return true;
}

static bool largest_magnitude(const CmPyradSource *source, double *most, CmError **err) {
  const CmGrid grid = cm__grid(source->image);
  double *line = cm_alloc_array(source->ctx, (size_t)grid.row, sizeof(*line), err);
  if (!line) return false;
  *most = 0.0;
  for (int64_t row = 0; row < grid.rows; row++) {
    cm__line_to_f64(cm_image_type(source->image), cm__row(source->image, &grid, row), grid.row, line);
    for (int64_t x = 0; x < grid.row; x++)
      if (fabs(line[x]) > *most) *most = fabs(line[x]);
  }
  cm_free(line);
  return true;
}

static bool bent(const CmPyradSource *source, const CmPyradType *type, Curve curve, const char *name, CmPyradImageFn fn,
                 void *arg, CmError **err) {
  Bend job = {.source = source, .curve = curve};
  if (!largest_magnitude(source, &job.most, err)) return false;
  CmImage *out = cm__pyrad_box_image(source, CM_F64, err);
  if (!out) return false;
  job.factor = factor_of(curve, job.most);
  job.to = cm_image_data_mut(out);
  if (!cm_parallel_for(source->ctx, NULL, source->size[2], 1, bend_plane, &job, err)) cm_image_unref(&out);
  return cm__pyrad_give(source, type, out, name, fn, arg, err);
}

static bool square(const CmPyradSource *source, const CmPyradType *type, CmPyradImageFn fn, void *arg, CmError **err) {
  return bent(source, type, SQUARE, "square", fn, arg, err);
}

static bool square_root(const CmPyradSource *source, const CmPyradType *type, CmPyradImageFn fn, void *arg,
                        CmError **err) {
  return bent(source, type, SQUARE_ROOT, "squareroot", fn, arg, err);
}

static bool logarithm(const CmPyradSource *source, const CmPyradType *type, CmPyradImageFn fn, void *arg,
                      CmError **err) {
  return bent(source, type, LOGARITHM, "logarithm", fn, arg, err);
}

static bool exponential(const CmPyradSource *source, const CmPyradType *type, CmPyradImageFn fn, void *arg,
                        CmError **err) {
  return bent(source, type, EXPONENTIAL, "exponential", fn, arg, err);
}

/* ---- gradient ---- */

typedef struct Slope {
  const CmPyradSource *source;
  double spacing[3];
  float *to;
} Slope;

/* Central differences; beyond the border stands the nearest voxel. Stored as float, as ITK does. */
static bool slope_rows(void *arg, CmRange range, CmError **err) {
  const Slope *job = arg;
  const CmPyradSource *s = job->source;
  const CmGrid grid = cm__grid(s->image);
  const CmType type = cm_image_type(s->image);
  double *line = cm_alloc_array(s->ctx, (size_t)(5 * grid.nx), sizeof(*line), err);
  if (!line) return false;
  for (int64_t k = range.begin; k < range.end; k++) {
    const int64_t y = s->lo[1] + k % s->size[1], z = s->lo[2] + k / s->size[1];
    const int64_t near[5][2] = {{y, z},
                                {y > 0 ? y - 1 : 0, z},
                                {y + 1 < grid.ny ? y + 1 : y, z},
                                {y, z > 0 ? z - 1 : 0},
                                {y, z + 1 < grid.nz ? z + 1 : z}};
    for (int i = 0; i < 5; i++)
      cm__line_to_f64(type, cm__row(s->image, &grid, near[i][1] * grid.ny + near[i][0]), grid.nx, line + i * grid.nx);
    for (int64_t x = 0; x < s->size[0]; x++) {
      const int64_t at = s->lo[0] + x, right = at + 1 < grid.nx ? at + 1 : at, left = at > 0 ? at - 1 : 0;
      const double dx = 0.5 * (line[right] - line[left]) / job->spacing[0];
      const double dy = 0.5 * (line[2 * grid.nx + at] - line[grid.nx + at]) / job->spacing[1];
      const double dz = 0.5 * (line[4 * grid.nx + at] - line[3 * grid.nx + at]) / job->spacing[2];
      job->to[k * s->size[0] + x] = (float)sqrt(dx * dx + dy * dy + dz * dz);
    }
  }
  cm_free(line);
  return true;
}

static bool gradient(const CmPyradSource *source, const CmPyradType *type, CmPyradImageFn fn, void *arg,
                     CmError **err) {
  Slope job = {.source = source};
  CmImage *out = cm__pyrad_box_image(source, CM_F32, err);
  if (!out) return false;
  for (int k = 0; k < 3; k++)
    job.spacing[k] = type->p.gradientUseSpacing ? cm_image_geometry(source->image)->spacing[k] : 1.0;
  job.to = cm_image_data_mut(out);
  if (!cm_parallel_for(source->ctx, NULL, source->size[1] * source->size[2], 64, slope_rows, &job, err))
    cm_image_unref(&out);
  return cm__pyrad_give(source, type, out, "gradient", fn, arg, err);
}

/* ---- the list ---- */

static const char *const type_names[CM__PYRAD_TYPES] = {"Original",  "LoG",         "Wavelet",  "Square", "SquareRoot",
                                                        "Logarithm", "Exponential", "Gradient", "LBP2D",  "LBP3D"};
static CmPyradMakeFn *const makers[CM__PYRAD_TYPES] = {original,        cm__pyrad_log,  cm__pyrad_wavelet, square,
                                                       square_root,     logarithm,      exponential,       gradient,
                                                       cm__pyrad_lbp2d, cm__pyrad_lbp3d};

const char *cm__pyrad_type_name(int kind) {
  return type_names[kind];
}

bool cm__pyrad_images(const CmPyradSource *source, const CmPyradType *type, CmPyradImageFn fn, void *arg,
                      CmError **err) {
  if (makers[type->kind](source, type, fn, arg, err)) return true;
  cm_error_context(err, "%s", type_names[type->kind]);
  return false;
}

/* "LoG sigma=1.0,2.0": the name, and the settings behind it. */
static bool read_type(CmContext *ctx, const CmOp *op, const char *words, size_t length, const CmPyradParams *p,
                      size_t offset, CmPyradType *type, CmError **err) {
  char text[CM_TEXT_MAX];
  snprintf(text, sizeof text, "%.*s", (int)length, words);
  const size_t name = strcspn(text, " \t\n");
  for (type->kind = 0; type->kind < CM__PYRAD_TYPES; type->kind++)
    if (strlen(type_names[type->kind]) == name && strncmp(type_names[type->kind], text, name) == 0) break;
  if (type->kind == CM__PYRAD_TYPES) {
    text[name] = '\0';
    const char *nearest = cm_nearest_name(text, type_names, CM__PYRAD_TYPES);
    cm_error_set(err, CM_ERR_PARAMETER, "imageType: there is no image type «%s»%s%s%s", text,
                 nearest ? "; did you mean «" : "", nearest ? nearest : "", nearest ? "»?" : "");
    return false;
  }
  type->values = cm_params_create(ctx, op, err);
  if (!type->values) return false;
  CmPyradParams *own = (CmPyradParams *)(void *)((char *)type->values + offset);
  *own = *p;
  const bool ok = cm_params_set_words(ctx, op, type->values, text + name, err);
  if (!ok) cm_error_context(err, "imageType: %s", type_names[type->kind]);
  type->p = *own;
  return ok;
}

bool cm__pyrad_types_read(CmContext *ctx, const CmOp *op, const CmPyradParams *p, size_t params_offset,
                          CmPyradType *types, int *count, CmError **err) {
  *count = 0;
  for (const char *at = p->imageType.value; *at;) {
    at += strspn(at, " \t\n;");
    const size_t length = strcspn(at, ";");
    if (length == 0) continue;
    if (*count == CM__PYRAD_TYPES) {
      cm_error_set(err, CM_ERR_PARAMETER, "imageType: more than %d image types", CM__PYRAD_TYPES);
      return false;
    }
    if (!read_type(ctx, op, at, length, p, params_offset, &types[(*count)++], err)) return false;
    for (int k = 0; k + 1 < *count; k++)
      if (types[k].kind == types[*count - 1].kind) {
        cm_error_set(err, CM_ERR_PARAMETER, "imageType: «%s» is given twice", type_names[types[k].kind]);
        return false;
      }
    at += length;
  }
  if (*count > 0) return true;
  cm_error_set(err, CM_ERR_PARAMETER, "imageType is empty; «Original» measures the image itself");
  return false;
}

void cm__pyrad_types_free(CmPyradType *types, int count) {
  for (int k = 0; k < count; k++) cm_free(types[k].values);
}
