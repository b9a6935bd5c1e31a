#include <math.h>
#include <string.h>

#include "cormack/parallel.h"
#include "ops/intensity/stats.h"
#include "ops/measure/gather.h"
#include "ops/segment/components.h"
#include "ops/segment/walker.h"

enum { RANGE, NONE };
enum { UNKNOWN = 0, LEFT_OUT = UINT16_MAX, MOST_LABELS = 4096 };

typedef struct RandomWalkerParams {
  double beta;
  int32_t normalize;
  double tol;
  int64_t iterations;
} RandomWalkerParams;

static const CmParam params[] = {
    CM_PARAM_REAL(RandomWalkerParams, beta, 130, 0, 1e12, "1", "how much a difference of values hinders the walker"),
    CM_PARAM_ENUM(RandomWalkerParams, normalize, "range|none", "range",
                  "whether values are first scaled to 0..1 inside the mask, or taken as they are"),
    CM_PARAM_REAL(RandomWalkerParams, tol, 1e-8, 1e-14, 0.5, "1",
                  "the equations are solved until the residual is this share of the first"),
    CM_PARAM_INT(RandomWalkerParams, iterations, 20000, 1, 100000000, "1", "most steps for a label"),
};

static const CmPort inputs[] = {
    {.name = "image", .kind = CM_KIND_IMAGE, .components = true, .help = "what is segmented"},
    {.name = "seeds",
     .kind = CM_KIND_LABELS,
     .types = CM_INTEGER_TYPES,
     .help = "labels of some voxels; 0: to be found, below 0: left out"},
    {.name = "mask", .kind = CM_KIND_LABELS, .optional = true, .types = CM_INTEGER_TYPES, .help = "where: not 0"},
};
static const CmPort outputs[] = {
    {.name = "labels", .kind = CM_KIND_LABELS, .help = "the seeds' labels everywhere"},
    {.name = "probabilities",
     .kind = CM_KIND_IMAGE,
     .optional = true,
     .components = true,
     .help = "f32, a component for each label in rising order"},
};

typedef struct Walk {
  CmContext *ctx;
  const RandomWalkerParams *p;
  const CmImage *image, *seeds;
  CmMask mask;
  CmGrid grid, seed_grid;
  CmWalker walker;
  int64_t t;
  int64_t *value; /* labels in rising order */
  int64_t count;
  int64_t current;   /* label that is solved for, 1-based */
  uint16_t *kind;    /* of each voxel: UNKNOWN, LEFT_OUT, or the number of its label */
  double factors[3]; /* of squared differences along x,y,z; the exponent is -factor d^2 */
  float *sum, *best; /* of the probabilities so far */
  uint16_t *winner;
  CmImage *labels, *probabilities;
} Walk;

/* ---- seeds ---- */

/* Sets kind[] of a row. */
static bool kind_rows(void *arg, CmRange range, CmError **err) {
  Walk *job = arg;
  const CmGrid *grid = &job->grid;
  double *line = cm_alloc_array(job->ctx, (size_t)(grid->row > grid->nx ? grid->row : grid->nx), sizeof(double), err);
  uint8_t *inside = cm_alloc(job->ctx, (size_t)grid->nx, err);
  for (int64_t row = range.begin; line && inside && row < range.end; row++) {
    const int64_t at = job->t * grid->ny * grid->nz + row;
    uint16_t *kind = job->kind + row * grid->nx;
    cm__line_to_f64(cm_image_type(job->seeds), cm__row(job->seeds, &job->seed_grid, at % job->seed_grid.rows), grid->nx,
                    line);
    memset(inside, 1, (size_t)grid->nx);
    if (job->mask.image) cm__mask_row(&job->mask, at, inside);
    int64_t k = 0;
    for (int64_t x = 0; x < grid->nx; x++) {
      const int64_t label = (int64_t)line[x];
      if (label > 0 && job->value[k] != label)
        for (k = 0; job->value[k] < label;) k++;
      kind[x] = !inside[x] || label < 0 ? LEFT_OUT : label == 0 ? UNKNOWN : (uint16_t)(k + 1);
    }
    if (cm_type_is_integer(cm_image_type(job->image))) continue;
    cm__line_to_f64(cm_image_type(job->image), cm__row(job->image, grid, at), grid->row, line);
    for (int64_t i = 0; i < grid->row; i++)
      if (!isfinite(line[i])) kind[i / grid->components] = LEFT_OUT;
  }
  const bool ok = line && inside;
  cm_free(line);
  cm_free(inside);
  return ok;
}

/* The labels above 0 of all time points, in rising order. */
static bool list_labels(Walk *job, CmError **err) {
  CmLabelList list = {.items = NULL};
  if (!cm__label_list(job->ctx, job->seeds, &list, err)) return false;
  job->value = cm_alloc_array(job->ctx, (size_t)list.count + 1, sizeof(int64_t), err);
  for (int64_t k = 0; job->value && k < list.count; k++) {
    if (list.items[k].value <= 0) continue;
    int64_t at = job->count;
    while (at > 0 && job->value[at - 1] > list.items[k].value) at--;
    if (at > 0 && job->value[at - 1] == list.items[k].value) continue;
    memmove(job->value + at + 1, job->value + at, (size_t)(job->count - at) * sizeof(int64_t));
    job->value[at] = list.items[k].value;
    job->count++;
  }
  cm_free(list.items);
  if (!job->value) return false;
  if (job->count > 0 && job->count <= MOST_LABELS) return true;
  cm_error_set(err, CM_ERR_DATA, "seeds has %lld labels above 0; give 1 to %d", (long long)job->count, MOST_LABELS);
  return false;
}

/* Unknown voxels to which no path leads from a seed are left out. */
static bool drop_unreached(Walk *job, CmError **err) {
  const CmGrid *grid = &job->grid;
  const int64_t voxels = grid->nx * grid->ny * grid->nz, dims[3] = {grid->nx, grid->ny, grid->nz};
  CmComponents found = {.count = 0};
  bool *reached = NULL, ok = false;
  CmImage *open = cm_image_create(job->ctx, CM_U8, 3, dims, 1, err);
  if (!open) return false;
  uint8_t *to = cm_image_data_mut(open);
  for (int64_t i = 0; i < voxels; i++) to[i] = job->kind[i] != LEFT_OUT;
  if (!cm__components_find(job->ctx, open, CM_CONNECT_6, CM_COMPONENTS_NONZERO, &found, err)) goto done;
  reached = cm_calloc(job->ctx, (size_t)found.count, sizeof(bool), err);
  if (!reached) goto done;
  for (int pass = 0; pass < 2; pass++)
    for (int64_t row = 0; row < found.grid.rows; row++)
      for (int64_t at = found.row_begin[row]; at < found.row_begin[row + 1]; at++) {
        const CmRun *run = &found.runs[at];
        uint16_t *kind = job->kind + row * grid->nx;
        for (int64_t x = run->x0; x < run->x1; x++)
          if (pass == 0)
            reached[run->component] |= kind[x] != UNKNOWN;
          else if (!reached[run->component])
            kind[x] = LEFT_OUT;
      }
  ok = true;
done:
  cm_free(reached);
  cm__components_free(&found);
  cm_image_unref(&open);
  return ok;
}

/* ---- weights ---- */

static bool set_factors(Walk *job, CmError **err) {
  const CmGrid *grid = &job->grid;
  const double *spacing = cm_image_geometry(job->image)->spacing;
  const int64_t rows = grid->ny * grid->nz, n[3] = {grid->nx, grid->ny, grid->nz};
  const CmPart part = {.image = job->image,
                       .mask = &job->mask,
                       .row_begin = job->t * rows,
                       .row_end = (job->t + 1) * rows,
                       .component = -1};
  CmMoments moments;
  double finest = INFINITY;
  if (!cm__part_moments(job->ctx, &part, &moments, err)) return false;
  if (moments.count > 0 && !isfinite(moments.max - moments.min)) {
    cm_error_set(err, CM_ERR_DATA, "the image has infinite values; clip it first");
    return false;
  }
  const double scale = job->p->normalize == RANGE && moments.max > moments.min ? moments.max - moments.min : 1.0;
  const double deviation = moments.count && moments.variance > 0.0 ? sqrt(moments.variance) / scale : 1.0;
  for (int axis = 0; axis < 3; axis++)
    if (n[axis] > 1 && spacing[axis] < finest) finest = spacing[axis];
  for (int axis = 0; axis < 3; axis++) {
    const double step = scale * spacing[axis] / finest;
    job->factors[axis] = job->p->beta / (10.0 * deviation * sqrt((double)grid->components)) / (step * step);
  }
  return true;
}

/* Of two neighbours along an axis, given by their values. */
static double weight_between(const Walk *job, const double *a, const double *b, int axis) {
  double sum = 0.0;
  for (int64_t c = 0; c < job->grid.components; c++) sum += (a[c] - b[c]) * (a[c] - b[c]);
  return exp(-job->factors[axis] * sum) + 1e-10;
}

/* Five rows of the image: own, before and behind along y and z; `there` tells which lie in the image. */
typedef struct Cross {
  const double *line[5];
  const uint16_t *kind[5];
  bool there[5];
} Cross;

static void load_cross(const Walk *job, int64_t row, double *room, Cross *cross) {
  const CmGrid *grid = &job->grid;
  const int64_t y = row % grid->ny, z = row / grid->ny;
  const int64_t rows[5] = {row, row - 1, row + 1, row - grid->ny, row + grid->ny};
  const bool there[5] = {true, y > 0, y + 1 < grid->ny, z > 0, z + 1 < grid->nz};
  for (int k = 0; k < 5; k++) {
    cross->there[k] = there[k];
    cross->line[k] = room + k * grid->row;
    cross->kind[k] = there[k] ? job->kind + rows[k] * grid->nx : NULL;
    if (there[k])
      cm__line_to_f64(cm_image_type(job->image), cm__row(job->image, grid, job->t * grid->ny * grid->nz + rows[k]),
                      grid->row, room + k * grid->row);
  }
}

/* What neighbour k (before and behind along x, y, z) of voxel x is; LEFT_OUT where there is none. */
static uint16_t neighbour(const Walk *job, const Cross *cross, int64_t x, int k) {
  const int line = k < 2 ? 0 : k - 1;
  const int64_t at = k == 0 ? x - 1 : k == 1 ? x + 1 : x;
  return cross->there[line] && at >= 0 && at < job->grid.nx ? cross->kind[line][at] : LEFT_OUT;
}

static float weight_to(const Walk *job, const Cross *cross, int64_t x, int k) {
  const int64_t at = k == 0 ? x - 1 : k == 1 ? x + 1 : x, c = job->grid.components;
  return (float)weight_between(job, cross->line[0] + x * c, cross->line[k < 2 ? 0 : k - 1] + at * c, k / 2);
}

static bool weight_rows(void *arg, CmRange range, CmError **err) {
  const Walk *job = arg;
  const CmWalker *w = &job->walker;
  double *room = cm_alloc_array(job->ctx, (size_t)job->grid.row * 5, sizeof(double), err);
  if (!room) return false;
  for (int64_t row = range.begin; row < range.end; row++) {
    Cross cross;
    load_cross(job, row, room, &cross);
    for (int64_t x = 0; x < w->nx; x++) {
      if (!cm__walker_is_red(w, x, row)) continue;
      const int64_t at = cm__walker_at(w, x, row);
      for (int k = 0; k < 6; k++) {
        const bool joined = cross.kind[0][x] != LEFT_OUT && neighbour(job, &cross, x, k) != LEFT_OUT;
        w->weight[k][at] = joined ? weight_to(job, &cross, x, k) : 0.0F;
      }
    }
  }
  cm_free(room);
  return true;
}

static bool is_fixed(const void *arg, int64_t x, int64_t row) {
  const Walk *job = arg;
  return job->kind[row * job->grid.nx + x] != UNKNOWN;
}

/* Right-hand sides of the current label: the weights of the edges to its seeds. */
static bool seed_rows(void *arg, CmRange range, CmError **err) {
  const Walk *job = arg;
  const CmWalker *w = &job->walker;
  double *room = cm_alloc_array(job->ctx, (size_t)job->grid.row * 5, sizeof(double), err);
  if (!room) return false;
  for (int64_t row = range.begin; row < range.end; row++) {
    Cross cross;
    load_cross(job, row, room, &cross);
    for (int64_t x = 0; x < w->nx; x++) {
      const int64_t at = cm__walker_at(w, x, row);
      double sum = 0.0;
      for (int k = 0; k < 6 && cross.kind[0][x] == UNKNOWN; k++)
        if (neighbour(job, &cross, x, k) == job->current) sum += (double)weight_to(job, &cross, x, k);
      (cm__walker_is_red(w, x, row) ? w->red_b : w->r)[at] = sum;
    }
  }
  cm_free(room);
  return true;
}

/* ---- results ---- */

/* The probability of the current label everywhere; with `solved` false what the others left. */
static bool gather_rows(void *arg, CmRange range, CmError **err) {
  const Walk *job = arg;
  const CmWalker *w = &job->walker;
  const int64_t nx = job->grid.nx, voxels = nx * job->grid.ny * job->grid.nz;
  const bool solved = job->current < job->count;
  (void)err;
  for (int64_t row = range.begin; row < range.end; row++)
    for (int64_t x = 0; x < nx; x++) {
      const int64_t at = row * nx + x, half = cm__walker_at(w, x, row);
      const uint16_t kind = job->kind[at];
      double found = kind == job->current ? 1.0 : 0.0;
      if (kind == UNKNOWN)
        found = !solved ? 1.0 - (double)job->sum[at] : (cm__walker_is_red(w, x, row) ? w->t : w->x)[half];
      const float p = (float)(found < 0.0 ? 0.0 : found > 1.0 ? 1.0 : found);
      if (kind == UNKNOWN) job->sum[at] += p;
      if (p > job->best[at]) {
        job->best[at] = p;
        job->winner[at] = (uint16_t)job->current;
      }
      if (job->probabilities)
        ((float *)cm_image_data_mut(job->probabilities))[(job->t * voxels + at) * job->count + job->current - 1] = p;
    }
  return true;
}

static bool paint_rows(void *arg, CmRange range, CmError **err) {
  const Walk *job = arg;
  const int64_t nx = job->grid.nx;
  const CmGrid out = cm__grid(job->labels);
  double *line = cm_alloc_array(job->ctx, (size_t)nx, sizeof(double), err);
  for (int64_t row = range.begin; line && row < range.end; row++) {
    for (int64_t x = 0; x < nx; x++) {
      const uint16_t winner = job->winner[row * nx + x];
      line[x] = winner ? (double)job->value[winner - 1] : 0.0;
    }
    cm__line_from_f64(cm_image_type(job->labels), line, nx,
                      cm__row_mut(job->labels, &out, job->t * out.ny * out.nz + row));
  }
  cm_free(line);
  return line != NULL;
}

static bool each_row(Walk *job, CmRangeFn fn, CmError **err) {
  return cm_parallel_for(job->ctx, NULL, job->grid.ny * job->grid.nz, job->walker.chunk, fn, job, err);
}

static bool walk(Walk *job, CmError **err) {
  const size_t voxels = (size_t)(job->grid.nx * job->grid.ny * job->grid.nz);
  const int64_t n[3] = {job->grid.nx, job->grid.ny, job->grid.nz};
  memset(job->sum, 0, voxels * sizeof(float));
  memset(job->best, 0, voxels * sizeof(float));
  memset(job->winner, 0, voxels * sizeof(uint16_t));
  bool ok = set_factors(job, err) && cm__walker_open(job->ctx, n, &job->walker, err) && each_row(job, kind_rows, err) &&
            drop_unreached(job, err) && each_row(job, weight_rows, err) &&
            cm__walker_prepare(&job->walker, is_fixed, job, err);
  for (job->current = 1; ok && job->current <= job->count; job->current++) {
    if (job->current < job->count)
      ok = each_row(job, seed_rows, err) &&
           cm__walker_solve(&job->walker, "random_walker", job->p->tol, job->p->iterations, err);
    ok = ok && each_row(job, gather_rows, err);
  }
  ok = ok && each_row(job, paint_rows, err);
  cm__walker_close(&job->walker);
  return ok;
}

static bool run(const CmCall *call, CmError **err) {
  const CmImage *image = call->in[0].image, *seeds = call->in[1].image;
  Walk job = {.ctx = call->ctx,
              .p = call->params,
              .image = image,
              .seeds = seeds,
              .grid = cm__grid(image),
              .seed_grid = cm__grid(seeds)};
  const size_t voxels = (size_t)(job.grid.nx * job.grid.ny * job.grid.nz);
  bool ok = false;
  if (!cm__mask_open(&job.mask, &call->in[2], image, err) || !cm__check_times(image, seeds, err) ||
      !list_labels(&job, err))
    goto done;
  job.labels = cm_image_create_like(call->ctx, image, cm_image_type(seeds), 1, err);
  if (!job.labels || !cm_image_set_unit(job.labels, "1", err)) goto done;
  if (call->wanted && call->wanted[1]) {
    job.probabilities = cm_image_create_like(call->ctx, image, CM_F32, (int)job.count, err);
    if (!job.probabilities || !cm_image_set_unit(job.probabilities, "1", err)) goto done;
  }
  job.kind = cm_alloc_array(call->ctx, voxels, sizeof(uint16_t), err);
  job.winner = job.kind ? cm_alloc_array(call->ctx, voxels, sizeof(uint16_t), err) : NULL;
  job.sum = job.winner ? cm_alloc_array(call->ctx, voxels, sizeof(float), err) : NULL;
  job.best = job.sum ? cm_alloc_array(call->ctx, voxels, sizeof(float), err) : NULL;
  if (!job.best) goto done;
  for (job.t = 0; job.t < job.grid.nt; job.t++)
    if (!walk(&job, err)) goto done;
  call->out[0] = cm_value_labels(cm_image_ref(job.labels));
  if (job.probabilities) call->out[1] = cm_value_image(cm_image_ref(job.probabilities));
  ok = true;
done:
  cm_free(job.value);
  cm_free(job.kind);
  cm_free(job.winner);
  cm_free(job.sum);
  cm_free(job.best);
  cm_image_unref(&job.labels);
  cm_image_unref(&job.probabilities);
  return ok;
}

CM_OP(random_walker) = {
    .name = "random_walker",
    .family = "segment",
    .since = "0.1",
    .summary = "Give each voxel the label whose seeds a random walker from it most probably meets first.",
    .details =
        "The probabilities solve sum w (p - p') = 0 over the neighbours by faces, with p 1 on the seeds of the label "
        "and 0 on the others. w = exp(-beta sum_c d^2 / (10 s sqrt(C))) + 1e-10 with d the difference of values, "
        "divided by the spacing in units of the finest one, C the number of components and s the standard deviation "
        "of all values inside the mask (values scaled as `normalize` says). Equal probabilities: the smaller label. "
        "Red voxels of the checkerboard are eliminated, the others found by conjugate gradients with the diagonal as "
        "preconditioner; the residual is measured in that norm. All labels but the last are solved for. Voxels outside "
        "the mask, with negative seeds or with NaN or infinite values take no part and become 0, as do those to which "
        "no path leads from a seed. Time points stay apart. About 56 bytes per voxel are allocated beside the result.",
    CM_OP_PARAMS(RandomWalkerParams, params),
    CM_OP_INPUTS(inputs),
    CM_OP_OUTPUTS(outputs),
    .geometry = CM_GEOMETRY_KEEP,
    .tolerance = 1e-3,
    .cite = "Grady L. Random walks for image segmentation. IEEE TPAMI 28(11), 2006",
    .examples =
        "cormack random_walker ct.nii.gz seeds.nii.gz organs.nii.gz --beta 200\n"
        "cormack random_walker mr.nii.gz seeds.nii.gz parts.nii.gz --beta 90 --probabilities p.nii.gz",
    .run = run,
};
