/* cormack line_profile: the values along a straight line. */
#include <math.h>
#include <string.h>

#include "cormack/parallel.h"
#include "ops/measure/gather.h"
#include "ops/transform/warp.h"

enum { MEAN, MEDIAN, LEAST, MOST, SUM };

typedef struct ProfileParams {
  CmReals start, end;
  int32_t units;
  int64_t samples, width;
  int32_t spread, interpolation, reduce;
} ProfileParams;

static const CmParam params[] = {
    CM_PARAM_REALS(ProfileParams, start, "0,0,0", -1e9, 1e9, 2, 3, "", "where the line begins: x,y or x,y,z"),
    CM_PARAM_REALS(ProfileParams, end, "1,0,0", -1e9, 1e9, 2, 3, "", "where it ends; this point is the last sample"),
    CM_PARAM_ENUM(ProfileParams, units, "voxel|mm", "voxel",
                  "what start and end are: voxel indices from 0 (may be fractional), or LPS positions in mm"),
    CM_PARAM_INT(ProfileParams, samples, 0, 0, 1000000, "1",
                 "how many samples; 0: about one per voxel, ceil(length in voxels + 1)"),
    CM_PARAM_INT(ProfileParams, width, 1, 1, 101, "1", "how many lines beside each other make one"),
    CM_PARAM_ENUM(ProfileParams, spread, "plane|disc", "plane",
                  "where those lie: beside each other in the plane of x and y, or in a disc around the line"),
    CM_PARAM_ENUM(ProfileParams, interpolation, "nearest|linear|cubic", "linear",
                  "order 0, 1 or 3 (B-spline, mirrored beyond the border)"),
    CM_PARAM_ENUM(ProfileParams, reduce, "mean|median|min|max|sum", "mean", "how values across the width become one"),
};

static const CmPort inputs[] = {
    {.name = "image", .kind = CM_KIND_IMAGE, .components = true, .help = "where the line runs"},
};
static const CmPort outputs[] = {{.name = "table", .kind = CM_KIND_TABLE, .help = "a row per sample"}};

/* The line in voxels of the image: sample i of line (j, k) lies at start + i step + j across[0] + k across[1]. */
typedef struct Line {
  double start[3], step[3], across[2][3];
  int64_t samples, lines[2];
  double middle[2]; /* of j and k */
  double mm;        /* between samples */
} Line;

static bool point_of(const ProfileParams *p, const CmImage *image, const CmReals *given, double at[3], CmError **err) {
  const double point[3] = {given->value[0], given->value[1], given->count > 2 ? given->value[2] : 0.0};
  if (given->count < 2 || (given->count < 3 && cm_image_dims(image)[2] > 1)) {
    cm_error_set(err, CM_ERR_PARAMETER, "start and end need x,y,z in an image of %lld slices",
                 (long long)cm_image_dims(image)[2]);
    return false;
  }
  if (p->units == 1)
    cm_geometry_to_index(cm_image_geometry(image), point, at);
  else
    memcpy(at, point, sizeof(point));
  return true;
}

static void cross(const double a[3], const double b[3], double to[3]) {
  to[0] = a[1] * b[2] - a[2] * b[1];
  to[1] = a[2] * b[0] - a[0] * b[2];
  to[2] = a[0] * b[1] - a[1] * b[0];
}

static double normalize(double v[3]) {
  const double length = sqrt(v[0] * v[0] + v[1] * v[1] + v[2] * v[2]);
  for (int k = 0; k < 3 && length > 0.0; k++) v[k] /= length;
  return length;
}

/* Unit vectors in mm across the line: the first in the plane of x and y. */
static void find_across(const double along[3], const CmImage *image, Line *line) {
  const double *spacing = cm_image_geometry(image)->spacing, up[3] = {0, 0, 1};
  const double least = fmin(fmin(spacing[0], spacing[1]), cm_image_dims(image)[2] > 1 ? spacing[2] : INFINITY);
  cross(up, along, line->across[0]);
  if (normalize(line->across[0]) < 1e-12) memcpy(line->across[0], (double[3]){1, 0, 0}, sizeof(line->across[0]));
  cross(along, line->across[0], line->across[1]);
  for (int which = 0; which < 2; which++)
    for (int k = 0; k < 3; k++) line->across[which][k] *= least / spacing[k];
}

static bool draw(const ProfileParams *p, const CmImage *image, Line *line, CmError **err) {
  const double *spacing = cm_image_geometry(image)->spacing;
  double end[3], along[3], voxels = 0.0;
  if (!point_of(p, image, &p->start, line->start, err) || !point_of(p, image, &p->end, end, err)) return false;
  for (int k = 0; k < 3; k++) {
    along[k] = (end[k] - line->start[k]) * spacing[k];
    voxels += (end[k] - line->start[k]) * (end[k] - line->start[k]);
  }
  voxels = sqrt(voxels);
  const double mm = normalize(along);
  if (!(voxels < 1e6)) {
    cm_error_set(err, CM_ERR_PARAMETER, "the line is %g voxels long; at most 1000000", voxels);
    return false;
  }
  if (!(mm > 0.0)) memcpy(along, (double[3]){1, 0, 0}, sizeof(along));
  line->samples = p->samples ? p->samples : (int64_t)ceil(voxels + 1.0);
  const double gaps = line->samples > 1 ? (double)(line->samples - 1) : 1.0;
  line->mm = mm / gaps;
  for (int k = 0; k < 3; k++) line->step[k] = (end[k] - line->start[k]) / gaps;
  find_across(along, image, line);
  line->lines[0] = p->width;
  line->lines[1] = p->spread == 1 && cm_image_dims(image)[2] > 1 ? p->width : 1;
  for (int which = 0; which < 2; which++) line->middle[which] = 0.5 * (double)(line->lines[which] - 1);
  return true;
}

/* f64 image of samples x lines x lines x times; NaN beyond the image. */
static CmImage *take(CmContext *ctx, const ProfileParams *p, const CmImage *image, const Line *line, CmError **err) {
  static const CmInterpolation how[] = {CM_INTERPOLATE_NEAREST, CM_INTERPOLATE_LINEAR, CM_INTERPOLATE_CUBIC};
  const int64_t dims[4] = {line->samples, line->lines[0], line->lines[1], cm_image_dims(image)[3]};
  CmWarp warp = {.what = "line_profile", .image = image, .interpolation = how[p->interpolation], .outside = NAN};
  for (int k = 0; k < 3; k++) {
    const double first = line->start[k] - line->middle[0] * line->across[0][k] - line->middle[1] * line->across[1][k];
    memcpy(&warp.map[4 * k], (double[4]){line->step[k], line->across[0][k], line->across[1][k], first},
           4 * sizeof(double));
  }
  warp.out = cm_image_create(ctx, CM_F64, 4, dims, cm_image_components(image), err);
  if (warp.out && !cm__warp(ctx, &warp, err)) cm_image_unref(&warp.out);
  return warp.out;
}

/* Of n values, none NaN. spare: room for n. */
static double reduce(int32_t how, double *values, double *spare, int64_t n) {
  double sum = 0.0, least = INFINITY, most = -INFINITY;
  if (n == 0) return NAN;
  for (int64_t i = 0; i < n; i++) {
    sum += values[i];
    least = fmin(least, values[i]);
    most = fmax(most, values[i]);
  }
  if (how == MEDIAN) {
    cm__sort_reals(values, spare, n);
    return cm__sorted_quantile(values, n, 0.5);
  }
  return how == MEAN ? sum / (double)n : how == SUM ? sum : how == LEAST ? least : most;
}

/* The values across the line at sample i. */
static double sample(const ProfileParams *p, const Line *line, const CmImage *taken, int64_t i, int64_t t, int64_t c,
                     double *values) {
  const CmGrid grid = cm__grid(taken);
  const double *from = cm_image_data(taken);
  const double radius = 0.5 * (double)p->width + 1e-9;
  int64_t n = 0;
  for (int64_t k = 0; k < grid.nz; k++)
    for (int64_t j = 0; j < grid.ny; j++) {
      if (grid.nz > 1 && hypot((double)j - line->middle[0], (double)k - line->middle[1]) > radius) continue;
      const double v = from[(((t * grid.nz + k) * grid.ny + j) * grid.nx + i) * grid.components + c];
      values[n] = v;
      n += v == v;
    }
  return reduce(p->reduce, values, values + grid.ny * grid.nz, n);
}

static bool add_columns(CmTable *table, const CmImage *image, bool times, bool components, CmError **err) {
  static const char *const places[] = {"distance", "x", "y", "z", "lps_x", "lps_y", "lps_z"};
  static const char *const units[] = {"mm", "voxel", "voxel", "voxel", "mm", "mm", "mm"};
  if ((times && cm_table_add_column(table, "t", CM_COLUMN_INT, "", err) < 0) ||
      (components && cm_table_add_column(table, "component", CM_COLUMN_INT, "", err) < 0) ||
      cm_table_add_column(table, "sample", CM_COLUMN_INT, "", err) < 0)
    return false;
  for (int k = 0; k < CM_COUNT(places); k++)
    if (cm_table_add_column(table, places[k], CM_COLUMN_REAL, units[k], err) < 0) return false;
  return cm_table_add_column(table, "value", CM_COLUMN_REAL, cm_image_unit(image), err) >= 0;
}

static bool add_row(CmTable *table, const Line *line, const CmGeometry *geometry, int64_t i, int64_t t, int64_t c,
                    double value, CmError **err) {
  const int64_t row = cm_table_add_row(table, err);
  double at[3], lps[3];
  int column = 0;
  if (row < 0) return false;
  for (int k = 0; k < 3; k++) at[k] = line->start[k] + (double)i * line->step[k];
  cm_geometry_to_physical(geometry, at, lps);
  if (t >= 0) cm_table_set_int(table, row, column++, t);
  if (c >= 0) cm_table_set_int(table, row, column++, c);
  cm_table_set_int(table, row, column++, i);
  cm_table_set_real(table, row, column++, (double)i * line->mm);
  for (int k = 0; k < 3; k++) cm_table_set_real(table, row, column++, at[k]);
  for (int k = 0; k < 3; k++) cm_table_set_real(table, row, column++, lps[k]);
  cm_table_set_real(table, row, column, value);
  return true;
}

static bool run(const CmCall *call, CmError **err) {
  const ProfileParams *p = call->params;
  const CmImage *image = call->in[0].image;
  const CmGrid grid = cm__grid(image);
  Line line;
  CmImage *taken = NULL;
  CmTable *table = NULL;
  double *values = NULL;
  bool ok = false;
  if (!draw(p, image, &line, err)) return false;
  taken = take(call->ctx, p, image, &line, err);
  if (!taken) goto done;
  values = cm_alloc_array(call->ctx, (size_t)(2 * line.lines[0] * line.lines[1]), sizeof(double), err);
  table = values ? cm_table_create(call->ctx, err) : NULL;
  if (!table || !add_columns(table, image, grid.nt > 1, grid.components > 1, err)) goto done;
  for (int64_t t = 0; t < grid.nt; t++)
    for (int64_t c = 0; c < grid.components; c++)
      for (int64_t i = 0; i < line.samples; i++)
        if (!add_row(table, &line, cm_image_geometry(image), i, grid.nt > 1 ? t : -1, grid.components > 1 ? c : -1,
                     sample(p, &line, taken, i, t, c, values), err))
          goto done;
  call->out[0] = cm_value_table(table);
  table = NULL;
  ok = true;
done:
  cm_table_unref(&table);
  cm_image_unref(&taken);
  cm_free(values);
  return ok;
}

CM_OP(line_profile) = {
    .name = "line_profile",
    .family = "measure",
    .since = "0.1",
    .summary = "Measure the values along a line between two points.",
    .details =
        "Samples at equal steps, both ends among them, between the centres of voxels start and end (indices from 0, or "
        "LPS in mm). With a width, so many parallel lines, one smallest voxel spacing apart, are reduced to one, "
        "sample by "
        "sample: beside each other, at right angles to the line, in the plane of x and y (spread=plane), or all around "
        "within a disc of that diameter (disc; in an image of one slice as plane). distance is in mm from start; x, y, "
        "z "
        "is the place in voxels, lps_x, lps_y, lps_z in mm. The image reaches half a voxel beyond its outermost "
        "centres: "
        "samples further out, and NaN, are left out of the reduction, or missing. Time points and components have rows "
        "of "
        "their own. Cubic: the B-spline through the voxels, for which a real per voxel is allocated.",
    CM_OP_PARAMS(ProfileParams, params),
    CM_OP_INPUTS(inputs),
    CM_OP_OUTPUTS(outputs),
    .geometry = CM_GEOMETRY_NONE,
    .tolerance = 1e-6,
    .cite = "Unser M. Splines: a perfect fit for signal and image processing. IEEE Signal Process Mag 16(6), 1999",
    .examples =
        "cormack line_profile ct.nii.gz profile.csv --start 60,100,20 --end 140,100,20\n"
        "cormack line_profile mr.nii.gz p.csv --units mm --start -40,10,5 --end 40,10,5 --width 5 --spread disc",
    .run = run,
};
