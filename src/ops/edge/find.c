#include "ops/edge/find.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "ops/edge/canny_flat.h"
#include "ops/window.h"

const CmPort cm__find_edges_inputs[2] = {
    {.name = "image", .kind = CM_KIND_IMAGE, .help = "where edges are sought"},
    {.name = "mask", .kind = CM_KIND_LABELS, .optional = true, .types = CM_INTEGER_TYPES, .help = "where: not 0"},
};
const CmPort cm__find_edges_outputs[1] = {
    {.name = "labels", .kind = CM_KIND_LABELS, .help = "u8 label map of the edges"}};

/* Beside and along the middle of a kernel. */
static const double weights[3][3] = {{1.0, 2.0, 1.0}, {1.0, 1.0, 1.0}, {3.0, 10.0, 3.0}};

typedef struct Edges {
  const CmFindEdges *p;
  const CmImage *magnitude;
  CmGrid grid; /* of magnitude */
  int64_t radius[3];
  double factor[3]; /* voxels per unit of slope and step: 1 / spacing^2, or 1 */
  double lower, upper;
} Edges;

static double magnitude_at(const Edges *job, int64_t t, int64_t x, int64_t y, int64_t z) {
  const CmGrid *grid = &job->grid;
  if (x < 0 || x >= grid->nx || y < 0 || y >= grid->ny || z < 0 || z >= grid->nz) return 0.0;
  const void *row = cm__row(job->magnitude, grid, (t * grid->nz + z) * grid->ny + y);
  return cm_image_type(job->magnitude) == CM_F64 ? ((const double *)row)[x] : (double)((const float *)row)[x];
}

/* The slope of the smoothed image at x of the row in the middle, along one axis, per voxel but for a factor. */
static double slope(const Edges *job, const CmWindowRow *row, int64_t x, int axis) {
  static const double difference[3] = {-1.0, 0.0, 1.0};
  const double *smooth = weights[job->p->operator];
  const int64_t *r = job->radius;
  double sum = 0.0;
  for (int64_t dz = -r[2]; dz <= r[2]; dz++)
    for (int64_t dy = -r[1]; dy <= r[1]; dy++) {
      const double *line = row->near[(dz + r[2]) * (2 * r[1] + 1) + dy + r[1]] + x;
      const double wz = axis == 2 ? difference[dz + 1] : smooth[dz + 1],
                   wy = axis == 1 ? difference[dy + 1] : smooth[dy + 1];
      for (int64_t dx = -r[0]; dx <= r[0]; dx++)
        sum += wz * wy * (axis == 0 ? difference[dx + 1] : smooth[dx + 1]) * line[dx];
    }
  return sum;
}

/* The same by the crosses of Roberts in all planes of the axis: half the sum of the differences across both diagonals.
 */
static double cross_slope(const Edges *job, const CmWindowRow *row, int64_t x, int axis) {
  const int64_t *r = job->radius;
  double sum = 0.0;
  for (int other = 0; other < 3; other++) {
    if (other == axis || r[other] == 0) continue;
    double corner[4]; /* one step along neither, the axis, the other, both */
    for (int k = 0; k < 4; k++) {
      int64_t d[3] = {0, 0, 0};
      d[axis] = k & 1;
      d[other] = k >> 1;
      corner[k] = row->near[(d[2] + r[2]) * (2 * r[1] + 1) + d[1] + r[1]][x + d[0]];
    }
    sum += (corner[3] - corner[0]) + (corner[1] - corner[2]);
  }
  return sum;
}

/* The magnitude one step along the steepest way, which changes the axis `main` by one voxel: bilinear between four
 * voxels. */
static double ahead(const Edges *job, int64_t t, const int64_t at[3], const double way[3], int main, double sign) {
  const int one = (main + 1) % 3, two = (main + 2) % 3;
  int64_t d[3];
  double sum = 0.0;
  d[main] = at[main] + (way[main] * sign > 0.0 ? 1 : -1);
  for (int k = 0; k < 4; k++) {
    const double a = fabs(way[one] / way[main]), b = fabs(way[two] / way[main]);
    const double weight = (k & 1 ? a : 1.0 - a) * (k & 2 ? b : 1.0 - b);
    if (weight == 0.0) continue;
    d[one] = at[one] + (k & 1 ? (way[one] * sign > 0.0 ? 1 : -1) : 0);
    d[two] = at[two] + (k & 2 ? (way[two] * sign > 0.0 ? 1 : -1) : 0);
    sum += weight * magnitude_at(job, t, d[0], d[1], d[2]);
  }
  return sum;
}

/* 2 strong, 1 weak edge, 0 none. */
static void suppress_row(void *arg, const CmWindowRow *row) {
  const Edges *job = arg;
  double (*const along)(const Edges *, const CmWindowRow *, int64_t, int) =
      job->p->operator== CM_EDGE_ROBERTS ? cross_slope : slope;
  const int64_t t = row->row / (job->grid.ny * job->grid.nz);
  for (int64_t x = 0; x < row->n; x++) {
    const int64_t at[3] = {x, row->row % job->grid.ny, row->row / job->grid.ny % job->grid.nz};
    const double here = magnitude_at(job, t, at[0], at[1], at[2]);
    row->to[x] = 0.0;
    if (!(here >= job->lower) || !(here > 0.0)) continue;
    if (!job->p->thin) {
      row->to[x] = here >= job->upper ? 2.0 : 1.0;
      continue;
    }
    double way[3];
    int main = 0;
    for (int axis = 0; axis < 3; axis++) {
      way[axis] = job->radius[axis] ? along(job, row, x, axis) * job->factor[axis] : 0.0;
      main = fabs(way[axis]) > fabs(way[main]) ? axis : main;
    }
    if (way[main] == 0.0 || !(ahead(job, t, at, way, main, 1.0) <= here) ||
        !(ahead(job, t, at, way, main, -1.0) <= here))
      continue;
    row->to[x] = here >= job->upper ? 2.0 : 1.0;
  }
}

/* The smoothed image, f32 or f64 by what holds the input; where there is nothing to smooth, the image itself. */
static CmImage *smooth(CmContext *ctx, const CmFindEdges *p, CmImage *image, CmError **err) {
  CmSeparable job = {
      .what = "edges: smoothing", .image = image, .border = (CmBorder)p->border, .border_value = p->border_value};
  CmReals sigma = p->sigma;
  if (p->slices) {
    for (int axis = sigma.count; axis < 3; axis++) sigma.value[axis] = sigma.count == 1 ? sigma.value[0] : 0.0;
    sigma.value[2] = 0.0;
    sigma.count = 3;
  }
  if (!cm__separable_gaussian(ctx, &job, &sigma, p->units, p->truncate, image, err)) return NULL;
  if (job.taps[0].radius == 0 && job.taps[1].radius == 0 && job.taps[2].radius == 0) {
    cm__separable_free(&job);
    return cm_image_ref(image);
  }
  job.out = cm_image_create_like(ctx, image, cm__type_fits_f32(cm_image_type(image)) ? CM_F32 : CM_F64, 1, err);
  if (job.out && !cm__separable(ctx, &job, err)) cm_image_unref(&job.out);
  cm__separable_free(&job);
  return job.out;
}

/* The magnitude of the slopes; with slices true of those along x and y. */
static CmImage *magnitude(CmContext *ctx, const CmFindEdges *p, CmImage *smoothed, CmError **err) {
  const bool wide = !cm__type_fits_f32(cm_image_type(smoothed));
  if (p->operator== CM_EDGE_ROBERTS) {
    char words[200], border[32];
    const CmOp *op = cm_op_get("roberts", err);
    if (!op) return NULL;
    (void)snprintf(words, sizeof(words), "planes=%s border=%s border_value=%.17g type=%s", p->slices ? "slices" : "all",
                   cm_param_choice(cm_op_find_param(op, "border"), p->border, border, sizeof(border)), p->border_value,
                   wide ? "f64" : "f32");
    return cm_op_apply(ctx, "roberts", words, smoothed, err);
  }
  const CmEdgeParams edges = {.per = p->per, .border = p->border, .border_value = p->border_value, .type = wide};
  const CmValue in[2] = {cm_value_image(smoothed), {.kind = CM_KIND_NONE}};
  CmValue out = {.kind = CM_KIND_NONE};
  const CmCall call = {.ctx = ctx, .params = &edges, .in = in, .out = &out};
  const double *smooth = weights[p->operator];
  return cm__edge_magnitude(&call, "edges: slopes", smooth[0], smooth[1], p->slices, err) ? out.image : NULL;
}

static bool find(const CmCall *call, Edges *job, CmImage *smoothed, const CmMask *mask, CmImage *candidates,
                 CmError **err) {
  const CmWindow window = {.what = "edges: thinning",
                           .image = smoothed,
                           .mask = mask,
                           .blank = true,
                           .out = candidates,
                           .radius = {job->radius[0], job->radius[1], job->radius[2]},
                           .border = (CmBorder)job->p->border,
                           .border_value = job->p->border_value,
                           .row = suppress_row,
                           .arg = job};
  job->lower = job->p->lower;
  job->upper = job->p->upper;
  return cm__hysteresis_limits(call->ctx, job->p->thresholds, job->magnitude, mask, &job->lower, &job->upper, err) &&
         cm__window(call->ctx, &window, err);
}

/* Planes whose thresholds are known need no image of the magnitude. */
static bool is_flat(const CmFindEdges *p, const CmImage *smoothed) {
  const int64_t *dims = cm_image_dims(smoothed);
  return p->operator== CM_EDGE_SOBEL && p->thin && p->thresholds == 1 &&(dims[2] == 1 || p->slices) && dims[0] > 1 &&
         dims[1] > 1 && cm__type_fits_f32(cm_image_type(smoothed));
}

static bool find_flat(const CmCall *call, const CmFindEdges *p, const CmImage *smoothed, const CmMask *mask,
                      CmImage *candidates, CmError **err) {
  const CmCannyFlat job = {.image = smoothed,
                           .mask = mask,
                           .candidates = candidates,
                           .factor = {cm__per_factor(p->per, smoothed, 0, 1), cm__per_factor(p->per, smoothed, 1, 1)},
                           .lower = p->lower,
                           .upper = p->upper,
                           .border = (CmBorder)p->border,
                           .border_value = p->border_value};
  return cm__canny_flat(call->ctx, &job, err);
}

static bool find_any(const CmCall *call, const CmFindEdges *p, CmImage *smoothed, const CmMask *mask,
                     CmImage *candidates, CmError **err) {
  CmImage *slopes = magnitude(call->ctx, p, smoothed, err);
  if (!slopes) return false;
  Edges job = {.p = p, .magnitude = slopes, .grid = cm__grid(slopes)};
  for (int axis = 0; axis < 3; axis++) {
    job.radius[axis] = cm_image_dims(smoothed)[axis] > 1 && !(p->slices && axis == 2);
    job.factor[axis] = cm__per_factor(p->per, smoothed, axis, 2);
  }
  const bool ok = find(call, &job, smoothed, mask, candidates, err);
  cm_image_unref(&slopes);
  return ok;
}

bool cm__find_edges(const CmCall *call, const CmFindEdges *p, CmError **err) {
  CmImage *image = call->in[0].image;
  CmMask mask;
  CmImage *smoothed = NULL, *candidates = NULL, *out = NULL;
  bool ok = false;
  if (!cm__mask_open(&mask, &call->in[1], image, err)) goto done;
  smoothed = smooth(call->ctx, p, image, err);
  candidates = smoothed ? cm_image_create_like(call->ctx, image, CM_U8, 1, err) : NULL;
  if (!candidates) goto done;
  if (!(is_flat(p, smoothed) ? find_flat(call, p, smoothed, &mask, candidates, err)
                             : find_any(call, p, smoothed, &mask, candidates, err)))
    goto done;
  cm_image_unref(&smoothed);
  out = cm_image_create_like(call->ctx, image, CM_U8, 1, err);
  if (!out || !cm_image_set_unit(out, "1", err) ||
      !cm__hysteresis(call->ctx, candidates, p->slices ? CM_CONNECT_8 : CM_CONNECT_26, p->foreground, out, err))
    goto done;
  call->out[0] = cm_value_labels(cm_image_ref(out));
  ok = true;
done:
  cm_image_unref(&smoothed);
  cm_image_unref(&candidates);
  cm_image_unref(&out);
  return ok;
}

bool cm__find_edges_check(const void *params, CmError **err) {
  const CmFindEdges *p = params;
  return cm__hysteresis_check(p->thresholds, p->lower, p->upper, err);
}
