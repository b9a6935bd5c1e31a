#include <math.h>
#include <string.h>

#include "cormack/parallel.h"
#include "ops/block.h"
#include "ops/exp.h"
#include "ops/simd.h"

typedef struct BilateralParams {
  CmReals sigma;
  int32_t units;
  double range_sigma, truncate;
  int32_t shape;
  int32_t border;
  double border_value;
  int32_t type;
} BilateralParams;

enum { BOX, BALL };

static const CmParam params[] = {
    CM_PARAM_REALS(BilateralParams, sigma, "2", 0, 100, 1, 3, "",
                   "standard deviation in space, one for all axes or one each for x,y,z; 0 leaves an axis alone"),
    CM_UNITS_PARAM(BilateralParams, "mm"),
    CM_PARAM_REAL(BilateralParams, range_sigma, 50, 1e-12, 1e30, "",
                  "standard deviation of the values, in image units"),
    CM_PARAM_REAL(BilateralParams, truncate, 2, 0.5, 10, "1", "where the neighbourhood ends, in standard deviations"),
    CM_PARAM_ENUM(BilateralParams, shape, "box|ball", "box",
                  "of the neighbourhood; ball: the ellipsoid in that box, as OpenCV takes it"),
    CM_BORDER_PARAMS(BilateralParams),
    CM_TYPE_PARAM(BilateralParams),
};

typedef struct Offset {
  int64_t d[3];
  float log_weight; /* of the distance: weight 2^-log_weight */
} Offset;

typedef struct Bilateral {
  CmContext *ctx;
  CmBlocks blocks;
  int64_t radius[3];
  Offset *offsets; /* one of each pair of opposite ones: the weight of two voxels is the same for both */
  int64_t count;
  float scale; /* log2(e) / (2 range_sigma^2) */
  int64_t tile[3], tiles[3];
  int64_t t, component;
} Bilateral;

/* One row and its neighbours: each takes the other in. */
CM_SIMD static void pair_rows(const float *restrict a, const float *restrict b, float log_weight, float scale,
                              float *restrict sum_a, float *restrict weights_a, float *restrict sum_b,
                              float *restrict weights_b, int64_t n) {
  for (int64_t i = 0; i < n; i++) {
    const float d = b[i] - a[i];
    const float w = cm__exp2_minus(d * d * scale + log_weight), moved = w * d;
    sum_a[i] += moved;
    weights_a[i] += w;
    sum_b[i] -= moved;
    weights_b[i] += w;
  }
}

CM_SIMD static void weigh(const float *restrict a, const float *restrict b, float log_weight, float scale,
                          float *restrict moved, float *restrict weights, int64_t n) {
  for (int64_t i = 0; i < n; i++) {
    const float d = b[i] - a[i];
    weights[i] = cm__exp2_minus(d * d * scale + log_weight);
    moved[i] = weights[i] * d;
  }
}

CM_SIMD static void add(const float *restrict from, float *restrict to, int64_t n) {
  for (int64_t i = 0; i < n; i++) to[i] += from[i];
}

CM_SIMD static void subtract(const float *restrict from, float *restrict to, int64_t n) {
  for (int64_t i = 0; i < n; i++) to[i] -= from[i];
}

/* v + sum(w * (near - v)) / sum(w), where v itself has weight 1: flat areas stay as they are. */
CM_SIMD static void finish(const float *restrict centre, float *restrict sum, const float *restrict weights,
                           int64_t n) {
  for (int64_t i = 0; i < n; i++) sum[i] = centre[i] + sum[i] / (1.0f + weights[i]);
}

/* A tile and what is around it: three arrays of the same shape, and two lines. */
typedef struct Room {
  int64_t row, plane, volume; /* numbers in each */
  float *values, *sum, *weights, *moved, *moved_weights;
} Room;

static bool inside(int64_t y, int64_t z, const int64_t size[3]) {
  return y >= 0 && y < size[1] && z >= 0 && z < size[2];
}

/* Row (y, z) of the tile or around it with all that lie ahead of it. Pairs of which neither is in the tile are left
 * out; in the others the sums of voxels around the tile are of no use. */
static void do_row(const Bilateral *job, const Room *room, const int64_t size[3], int64_t y, int64_t z) {
  const int64_t *r = job->radius, first = (z + r[2]) * room->plane + (y + r[1]) * room->row + r[0];
  for (int64_t k = 0; k < job->count; k++) {
    const Offset *o = &job->offsets[k];
    const int64_t yy = y + o->d[1], zz = z + o->d[2];
    if (yy < -r[1] || yy >= size[1] + r[1] || zz >= size[2] + r[2]) continue;
    if (!inside(y, z, size) && !inside(yy, zz, size)) continue;
    const int64_t low = o->d[0] > 0 ? -o->d[0] : 0, n = size[0] + (o->d[0] < 0 ? -o->d[0] : o->d[0]);
    const int64_t a = first + low, b = a + o->d[2] * room->plane + o->d[1] * room->row + o->d[0];
    if (o->d[1] != 0 || o->d[2] != 0) {
      pair_rows(room->values + a, room->values + b, o->log_weight, job->scale, room->sum + a, room->weights + a,
                room->sum + b, room->weights + b, n);
      continue;
    }
    weigh(room->values + a, room->values + b, o->log_weight, job->scale, room->moved, room->moved_weights, n);
    add(room->moved, room->sum + a, n);
    add(room->moved_weights, room->weights + a, n);
    subtract(room->moved, room->sum + b, n);
    add(room->moved_weights, room->weights + b, n);
  }
}

static CmBlock tile_at(const Bilateral *job, int64_t at) {
  const CmGrid *grid = &job->blocks.grid;
  const int64_t n[3] = {grid->nx, grid->ny, grid->nz};
  CmBlock tile = {.t = job->t, .component = job->component};
  for (int axis = 0; axis < 3; axis++) {
    tile.start[axis] = at % job->tiles[axis] * job->tile[axis];
    tile.size[axis] = n[axis] - tile.start[axis] < job->tile[axis] ? n[axis] - tile.start[axis] : job->tile[axis];
    at /= job->tiles[axis];
  }
  return tile;
}

/* A window may hold millions of voxels: cancellation is heard at every row. */
static bool filter_tile(const Bilateral *job, const Room *room, const CmBlock *tile, double *scratch, CmError **err) {
  const CmGrid *grid = &job->blocks.grid;
  const int64_t *r = job->radius, *size = tile->size;
  memset(room->sum, 0, (size_t)(2 * room->volume) * sizeof(float));
  for (int64_t z = -r[2]; z < size[2]; z++)
    for (int64_t y = -r[1]; y < size[1] + r[1]; y++) {
      if (cm_context_cancelled(job->ctx, err)) return false;
      do_row(job, room, size, y, z);
    }
  for (int64_t k = 0; k < size[1] * size[2]; k++) {
    const int64_t y = k % size[1], z = k / size[1], at = (z + r[2]) * room->plane + (y + r[1]) * room->row + r[0];
    finish(room->values + at, room->sum + at, room->weights + at, size[0]);
    cm__block_store_line(&job->blocks, (tile->t * grid->nz + tile->start[2] + z) * grid->ny + tile->start[1] + y,
                         tile->start[0], tile->component, room->sum + at, size[0], scratch);
  }
  return true;
}

static bool do_tile(void *arg, CmRange range, CmError **err) {
  const Bilateral *job = arg;
  const CmBlock tile = tile_at(job, range.begin);
  CmBlock padded = tile;
  Room room;
  for (int axis = 0; axis < 3; axis++) {
    padded.start[axis] -= job->radius[axis];
    padded.size[axis] += 2 * job->radius[axis];
  }
  room.row = padded.size[0];
  room.plane = room.row * padded.size[1];
  room.volume = room.plane * padded.size[2];
  room.values = cm_alloc_array(job->ctx, (size_t)(3 * room.volume + 2 * room.row), sizeof(float), err);
  double *scratch = cm_alloc_array(job->ctx, (size_t)cm__block_store_scratch(&job->blocks), sizeof(double), err);
  float *line = cm_alloc_array(job->ctx, (size_t)job->blocks.grid.row, sizeof(float), err);
  bool ok = room.values && scratch && line;
  if (ok) {
    room.sum = room.values + room.volume;
    room.weights = room.sum + room.volume;
    room.moved = room.weights + room.volume;
    room.moved_weights = room.moved + room.row;
    cm__block_load(&job->blocks, &padded, line, room.values);
    ok = filter_tile(job, &room, &tile, scratch, err);
  }
  cm_free(room.values);
  cm_free(scratch);
  cm_free(line);
  return ok;
}

static void add_offset(Bilateral *job, const double sigma[3], int32_t shape, const int64_t d[3]) {
  double sum = 0.0, way = 0.0;
  for (int axis = 0; axis < 3; axis++) {
    if (d[axis] == 0) continue;
    sum += (double)(d[axis] * d[axis]) / (2.0 * sigma[axis] * sigma[axis]);
    way += (double)(d[axis] * d[axis]) / (double)(job->radius[axis] * job->radius[axis]);
  }
  if (shape == BALL && way > 1.0 + 1e-12) return;
  job->offsets[job->count++] = (Offset){{d[0], d[1], d[2]}, (float)(sum * CM_LOG2_E)};
}

static bool make_offsets(Bilateral *job, const double sigma[3], double truncate, int32_t shape, CmError **err) {
  int64_t window = 1;
  for (int axis = 0; axis < 3; axis++) {
    job->radius[axis] = (int64_t)floor(truncate * sigma[axis] + 0.5);
    if (job->radius[axis] > 100) {
      cm_error_set(err, CM_ERR_PARAMETER,
                   "a neighbourhood of %lld voxels along %c is too wide; at most 100 (truncate * sigma)",
                   (long long)job->radius[axis], "xyz"[axis]);
      return false;
    }
    window *= 2 * job->radius[axis] + 1;
  }
  job->offsets = cm_alloc_array(job->ctx, (size_t)window, sizeof(Offset), err);
  if (!job->offsets) return false;
  const int64_t *r = job->radius;
  for (int64_t dz = 0; dz <= r[2]; dz++)
    for (int64_t dy = dz ? -r[1] : 0; dy <= r[1]; dy++)
      for (int64_t dx = dz || dy ? -r[0] : 1; dx <= r[0]; dx++)
        add_offset(job, sigma, shape, (const int64_t[3]){dx, dy, dz});
  return true;
}

/* Tiles fit into the cache, and have little border for what they hold. */
static void choose_tiles(Bilateral *job) {
  const CmGrid *grid = &job->blocks.grid;
  const int64_t n[3] = {grid->nx, grid->ny, grid->nz}, flat[3] = {256, 64, 1}, deep[3] = {128, 32, 16};
  for (int axis = 0; axis < 3; axis++) {
    const int64_t side = n[2] == 1 ? flat[axis] : deep[axis];
    job->tile[axis] = side < n[axis] ? side : n[axis];
    job->tiles[axis] = cm_chunk_count(n[axis], job->tile[axis]);
  }
}

static bool run(const CmCall *call, CmError **err) {
  const BilateralParams *p = call->params;
  const CmImage *image = call->in[0].image;
  CmMask mask;
  Bilateral job = {.ctx = call->ctx,
                   .blocks = {.image = image,
                              .grid = cm__grid(image),
                              .mask = &mask,
                              .border = (CmBorder)p->border,
                              .border_value = p->border_value},
                   .scale = (float)(0.5 * CM_LOG2_E / (p->range_sigma * p->range_sigma))};
  const CmGrid *grid = &job.blocks.grid;
  double sigma[3];
  cm__axis_sizes(&p->sigma, p->units, image, sigma);
  choose_tiles(&job);
  bool ok = cm__mask_open(&mask, &call->in[1], image, err) && make_offsets(&job, sigma, p->truncate, p->shape, err);
  if (ok) {
    job.blocks.out = cm_image_create_like(call->ctx, image, cm__out_type(p->type, cm_image_type(image)),
                                          cm_image_components(image), err);
    ok = job.blocks.out != NULL;
  }
  for (int64_t k = 0; ok && k < grid->nt * grid->components; k++) {
    job.t = k / grid->components;
    job.component = k % grid->components;
    ok = cm_parallel_for(call->ctx, "bilateral", job.tiles[0] * job.tiles[1] * job.tiles[2], 1, do_tile, &job, err);
  }
  cm_free(job.offsets);
  if (!ok) {
    cm_image_unref(&job.blocks.out);
    return false;
  }
  call->out[0] = cm_value_image(job.blocks.out);
  return true;
}

CM_OP(bilateral) = {
    .name = "bilateral",
    .family = "denoise",
    .since = "0.1",
    .summary = "Smooth, but not across edges.",
    .details =
        "The mean of the neighbours u in the box |d| <= r = round(truncate * sigma) of each voxel v (ball: the sum of "
        "(d / r)^2 over the axes <= 1), weighted by exp(-|d|^2 / (2 sigma^2)) * exp(-(u - v)^2 / (2 range_sigma^2)), d "
        "in mm or voxels; weights below 2^-126 stay there. Calculated in f32 "
        "for every type: v of u32, i32 and f64 is rounded to it. " CM_BORDER_DETAILS CM_FILTER_MASK_DETAILS
        "NaN: spreads to every voxel whose box holds it.",
    CM_OP_PARAMS(BilateralParams, params),
    CM_FILTER_PORTS,
    .tolerance = 1e-6,
    .cite = "Tomasi C, Manduchi R. Bilateral filtering for gray and color images. ICCV 1998",
    .examples = "cormack bilateral ct.nii.gz out.nii.gz --sigma 1.5 --range_sigma 40",
    .run = run,
};
