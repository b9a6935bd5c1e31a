/* Labels grow into the background: every voxel takes the nearest label within reach. Axis after axis, each voxel keeps
 * the least (squared distance, label) that its line offers, which is exact since the same is added to all of them. */
#include <float.h>
#include <math.h>
#include <string.h>

#include "cormack/parallel.h"
#include "ops/lines.h"
#include "ops/simd.h"

typedef struct ExpandParams {
  double distance;
  int32_t units;
} ExpandParams;

static const CmParam params[] = {
    CM_PARAM_REAL(ExpandParams, distance, 1, 0, 1e6, "", "how far labels grow, at most"),
    CM_UNITS_PARAM(ExpandParams, "mm"),
};

static const CmPort inputs[] = {
    {.name = "labels", .kind = CM_KIND_LABELS, .types = CM_INTEGER_TYPES, .help = "mask or label map"},
    {.name = "mask",
     .kind = CM_KIND_LABELS,
     .optional = true,
     .types = CM_INTEGER_TYPES,
     .help = "labels grow only into voxels where it is not 0; distances are measured through what lies outside"},
};
static const CmPort outputs[] = {{.name = "result", .kind = CM_KIND_LABELS, .help = "the labels, grown"}};

enum { LANES = 64 /* columns side by side */ };

typedef struct Expand {
  CmContext *ctx;
  const CmImage *image;
  CmImage *square; /* f32: squared distance to the nearest label so far */
  CmImage *out;
  CmGrid grid;
  double spacing[3], distance;
  int axis; /* 1 or 2 */
} Expand;

#define CM_TEMPLATE "ops/morphology/expand_tmpl.c"
#include "ops/each_type.h"

static void (*const load_row[CM_TYPE_COUNT])(const void *, int64_t, uint32_t *) = CM_TYPE_TABLE(load_row);
static void (*const store_row[CM_TYPE_COUNT])(const uint32_t *, int64_t, void *) = CM_TYPE_TABLE(store_row);

/* Steps along the axis that are within reach. */
static int64_t steps(const Expand *job, int axis, int64_t n) {
  const double most = job->distance / job->spacing[axis] * (1.0 + 1e-6);
  return most < (double)n ? (int64_t)most : n;
}

/* Along a row: the nearest label before and behind. */
static void along_row(const Expand *job, uint32_t *label, uint32_t *left, float *square) {
  const int64_t n = job->grid.nx, reach = steps(job, 0, n);
  const float weight = (float)(job->spacing[0] * job->spacing[0]);
  int64_t before = -1, after = -1;
  memcpy(left, label, (size_t)n * sizeof(uint32_t));
  for (int64_t x = 0; x < n; x++) {
    if (left[x]) {
      before = x;
      square[x] = 0.0F;
      continue;
    }
    if (after < x)
      for (after = x + 1; after < n && !left[after];) after++;
    const int64_t to_before = before < 0 ? n : x - before, to_after = after < n ? after - x : n;
    const int64_t least = to_before < to_after ? to_before : to_after;
    square[x] = INFINITY;
    if (least > reach || least >= n) continue;
    square[x] = weight * ((float)least * (float)least);
    if (to_before == to_after)
      label[x] = left[before] < left[after] ? left[before] : left[after];
    else
      label[x] = to_before < to_after ? left[before] : left[after];
  }
}

static bool expand_rows(void *arg, CmRange range, CmError **err) {
  const Expand *job = arg;
  const int64_t n = job->grid.nx;
  uint32_t *label = cm_alloc_array(job->ctx, (size_t)n, 2 * sizeof(uint32_t), err);
  for (int64_t row = range.begin; label && row < range.end; row++) {
    load_row[cm_image_type(job->image)](cm__row(job->image, &job->grid, row), n, label);
    along_row(job, label, label + n, (float *)cm_image_data_mut(job->square) + row * n);
    store_row[cm_image_type(job->image)](label, n, cm__row_mut(job->out, &job->grid, row));
  }
  cm_free(label);
  return label != NULL;
}

/* LANES columns of n: out from each voxel for as long as a nearer label may come. */
CM_SIMD static void search(const float *restrict square, const uint32_t *restrict label, int64_t n, int64_t reach,
                           float weight, float *restrict best, uint32_t *restrict nearest) {
  for (int64_t p = 0; p < n; p++) {
    float low[LANES];
    uint32_t who[LANES];
    memcpy(low, square + p * LANES, sizeof(low));
    memcpy(who, label + p * LANES, sizeof(who));
    int any = 0;
    for (int i = 0; i < LANES; i++) any |= low[i] >= weight;
    for (int64_t k = 1; any && k <= reach && (p - k >= 0 || p + k < n); k++) {
      const float d = weight * ((float)k * (float)k), next = weight * ((float)(k + 1) * (float)(k + 1));
      for (int side = 0; side < 2; side++) {
        const int64_t q = side ? p + k : p - k;
        if (q < 0 || q >= n) continue;
        const float *from = square + q * LANES;
        const uint32_t *name = label + q * LANES;
        for (int i = 0; i < LANES; i++) {
          const float v = from[i] + d;
          const int nearer = v < low[i], take = nearer | ((v == low[i]) & (name[i] < who[i]) & (v < INFINITY));
          low[i] = take ? v : low[i];
          who[i] = take ? name[i] : who[i];
        }
      }
      any = 0;
      for (int i = 0; i < LANES; i++) any |= low[i] >= next;
    }
    memcpy(best + p * LANES, low, sizeof(low));
    memcpy(nearest + p * LANES, who, sizeof(who));
  }
}

static void do_columns(const Expand *job, int64_t outer, int64_t x0, float *value, uint32_t *label) {
  const CmGrid *grid = &job->grid;
  const CmType type = cm_image_type(job->out);
  const int64_t n = job->axis == 1 ? grid->ny : grid->nz, step = job->axis == 1 ? 1 : grid->ny;
  const int64_t first = job->axis == 1 ? outer * grid->ny : outer / grid->ny * grid->nz * grid->ny + outer % grid->ny;
  const int64_t width = grid->nx - x0 < LANES ? grid->nx - x0 : LANES;
  float *all = cm_image_data_mut(job->square), *best = value + n * LANES;
  uint32_t *nearest = label + n * LANES;
  for (int64_t p = 0; p < n; p++) {
    const int64_t row = first + p * step;
    for (int64_t i = width; i < LANES; i++) {
      value[p * LANES + i] = 0.0F;
      label[p * LANES + i] = 1;
    }
    memcpy(value + p * LANES, all + row * grid->nx + x0, (size_t)width * sizeof(float));
    load_row[type]((const char *)cm__row(job->out, grid, row) + (size_t)x0 * grid->size, width, label + p * LANES);
  }
  search(value, label, n, steps(job, job->axis, n), (float)(job->spacing[job->axis] * job->spacing[job->axis]), best,
         nearest);
  for (int64_t p = 0; p < n; p++) {
    const int64_t row = first + p * step;
    memcpy(all + row * grid->nx + x0, best + p * LANES, (size_t)width * sizeof(float));
    store_row[type](nearest + p * LANES, width, (char *)cm__row_mut(job->out, grid, row) + (size_t)x0 * grid->size);
  }
}

static bool expand_columns(void *arg, CmRange range, CmError **err) {
  const Expand *job = arg;
  const int64_t blocks = cm_chunk_count(job->grid.nx, LANES), n = job->axis == 1 ? job->grid.ny : job->grid.nz;
  float *value = cm_alloc_array(job->ctx, (size_t)(n * LANES), 2 * sizeof(float), err);
  uint32_t *label = cm_alloc_array(job->ctx, (size_t)(n * LANES), 2 * sizeof(uint32_t), err);
  for (int64_t at = range.begin; value && label && at < range.end; at++)
    do_columns(job, at / blocks, at % blocks * LANES, value, label);
  cm_free(value);
  cm_free(label);
  return value && label;
}

/* Voxels whose nearest label is too far stay background. */
static bool cut_rows(void *arg, CmRange range, CmError **err) {
  const Expand *job = arg;
  const size_t size = job->grid.size;
  const float most = (float)(job->distance * job->distance * (1.0 + 1e-6));
  (void)err;
  for (int64_t row = range.begin; row < range.end; row++) {
    const float *square = (const float *)cm_image_data(job->square) + row * job->grid.nx;
    char *to = cm__row_mut(job->out, &job->grid, row);
    for (int64_t x = 0; x < job->grid.nx; x++)
      if (!(square[x] <= most)) memset(to + (size_t)x * size, 0, size);
  }
  return true;
}

static bool expand(Expand *job, CmError **err) {
  const CmGrid *grid = &job->grid;
  const int64_t blocks = cm_chunk_count(grid->nx, LANES);
  if (!cm_parallel_for(job->ctx, "growing", grid->rows, cm__row_chunk(grid), expand_rows, job, err)) return false;
  job->axis = 1;
  if (grid->ny > 1 && !cm_parallel_for(job->ctx, "growing", grid->nz * grid->nt * blocks, 1, expand_columns, job, err))
    return false;
  job->axis = 2;
  if (grid->nz > 1 &&
      !cm_parallel_for(job->ctx, "growing", grid->ny * grid->nt * blocks, blocks, expand_columns, job, err))
    return false;
  return cm_parallel_for(job->ctx, NULL, grid->rows, cm__row_chunk(grid), cut_rows, job, err);
}

static bool run(const CmCall *call, CmError **err) {
  const ExpandParams *p = call->params;
  Expand job = {.ctx = call->ctx, .image = call->in[0].image, .distance = p->distance};
  CmMask mask;
  job.grid = cm__grid(job.image);
  for (int axis = 0; axis < 3; axis++)
    job.spacing[axis] = p->units == 1 ? cm_image_geometry(job.image)->spacing[axis] : 1.0;
  if (!cm__mask_open(&mask, &call->in[1], job.image, err)) return false;
  job.square = cm_image_create_like(call->ctx, job.image, CM_F32, 1, err);
  job.out = cm_image_create_like(call->ctx, job.image, cm_image_type(job.image), 1, err);
  const bool ok =
      job.square && job.out && expand(&job, err) && cm__mask_keep(call->ctx, &mask, job.image, job.out, err);
  if (ok) call->out[0] = cm_value_labels(cm_image_ref(job.out));
  cm_image_unref(&job.square);
  cm_image_unref(&job.out);
  return ok;
}

CM_OP(expand_labels) = {
    .name = "expand_labels",
    .family = "morphology",
    .since = "0.1",
    .summary = "Let labels grow into the background without overlap.",
    .details =
        "Each background voxel whose centre is within `distance` (inclusive) of the centre of a labelled voxel takes "
        "the nearest label; of equally near ones the smallest (negative ones after positive ones). Labelled voxels "
        "keep their label. units=mm respects the "
        "spacing. Distances are compared as squares in float: of those that differ by less than 1e-6 either may count "
        "as nearer. Time points stay apart. Memory: the result and a float a voxel.",
    CM_OP_PARAMS(ExpandParams, params),
    CM_OP_INPUTS(inputs),
    CM_OP_OUTPUTS(outputs),
    .geometry = CM_GEOMETRY_KEEP,
    .cite = "Felzenszwalb PF, Huttenlocher DP. Distance transforms of sampled functions. Theory of Computing 8, 2012",
    .examples = "cormack expand_labels organs.nii.gz grown.nii.gz --distance 5",
    .run = run,
};
