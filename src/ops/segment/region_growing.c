#include <math.h>
#include <string.h>

#include "cormack/parallel.h"
#include "ops/intensity/stats.h"
#include "ops/measure/gather.h"
#include "ops/segment/span_flood.h"

enum { INTERVAL, TOLERANCE, CONFIDENCE };

typedef struct GrowParams {
  int32_t method;
  CmInts points;
  double lower, upper;
  double tolerance;
  double multiplier;
  int64_t iterations, radius;
  int32_t connectivity;
} GrowParams;

static const CmParam params[] = {
    CM_PARAM_ENUM(GrowParams, method, "interval|tolerance|confidence", "interval",
                  "what joins: values from lower to upper, values near the seeds', or values near the region's mean"),
    CM_PARAM_INTS(GrowParams, points, "", 0, 2147483647, 0, 63, "voxel", "seeds as indices x,y,z,x,y,z ... from 0"),
    CM_PARAM_REAL(GrowParams, lower, -1e30, -1e30, 1e30, "", "method interval: smallest value; -1e30: no limit"),
    CM_PARAM_REAL(GrowParams, upper, 1e30, -1e30, 1e30, "", "method interval: largest value; 1e30: no limit"),
    CM_PARAM_REAL(GrowParams, tolerance, 0, 0, 1e30, "", "method tolerance: largest difference to the seeds"),
    CM_PARAM_REAL(GrowParams, multiplier, 2.5, 0, 1e6, "1", "method confidence: standard deviations to each side"),
    CM_PARAM_INT(GrowParams, iterations, 4, 0, 1000, "1", "method confidence: how often the region is measured anew"),
    CM_PARAM_INT(GrowParams, radius, 1, 0, 10, "voxel", "method confidence: of the boxes around seeds measured first"),
    CM_PARAM_ENUM(GrowParams, connectivity, CM_CONNECT_CHOICES, "6",
                  "which voxels touch: by faces (6), also edges (18), also corners (26); each slice by itself: sides "
                  "(4), also corners (8)"),
};

static const CmPort inputs[] = {
    {.name = "image", .kind = CM_KIND_IMAGE, .help = "where the region grows"},
    {.name = "seeds",
     .kind = CM_KIND_LABELS,
     .optional = true,
     .types = CM_INTEGER_TYPES,
     .help = "from where it grows: not 0; beside points"},
    {.name = "mask",
     .kind = CM_KIND_LABELS,
     .optional = true,
     .types = CM_INTEGER_TYPES,
     .help = "where it may grow: not 0"},
};
static const CmPort outputs[] = {{.name = "labels", .kind = CM_KIND_LABELS, .help = "u8: 1 in the region, else 0"}};

typedef struct Seed {
  int64_t x, row; /* row of its time point */
  double value;
} Seed;

typedef struct Grow {
  CmContext *ctx;
  const GrowParams *p;
  const CmImage *image;
  CmMask seeds, mask;
  CmGrid grid;
  int64_t t;
  Seed *seed;
  int64_t count, room;
  double lower, upper;
  double *line;
  uint8_t *inside;
  CmSpanFlood flood;
  CmImage *out;
} Grow;

/* ---- seeds ---- */

/* NaN and what lies outside the mask is no seed. */
static bool add_seed(Grow *job, int64_t x, int64_t row, CmError **err) {
  const int64_t at = job->t * job->grid.ny * job->grid.nz + row;
  if (job->mask.image) {
    cm__mask_row(&job->mask, at, job->inside);
    if (!job->inside[x]) return true;
  }
  const double value = cm_image_value(job->image, at * job->grid.nx + x);
  if (value != value) return true;
  if (job->count == job->room) {
    const int64_t room = job->room ? 2 * job->room : 64;
    Seed *larger = cm_realloc(job->ctx, job->seed, (size_t)room * sizeof(Seed), err);
    if (!larger) return false;
    job->seed = larger;
    job->room = room;
  }
  job->seed[job->count++] = (Seed){x, row, value};
  return true;
}

static bool find_seeds(Grow *job, CmError **err) {
  const CmGrid *grid = &job->grid;
  const int64_t *point = job->p->points.value;
  uint8_t *marked = cm_alloc(job->ctx, (size_t)grid->nx, err);
  bool ok = marked != NULL;
  job->count = 0;
  for (int64_t row = 0; ok && job->seeds.image && row < grid->ny * grid->nz; row++) {
    cm__mask_row(&job->seeds, job->t * grid->ny * grid->nz + row, marked);
    for (int64_t x = 0; ok && x < grid->nx; x++)
      if (marked[x]) ok = add_seed(job, x, row, err);
  }
  for (int k = 0; ok && k < job->p->points.count; k += 3)
    ok = add_seed(job, point[k], point[k + 2] * grid->ny + point[k + 1], err);
  cm_free(marked);
  return ok;
}

static bool check_points(const Grow *job, CmError **err) {
  const int64_t *point = job->p->points.value;
  for (int k = 0; k < job->p->points.count; k += 3)
    if (point[k] >= job->grid.nx || point[k + 1] >= job->grid.ny || point[k + 2] >= job->grid.nz) {
      cm_error_set(err, CM_ERR_PARAMETER,
                   "the point %lld,%lld,%lld lies outside the image of %lld x %lld x %lld voxels", (long long)point[k],
                   (long long)point[k + 1], (long long)point[k + 2], (long long)job->grid.nx, (long long)job->grid.ny,
                   (long long)job->grid.nz);
      return false;
    }
  if (job->p->points.count > 0 || job->seeds.image) return true;
  cm_error_set(err, CM_ERR_PARAMETER, "there is nothing to grow from; give seeds or points");
  return false;
}

/* ---- the flood ---- */

static void open_row(void *arg, int64_t row, uint8_t *state) {
  Grow *job = arg;
  const int64_t at = job->t * job->grid.ny * job->grid.nz + row, nx = job->grid.nx;
  cm__line_to_f64(cm_image_type(job->image), cm__row(job->image, &job->grid, at), nx, job->line);
  for (int64_t x = 0; x < nx; x++) state[x] = job->line[x] >= job->lower && job->line[x] <= job->upper;
  if (!job->mask.image) return;
  cm__mask_row(&job->mask, at, job->inside);
  for (int64_t x = 0; x < nx; x++) state[x] = state[x] & job->inside[x];
}

static bool flood(Grow *job, CmError **err) {
  cm__span_reset(&job->flood);
  for (int64_t k = 0; k < job->count; k++)
    if (!cm__span_fill(&job->flood, (CmConnect)job->p->connectivity, job->seed[k].x, job->seed[k].row, err))
      return false;
  return true;
}

/* ---- limits ---- */

static void seed_range(const Grow *job, double *low, double *high) {
  *low = INFINITY;
  *high = -INFINITY;
  for (int64_t k = 0; k < job->count; k++) {
    *low = fmin(*low, job->seed[k].value);
    *high = fmax(*high, job->seed[k].value);
  }
}

/* The limits around a mean; seeds always lie within. */
static void set_confidence(Grow *job, double mean, double variance) {
  const double away = job->p->multiplier * sqrt(variance > 0.0 ? variance : 0.0);
  double low, high;
  seed_range(job, &low, &high);
  job->lower = fmin(mean - away, low);
  job->upper = fmax(mean + away, high);
}

static int64_t within(int64_t i, int64_t n) {
  return i < 0 ? 0 : i >= n ? n - 1 : i;
}

/* Mean and variance of the boxes around all seeds, beyond the border the nearest voxel; NaN left out. */
static void measure_seeds(Grow *job) {
  const CmGrid *grid = &job->grid;
  const int64_t r = job->p->radius, deep = grid->nz > 1 ? r : 0, first = job->t * grid->nx * grid->ny * grid->nz;
  double sum = 0.0, squares = 0.0, n = 0.0;
  const double shift = job->seed[0].value;
  for (int64_t k = 0; k < job->count; k++)
    for (int64_t dz = -deep; dz <= deep; dz++)
      for (int64_t dy = -r; dy <= r; dy++)
        for (int64_t dx = -r; dx <= r; dx++) {
          const int64_t x = within(job->seed[k].x + dx, grid->nx),
                        y = within(job->seed[k].row % grid->ny + dy, grid->ny);
          const int64_t z = within(job->seed[k].row / grid->ny + dz, grid->nz);
          const double v = cm_image_value(job->image, first + (z * grid->ny + y) * grid->nx + x) - shift;
          if (v != v) continue;
          sum += v;
          squares += v * v;
          n += 1.0;
        }
  set_confidence(job, sum / n + shift, n > 1.0 ? (squares - sum * sum / n) / (n - 1.0) : 0.0);
}

/* The same of the region; false where its variance is 0. */
static bool measure_region(Grow *job) {
  const CmGrid *grid = &job->grid;
  const double shift = job->seed[0].value;
  double sum = 0.0, squares = 0.0, n = 0.0;
  for (int64_t row = 0; row < grid->ny * grid->nz; row++) {
    const uint8_t *state = job->flood.state + row * grid->nx;
    if (!job->flood.ready[row]) continue;
    cm__line_to_f64(cm_image_type(job->image), cm__row(job->image, grid, job->t * grid->ny * grid->nz + row), grid->nx,
                    job->line);
    for (int64_t x = 0; x < grid->nx; x++) {
      if (state[x] != CM_SPAN_FILLED) continue;
      const double v = job->line[x] - shift;
      sum += v;
      squares += v * v;
      n += 1.0;
    }
  }
  const double variance = n > 1.0 ? (squares - sum * sum / n) / (n - 1.0) : 0.0;
  if (!(variance > 0.0)) return false;
  set_confidence(job, sum / n + shift, variance);
  return true;
}

static bool grow(Grow *job, CmError **err) {
  const GrowParams *p = job->p;
  if (job->count == 0) return true;
  if (p->method == INTERVAL) {
    job->lower = p->lower <= -1e30 ? -INFINITY : p->lower;
    job->upper = p->upper >= 1e30 ? INFINITY : p->upper;
  } else if (p->method == TOLERANCE) {
    double low, high;
    seed_range(job, &low, &high);
    job->lower = low - p->tolerance;
    job->upper = high + p->tolerance;
  } else {
    measure_seeds(job);
    if (!isfinite(job->upper - job->lower)) {
      cm_error_set(err, CM_ERR_DATA, "the image has infinite values at the seeds; clip it first");
      return false;
    }
  }
  if (!flood(job, err)) return false;
  for (int64_t k = 0; p->method == CONFIDENCE && k < p->iterations; k++) {
    const double lower = job->lower, upper = job->upper;
    cm_progress(job->ctx, "region_growing", k, p->iterations);
    if (!measure_region(job) || (job->lower == lower && job->upper == upper)) break;
    if (!flood(job, err)) return false;
  }
  return true;
}

/* ---- the operation ---- */

/* States become labels. */
static bool store_rows(void *arg, CmRange range, CmError **err) {
  const Grow *job = arg;
  const int64_t nx = job->grid.nx;
  (void)err;
  for (int64_t row = range.begin; row < range.end; row++) {
    uint8_t *state = job->flood.state + row * nx;
    if (!job->flood.ready[row])
      memset(state, 0, (size_t)nx);
    else
      for (int64_t x = 0; x < nx; x++) state[x] = state[x] == CM_SPAN_FILLED;
  }
  return true;
}

static bool run(const CmCall *call, CmError **err) {
  const CmImage *image = call->in[0].image;
  Grow job = {.ctx = call->ctx, .p = call->params, .image = image, .grid = cm__grid(image)};
  const CmGrid *grid = &job.grid;
  const int64_t rows = grid->ny * grid->nz;
  bool ok = false;
  if (!cm__mask_open(&job.seeds, &call->in[1], image, err) || !cm__mask_open(&job.mask, &call->in[2], image, err) ||
      !check_points(&job, err))
    return false;
  job.flood =
      (CmSpanFlood){.ctx = call->ctx, .nx = grid->nx, .ny = grid->ny, .nz = grid->nz, .fn = open_row, .arg = &job};
  job.out = cm_image_create_like(call->ctx, image, CM_U8, 1, err);
  if (!job.out || !cm_image_set_unit(job.out, "1", err)) goto done;
  job.line = cm_alloc_array(call->ctx, (size_t)grid->nx, sizeof(double), err);
  job.inside = job.line ? cm_alloc(call->ctx, (size_t)grid->nx, err) : NULL;
  job.flood.ready = job.inside ? cm_alloc_array(call->ctx, (size_t)rows, sizeof(bool), err) : NULL;
  if (!job.flood.ready) goto done;
  for (job.t = 0; job.t < grid->nt; job.t++) {
    job.flood.state = (uint8_t *)cm_image_data_mut(job.out) + job.t * rows * grid->nx;
    cm__span_reset(&job.flood);
    if (!find_seeds(&job, err) || !grow(&job, err) ||
        !cm_parallel_for(call->ctx, "region_growing", rows, cm__row_chunk(grid), store_rows, &job, err))
      goto done;
  }
  call->out[0] = cm_value_labels(cm_image_ref(job.out));
  ok = true;
done:
  cm_free(job.seed);
  cm_free(job.line);
  cm_free(job.inside);
  cm_free(job.flood.ready);
  cm__span_free(&job.flood);
  cm_image_unref(&job.out);
  return ok;
}

static bool check(const void *values, CmError **err) {
  const GrowParams *p = values;
  if (p->lower > p->upper) {
    cm_error_set(err, CM_ERR_PARAMETER, "lower %g is above upper %g; swap them", p->lower, p->upper);
    return false;
  }
  if (p->points.count % 3 == 0) return true;
  cm_error_set(err, CM_ERR_PARAMETER, "points has %d numbers; give three for each point, z 0 in 2D", p->points.count);
  return false;
}

CM_OP(region_growing) = {
    .name = "region_growing",
    .family = "segment",
    .since = "0.2",
    .summary = "Grow one region from seeds over voxels of like values.",
    .details =
        "The region is what a path of touching voxels within the limits (both inclusive) joins to a seed that lies "
        "within them itself. interval: lower to upper (ITK's connected threshold). tolerance: from the smallest value "
        "of the seeds minus it to the largest plus it (scikit-image's flood, for one seed). confidence (ITK's "
        "confidence connected): mean -+ multiplier times the standard deviation (divided by n - 1) of the boxes "
        "around the seeds, beyond the border the nearest voxel, widened to hold the seeds; then, `iterations` times or "
        "until it rests, the same of the region. Points count for every time point; each time point by itself. Seeds "
        "outside the mask or on NaN are left out; no seeds left: all 0. The time taken goes with the region, not with "
        "the image.",
    CM_OP_PARAMS(GrowParams, params),
    CM_OP_INPUTS(inputs),
    CM_OP_OUTPUTS(outputs),
    .geometry = CM_GEOMETRY_KEEP,
    .cite =
        "Adams R, Bischof L. Seeded region growing. IEEE TPAMI 16(6), 1994; Ibanez L et al. The ITK Software Guide, "
        "chapter on segmentation, section on region growing",
    .examples =
        "cormack region_growing ct.nii.gz trachea.nii.gz --points 256,210,180 --upper -900\n"
        "cormack region_growing mr.nii.gz lesion.nii.gz --seeds seeds.nii.gz --method confidence --multiplier 2",
    .check = check,
    .run = run,
};
