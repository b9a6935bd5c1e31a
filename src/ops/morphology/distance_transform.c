/* Squared distances, axis after axis: along x they are steps to where the class of the voxels changes; along y and z
 * each value becomes the lowest of the parabolas that stand on the values of its column. Near columns are searched
 * outwards, many columns side by side, for as long as a parabola could still be lower; where that would go far, the
 * lower envelope is built: Felzenszwalb PF, Huttenlocher DP. Distance transforms of sampled functions. Theory of
 * Computing 8, 2012. */
#include "ops/morphology/distance.h"

#include <float.h>
#include <math.h>
#include <string.h>

#include "cormack/parallel.h"
#include "ops/simd.h"

#define CM_TEMPLATE "ops/morphology/distance_tmpl.c"
#include "ops/each_type.h"

static void (*const classes[CM_TYPE_COUNT])(const void *, int64_t, bool, uint32_t *) = CM_TYPE_TABLE(classes);

enum {
  LANES = 32,  /* columns searched side by side */
  BLOCK = 128, /* columns held at a time: some cache lines of each row */
  TILE = 16,   /* columns turned into lines together: a cache line of each row */
  FAR = 96     /* steps per voxel from which on the envelope is faster */
};

typedef struct Transform {
  CmContext *ctx;
  const CmDistance *distance;
  CmGrid grid, out_grid;
  bool labelled; /* both kinds get distances, or labels do: columns are cut where the class changes */
  int axis;      /* 1 or 2: of the columns */
  bool last;     /* nothing comes after this axis */
} Transform;

static float step_weight(const Transform *job, int axis) {
  return (float)(job->distance->spacing[axis] * job->distance->spacing[axis]);
}

static bool is_asked(const Transform *job, uint32_t class) {
  return job->distance->of == CM_DISTANCE_BOTH || (class != 0) == (job->distance->of == CM_DISTANCE_INSIDE);
}

static void load_classes(const Transform *job, int64_t row, int64_t x0, int64_t n, uint32_t *to) {
  const CmImage *image = job->distance->image;
  classes[cm_image_type(image)]((const char *)cm__row(image, &job->grid, row) + (size_t)x0 * job->grid.size, n,
                                job->distance->by_label, to);
}

/* A run of one class: the squares of 1, 2, 3 ... from the ends where another class lies. */
static void fill_run(float *to, int64_t n, const float *square, bool before, bool after) {
  const int64_t left = !before ? 0 : after ? (n + 1) / 2 : n;
  if (!before && !after)
    for (int64_t i = 0; i < n; i++) to[i] = INFINITY;
  memcpy(to, square, (size_t)left * sizeof(float));
  if (after)
    for (int64_t i = left; i < n; i++) to[i] = square[n - 1 - i];
}

static void distance_row(const Transform *job, int64_t row, uint32_t *class, const float *square) {
  const int64_t nx = job->grid.nx;
  float *to = cm__row_mut(job->distance->out, &job->out_grid, row);
  load_classes(job, row, 0, nx, class);
  for (int64_t begin = 0, end; begin < nx; begin = end) {
    for (end = begin + 1; end < nx && class[end] == class[begin];) end++;
    const bool beyond = job->distance->beyond && class[begin] != 0 && nx > 1;
    if (is_asked(job, class[begin]))
      fill_run(to + begin, end - begin, square, begin > 0 || beyond, end < nx || beyond);
    else
      memset(to + begin, 0, (size_t)(end - begin) * sizeof(float));
  }
}

/* What a worker needs. */
typedef struct Scratch {
  float *value;    /* n rows of BLOCK columns, as they were */
  float *best;     /* and as they become */
  uint32_t *class; /* their classes, where labelled; or a row of the image */
  float *square;   /* weight x 1, 4, 9 ... along x */
  float *column, *lowest;
  double *from; /* where each parabola begins to be lowest */
  double *half; /* 1 / 2k */
  int64_t *vertex;
} Scratch;

static void scratch_free(Scratch *s) {
  cm_free(s->value);
  cm_free(s->best);
  cm_free(s->class);
  cm_free(s->square);
  cm_free(s->column);
  cm_free(s->from);
  cm_free(s->vertex);
}

static bool scratch_create(const Transform *job, Scratch *s, CmError **err) {
  const CmGrid *grid = &job->grid;
  const int64_t n = grid->ny > grid->nz ? grid->ny : grid->nz, block = n * BLOCK, nx = grid->nx;
  *s = (Scratch){.value = cm_alloc_array(job->ctx, (size_t)block, sizeof(float), err)};
  s->best = cm_alloc_array(job->ctx, (size_t)block, sizeof(float), err);
  s->class = cm_alloc_array(job->ctx, (size_t)(nx > block ? nx : block), sizeof(uint32_t), err);
  s->square = cm_alloc_array(job->ctx, (size_t)nx, sizeof(float), err);
  s->column = cm_alloc_array(job->ctx, (size_t)n, 2 * TILE * sizeof(float), err);
  s->from = cm_alloc_array(job->ctx, (size_t)n, 2 * sizeof(double), err);
  s->vertex = cm_alloc_array(job->ctx, (size_t)n, sizeof(int64_t), err);
  if (!s->value || !s->best || !s->class || !s->square || !s->column || !s->from || !s->vertex) {
    scratch_free(s);
    return false;
  }
  s->lowest = s->column + TILE * n;
  s->half = s->from + n;
  for (int64_t k = 1; k < n; k++) s->half[k] = 0.5 / (double)k;
  const float weight = step_weight(job, 0);
  for (int64_t i = 0; i < nx; i++) s->square[i] = weight * ((float)(i + 1) * (float)(i + 1));
  return true;
}

/* lowest[p] = min over q of value[q] + weight (p - q)^2. Where parabolas cross is worked out by reciprocals: where that
 * is off by a rounding, the two are as equal. */
static void lower_envelope(const Scratch *s, const float *value, int64_t n, double weight, float *lowest) {
  const double per_weight = 1.0 / weight;
  int64_t count = 0;
  for (int64_t q = 0; q < n; q++) {
    if (!(value[q] < INFINITY)) continue;
    double begin = -INFINITY;
    while (count > 0) {
      const int64_t v = s->vertex[count - 1];
      begin = ((double)value[q] - (double)value[v]) * per_weight * s->half[q - v] + 0.5 * (double)(q + v);
      if (begin > s->from[count - 1]) break;
      count--;
    }
    s->vertex[count] = q;
    s->from[count] = count > 0 ? begin : -INFINITY;
    count++;
  }
  for (int64_t p = 0, k = 0; p < n; p++) {
    while (k + 1 < count && s->from[k + 1] < (double)p) k++;
    const double d = (double)(p - s->vertex[k]);
    lowest[p] = count ? (float)((double)value[s->vertex[k]] + weight * d * d) : INFINITY;
  }
}

/* TILE columns by envelopes, of which `width` count; `best` holds what the ends of their runs give already. */
static void envelope_columns(const Transform *job, const Scratch *s, int64_t lane, int64_t width, int64_t n,
                             float weight) {
  for (int64_t p = 0; p < n; p++)
    for (int64_t i = 0; i < TILE; i++) s->column[i * n + p] = s->value[p * BLOCK + lane + i];
  for (int64_t i = 0; i < width; i++) {
    const uint32_t *class = s->class + lane + i;
    for (int64_t begin = 0, end; begin < n; begin = end) {
      for (end = job->labelled ? begin + 1 : n; end < n && class[end * BLOCK] == class[begin * BLOCK];) end++;
      lower_envelope(s, s->column + i * n + begin, end - begin, (double)weight, s->lowest + i * n + begin);
    }
  }
  for (int64_t p = 0; p < n; p++)
    for (int64_t i = 0; i < width; i++) {
      float *to = s->best + p * BLOCK + lane + i;
      *to = s->lowest[i * n + p] < *to ? s->lowest[i * n + p] : *to;
    }
}

/* Down (step 1) or up (-1) the columns: squares of the steps since the class changed. */
CM_SIMD static void from_changes(const uint32_t *restrict class, int64_t n, int64_t step, bool beyond, float weight,
                                 float *restrict to) {
  float run[LANES];
  for (int64_t k = 0, p = step > 0 ? 0 : n - 1; k < n; k++, p += step) {
    const uint32_t *here = class + p * BLOCK, *before = k ? here - step * BLOCK : here;
    float *best = to + p * BLOCK;
    for (int i = 0; i < LANES; i++) {
      const float start = beyond && here[i] != 0 ? 1.0F : INFINITY;
      run[i] = k == 0 ? start : here[i] == before[i] ? run[i] + 1.0F : 1.0F;
      const float d = weight * (run[i] * run[i]);
      best[i] = d < best[i] ? d : best[i];
    }
  }
}

/* Background beyond the ends of columns that are not cut by class. */
CM_SIMD static void from_ends(int64_t n, float weight, float *restrict to) {
  for (int64_t p = 0; p < n; p++) {
    const float near = (float)(p < n - 1 - p ? p + 1 : n - p), d = weight * (near * near);
    float *best = to + p * BLOCK;
    for (int i = 0; i < LANES; i++) best[i] = d < best[i] ? d : best[i];
  }
}

/* LANES columns outwards from each row for as long as it can help. */
CM_SIMD static void search(const float *restrict value, int64_t n, float weight, float *restrict to) {
  for (int64_t p = 0; p < n; p++) {
    float *best = to + p * BLOCK, low[LANES];
    int any = 0;
    for (int i = 0; i < LANES; i++) low[i] = best[i];
    for (int i = 0; i < LANES; i++) any |= low[i] > weight;
    for (int64_t k = 1; any && (p - k >= 0 || p + k < n); k++) {
      const float *up = value + (p - k >= 0 ? p - k : p + k) * BLOCK,
                  *down = value + (p + k < n ? p + k : p - k) * BLOCK;
      const float d = weight * ((float)k * (float)k), next = weight * ((float)(k + 1) * (float)(k + 1));
      any = 0;
      for (int i = 0; i < LANES; i++) {
        const float v = (up[i] < down[i] ? up[i] : down[i]) + d;
        low[i] = v < low[i] ? v : low[i];
        any |= low[i] > next;
      }
    }
    for (int i = 0; i < LANES; i++) best[i] = low[i];
  }
}

/* Steps that search() would take at most, by the values as they are; n * n where all are INFINITY. */
CM_SIMD static double steps_ahead(const float *to, int64_t n, float weight) {
  double steps = 0.0;
  for (int64_t p = 0; p < n; p++) {
    float most = 0.0F;
    for (int i = 0; i < LANES; i++) most = to[p * BLOCK + i] > most ? to[p * BLOCK + i] : most;
    const double reach = sqrt((double)(most / weight));
    steps += reach < (double)n ? reach : (double)n;
  }
  return steps;
}

/* What the last axis leaves: the square root, and the sign. */
CM_SIMD static void finish_row(const CmDistance *distance, const uint32_t *class, float *to, int64_t n) {
  if (distance->root)
    for (int64_t i = 0; i < n; i++) to[i] = sqrtf(to[i]);
  if (distance->sign > 0)
    for (int64_t i = 0; i < n; i++) to[i] = class[i] != 0 ? -to[i] : to[i];
  if (distance->sign < 0)
    for (int64_t i = 0; i < n; i++) to[i] = class[i] != 0 ? to[i] : -to[i];
}

/* LANES columns of the block, the first of them `lane`. */
static void do_lanes(const Transform *job, const Scratch *s, int64_t lane, int64_t width, int64_t n) {
  const float weight = step_weight(job, job->axis);
  float *best = s->best + lane;
  if (job->labelled) {
    from_changes(s->class + lane, n, 1, job->distance->beyond, weight, best);
    from_changes(s->class + lane, n, -1, job->distance->beyond, weight, best);
  } else if (job->distance->beyond && job->distance->of == CM_DISTANCE_INSIDE)
    from_ends(n, weight, best);
  if (steps_ahead(best, n, weight) < (double)n * FAR)
    search(s->value + lane, n, weight, best);
  else
    for (int64_t i = 0; i < width; i += TILE)
      envelope_columns(job, s, lane + i, width - i < TILE ? width - i : TILE, n, weight);
}

/* Columns x0 .. x0 + BLOCK - 1 of a plane (axis 1) or of the rows y of a time point (axis 2). */
static void do_block(const Transform *job, const Scratch *s, int64_t outer, int64_t x0) {
  const CmGrid *grid = &job->grid;
  const int64_t n = job->axis == 1 ? grid->ny : grid->nz, step = job->axis == 1 ? 1 : grid->ny;
  const int64_t first = job->axis == 1 ? outer * grid->ny : outer / grid->ny * grid->nz * grid->ny + outer % grid->ny;
  const int64_t width = grid->nx - x0 < BLOCK ? grid->nx - x0 : BLOCK;
  for (int64_t p = 0; p < n; p++) {
    const float *from = (const float *)cm__row(job->distance->out, &job->out_grid, first + p * step) + x0;
    float *value = s->value + p * BLOCK;
    memcpy(value, from, (size_t)width * sizeof(float));
    memset(value + width, 0, (size_t)(BLOCK - width) * sizeof(float));
    memcpy(s->best + p * BLOCK, value, BLOCK * sizeof(float));
    if (!job->labelled) continue;
    load_classes(job, first + p * step, x0, width, s->class + p * BLOCK);
    memset(s->class + p * BLOCK + width, 0, (size_t)(BLOCK - width) * sizeof(uint32_t));
  }
  for (int64_t lane = 0; lane < width; lane += LANES)
    do_lanes(job, s, lane, width - lane < LANES ? width - lane : LANES, n);
  for (int64_t p = 0; p < n; p++) {
    if (job->last) finish_row(job->distance, s->class + p * BLOCK, s->best + p * BLOCK, width);
    memcpy((float *)cm__row_mut(job->distance->out, &job->out_grid, first + p * step) + x0, s->best + p * BLOCK,
           (size_t)width * sizeof(float));
  }
}

static bool distance_rows(void *arg, CmRange range, CmError **err) {
  const Transform *job = arg;
  Scratch s;
  if (!scratch_create(job, &s, err)) return false;
  for (int64_t row = range.begin; row < range.end; row++) {
    distance_row(job, row, s.class, s.square);
    if (job->last)
      finish_row(job->distance, s.class, cm__row_mut(job->distance->out, &job->out_grid, row), job->grid.nx);
  }
  scratch_free(&s);
  return true;
}

static bool distance_columns(void *arg, CmRange range, CmError **err) {
  const Transform *job = arg;
  const int64_t blocks = cm_chunk_count(job->grid.nx, BLOCK);
  Scratch s;
  if (!scratch_create(job, &s, err)) return false;
  for (int64_t at = range.begin; at < range.end; at++) do_block(job, &s, at / blocks, at % blocks * BLOCK);
  scratch_free(&s);
  return true;
}

/* Rows and columns of whole planes, while they are in the cache. */
static bool distance_planes(void *arg, CmRange range, CmError **err) {
  const Transform *job = arg;
  Scratch s;
  if (!scratch_create(job, &s, err)) return false;
  for (int64_t plane = range.begin; plane < range.end; plane++) {
    for (int64_t y = 0; y < job->grid.ny; y++) distance_row(job, plane * job->grid.ny + y, s.class, s.square);
    for (int64_t x0 = 0; x0 < job->grid.nx; x0 += BLOCK) do_block(job, &s, plane, x0);
  }
  scratch_free(&s);
  return true;
}

bool cm__distance(CmContext *ctx, const CmDistance *distance, CmError **err) {
  Transform job = {
      .ctx = ctx, .distance = distance, .grid = cm__grid(distance->image), .out_grid = cm__grid(distance->out)};
  const CmGrid *grid = &job.grid;
  const int64_t planes = grid->nz * grid->nt, blocks = cm_chunk_count(grid->nx, BLOCK);
  const char *what = distance->what;
  job.labelled = distance->by_label || distance->of == CM_DISTANCE_BOTH;
  job.axis = grid->ny > 1 ? 1 : 0;
  job.last = grid->nz == 1;
  if (job.axis == 1 && planes >= 8) {
    if (!cm_parallel_for(ctx, what, planes, 1, distance_planes, &job, err)) return false;
  } else {
    job.last = job.last && job.axis == 0;
    if (!cm_parallel_for(ctx, what, grid->rows, cm__row_chunk(grid), distance_rows, &job, err)) return false;
    job.last = grid->nz == 1;
    if (job.axis == 1 && !cm_parallel_for(ctx, what, planes * blocks, 1, distance_columns, &job, err)) return false;
  }
  job.axis = 2;
  job.last = true;
  return grid->nz == 1 || cm_parallel_for(ctx, what, grid->ny * grid->nt * blocks, blocks, distance_columns, &job, err);
}

CmImage *cm__distance_squared(CmContext *ctx, const CmImage *image, bool to_zero, CmError **err) {
  const double *spacing = cm_image_geometry(image)->spacing;
  CmDistance distance = {.what = "distance",
                         .image = image,
                         .of = to_zero ? CM_DISTANCE_INSIDE : CM_DISTANCE_OUTSIDE,
                         .spacing = {spacing[0], spacing[1], spacing[2]}};
  if (cm_image_components(image) != 1) {
    cm_error_set(err, CM_ERR_DATA, "the image has %d components; give one with one", cm_image_components(image));
    return NULL;
  }
  distance.out = cm_image_create_like(ctx, image, CM_F32, 1, err);
  if (distance.out && !cm__distance(ctx, &distance, err)) cm_image_unref(&distance.out);
  return distance.out;
}
