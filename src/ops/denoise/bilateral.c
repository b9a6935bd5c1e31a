#include <float.h>
#include <math.h>
#include <string.h>

#include "cormack/parallel.h"
#include "ops/lines.h"
#include "ops/simd.h"

typedef struct BilateralParams {
  CmReals sigma;
  int32_t units;
  double range_sigma, truncate;
  int32_t border;
  double border_value;
  int32_t type;
} BilateralParams;

static const CmParam params[] = {
    CM_PARAM_REALS(BilateralParams, sigma, "2", 0, 100, 1, 3, "",
                   "standard deviation in space, one for all axes or one each for x,y,z; 0 leaves an axis alone"),
    CM_UNITS_PARAM(BilateralParams, "mm"),
    CM_PARAM_REAL(BilateralParams, range_sigma, 50, 1e-12, 1e30, "",
                  "standard deviation of the values, in image units"),
    CM_PARAM_REAL(BilateralParams, truncate, 2, 0.5, 10, "1", "where the neighbourhood ends, in standard deviations"),
    CM_BORDER_PARAMS(BilateralParams),
    CM_TYPE_PARAM(BilateralParams),
};

typedef struct Offset {
  int64_t dx, dy, dz;
  float log_weight; /* of the distance: -d^2 / (2 sigma^2) */
} Offset;

typedef struct Bilateral {
  CmContext *ctx;
  const CmImage *image;
  const CmMask *mask;
  CmImage *out;
  CmGrid grid;
  CmBorder border;
  double border_value;
  int64_t radius[3];
  Offset *offsets;
  int64_t count;
  float scale; /* 1 / (2 range_sigma^2) */
  int64_t band, bands;
} Bilateral;

/* exp(x) for x <= 0 as float: 2^n * e^r with |r| <= ln 2 / 2 and a polynomial for e^r; relative error below 2e-7; 0
 * below -87. */
static inline float exp_negative(float x) {
  const float n = rintf(x * 1.44269504f);
  const float r = (x - n * 0.693359375f) - n * -2.12194440e-4f;
  float p = 1.9875691500e-4f;
  p = p * r + 1.3981999507e-3f;
  p = p * r + 8.3334519073e-3f;
  p = p * r + 4.1665795894e-2f;
  p = p * r + 1.6666665459e-1f;
  p = p * r + 5.0000001201e-1f;
  p = p * r * r + r + 1.0f;
  const float bounded = n > -126.0f ? n : -126.0f;
  const int32_t bits = ((int32_t)bounded + 127) << 23;
  float power;
  memcpy(&power, &bits, sizeof(power));
  return x < -87.0f ? 0.0f : p * power;
}

/* One neighbour of every value of a row. */
CM_SIMD static void gather(const float *restrict centre, const float *restrict near, float log_weight, float scale,
                           float *restrict sum, float *restrict weights, int64_t n) {
  for (int64_t i = 0; i < n; i++) {
    const float d = near[i] - centre[i];
    const float w = exp_negative(log_weight - d * d * scale);
    sum[i] += w * d;
    weights[i] += w;
  }
}

/* v + sum(w * (near - v)) / sum(w): flat areas stay as they are. */
CM_SIMD static void finish(const float *restrict centre, float *restrict sum, const float *restrict weights,
                           int64_t n) {
  for (int64_t i = 0; i < n; i++) sum[i] = centre[i] + sum[i] / weights[i];
}

/* Row (y, z), which may lie beyond the border, padded along x. */
static void load_row(const Bilateral *job, int64_t t, int64_t y, int64_t z, float *to) {
  const CmGrid *grid = &job->grid;
  const int64_t c = grid->components, r = job->radius[0];
  const int64_t yy = cm__border_index(job->border, y, grid->ny), zz = cm__border_index(job->border, z, grid->nz);
  float *first = to + r * c;
  if (yy < 0 || zz < 0) {
    for (int64_t i = 0; i < grid->row + 2 * r * c; i++) to[i] = (float)job->border_value;
    return;
  }
  cm__line_to_f32(cm_image_type(job->image), cm__row(job->image, grid, (t * grid->nz + zz) * grid->ny + yy), grid->row,
                  first);
  for (int64_t k = 1; k <= r; k++) {
    const int64_t left = cm__border_index(job->border, -k, grid->nx),
                  right = cm__border_index(job->border, grid->nx - 1 + k, grid->nx);
    for (int64_t i = 0; i < c; i++) {
      first[-k * c + i] = left < 0 ? (float)job->border_value : first[left * c + i];
      first[(grid->nx - 1 + k) * c + i] = right < 0 ? (float)job->border_value : first[right * c + i];
    }
  }
}

static void store_row(const Bilateral *job, int64_t row, const float *line, uint8_t *inside, double *scratch) {
  const CmType type = cm_image_type(job->out);
  CmGrid out_grid = job->grid;
  out_grid.size = cm_type_size(type);
  void *to = cm__row_mut(job->out, &out_grid, row);
  cm__line_from_f32(type, line, job->grid.row, to);
  if (!job->mask->image) return;
  cm__mask_row(job->mask, row, inside);
  cm__mask_restore(inside, &job->grid, cm_image_type(job->image), cm__row(job->image, &job->grid, row), type, to,
                   scratch);
}

/* A band of rows walks along z with the planes that it needs in a ring. */
static bool do_band(void *arg, CmRange range, CmError **err) {
  const Bilateral *job = arg;
  const CmGrid *grid = &job->grid;
  const int64_t *r = job->radius, c = grid->components, wide = grid->row + 2 * r[0] * c, depth = 2 * r[2] + 1;
  const int64_t t = range.begin / job->bands, y0 = range.begin % job->bands * job->band;
  const int64_t y1 = y0 + job->band < grid->ny ? y0 + job->band : grid->ny, slot = (y1 - y0 + 2 * r[1]) * wide;
  float *ring = cm_alloc_array(job->ctx, (size_t)(slot * depth), sizeof(float), err);
  float *sum = cm_alloc_array(job->ctx, (size_t)(2 * grid->row), sizeof(float), err);
  double *scratch = cm_alloc_array(job->ctx, job->mask->image ? (size_t)grid->row : 0, sizeof(double), err);
  uint8_t *inside = cm_alloc(job->ctx, (size_t)grid->nx, err);
  const bool ok = ring && sum && scratch && inside;
  for (int64_t z = -2 * r[2]; ok && z < grid->nz; z++) {
    for (int64_t y = y0 - r[1]; y < y1 + r[1]; y++)
      load_row(job, t, y, z + r[2], ring + (z + 2 * r[2]) % depth * slot + (y - y0 + r[1]) * wide);
    for (int64_t y = y0; y < y1 && z >= 0; y++) {
      float *weights = sum + grid->row;
      const float *centre = ring + (z + r[2]) % depth * slot + (y - y0 + r[1]) * wide + r[0] * c;
      memset(sum, 0, (size_t)(2 * grid->row) * sizeof(float));
      for (int64_t k = 0; k < job->count; k++) {
        const Offset *o = &job->offsets[k];
        const float *near =
            ring + (z + r[2] + o->dz) % depth * slot + (y - y0 + r[1] + o->dy) * wide + (r[0] + o->dx) * c;
        gather(centre, near, o->log_weight, job->scale, sum, weights, grid->row);
      }
      finish(centre, sum, weights, grid->row);
      store_row(job, (t * grid->nz + z) * grid->ny + y, sum, inside, scratch);
    }
  }
  cm_free(ring);
  cm_free(sum);
  cm_free(scratch);
  cm_free(inside);
  return ok;
}

static bool make_offsets(Bilateral *job, const double sigma[3], double truncate, CmError **err) {
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
  for (int64_t dz = -r[2]; dz <= r[2]; dz++)
    for (int64_t dy = -r[1]; dy <= r[1]; dy++)
      for (int64_t dx = -r[0]; dx <= r[0]; dx++) {
        double sum = 0.0;
        const int64_t d[3] = {dx, dy, dz};
        for (int axis = 0; axis < 3; axis++)
          if (d[axis] != 0) sum += (double)(d[axis] * d[axis]) / (2.0 * sigma[axis] * sigma[axis]);
        job->offsets[job->count++] = (Offset){dx, dy, dz, (float)-sum};
      }
  return true;
}

static bool run(const CmCall *call, CmError **err) {
  const BilateralParams *p = call->params;
  const CmImage *image = call->in[0].image;
  CmMask mask;
  Bilateral job = {.ctx = call->ctx,
                   .image = image,
                   .mask = &mask,
                   .grid = cm__grid(image),
                   .border = (CmBorder)p->border,
                   .border_value = p->border_value,
                   .scale = (float)(0.5 / (p->range_sigma * p->range_sigma))};
  double sigma[3];
  cm__axis_sizes(&p->sigma, p->units, image, sigma);
  bool ok = cm__mask_open(&mask, &call->in[1], image, err) && make_offsets(&job, sigma, p->truncate, err);
  if (ok) {
    const int64_t plane = (job.grid.row + 2 * job.radius[0] * job.grid.components) * 4 * (2 * job.radius[2] + 1);
    int64_t budget = job.grid.rows * job.grid.row * (int64_t)job.grid.size / 64;
    budget = budget < 65536 ? 65536 : budget > 786432 ? 786432 : budget;
    job.band = budget / plane - 2 * job.radius[1];
    job.band = job.band < 4 ? 4 : job.band > 32 ? 32 : job.band;
    job.bands = cm_chunk_count(job.grid.ny, job.band);
    job.out = cm_image_create_like(call->ctx, image, cm__out_type(p->type, cm_image_type(image)),
                                   cm_image_components(image), err);
    ok = job.out && cm_parallel_for(call->ctx, "bilateral", job.bands * job.grid.nt, 1, do_band, &job, err);
  }
  cm_free(job.offsets);
  if (!ok) {
    cm_image_unref(&job.out);
    return false;
  }
  call->out[0] = cm_value_image(job.out);
  return true;
}

CM_OP(bilateral) = {
    .name = "bilateral",
    .family = "denoise",
    .since = "0.1",
    .summary = "Smooth, but not across edges.",
    .details =
        "The mean of the neighbours u in the box |d| <= round(truncate * sigma) of each voxel v, weighted by "
        "exp(-|d|^2 / (2 sigma^2)) * exp(-(u - v)^2 / (2 range_sigma^2)), d in mm or voxels; weights below e^-87 are "
        "0. Calculated in f32 "
        "for every type: v of u32, i32 and f64 is rounded to it. " CM_BORDER_DETAILS CM_FILTER_MASK_DETAILS
        "NaN: spreads to every voxel whose box holds it.",
    CM_OP_PARAMS(BilateralParams, params),
    CM_FILTER_PORTS,
    .tolerance = 1e-6,
    .cite = "Tomasi C, Manduchi R. Bilateral filtering for gray and color images. ICCV 1998",
    .examples = "cormack bilateral ct.nii.gz out.nii.gz --sigma 1.5 --range_sigma 40",
    .run = run,
};
