#include <math.h>
#include <string.h>

#include "cormack/parallel.h"
#include "ops/exp.h"
#include "ops/intensity/sharpen.h"
#include "ops/intensity/spline_field.h"
#include "ops/lines.h"
#include "ops/simd.h"

typedef struct N4Params {
  CmInts shrink;
  CmInts iterations;
  double convergence;
  CmInts control_points;
  int64_t bins;
  double fwhm;
  double noise;
  int32_t type;
} N4Params;

static const CmParam params[] = {
    CM_PARAM_INTS(N4Params, shrink, "4", 1, 64, 1, 3, "voxel",
                  "the field is fitted to every n-th voxel, one number for all axes or one each for x,y,z"),
    CM_PARAM_INTS(N4Params, iterations, "50,50,50,50", 0, 10000, 1, 8, "1",
                  "at most so many per level; each level doubles the spans of the lattice"),
    CM_PARAM_REAL(N4Params, convergence, 0.001, 0, 1, "1",
                  "a level ends where the change of the field varies by less than this (sd / mean)"),
    CM_PARAM_INTS(N4Params, control_points, "4", 4, 64, 1, 3, "1",
                  "points of the B-spline lattice at the first level, for all axes or for x,y,z"),
    CM_PARAM_INT(N4Params, bins, 200, 8, 2048, "1", "bins of the histogram of the logarithm"),
    CM_PARAM_REAL(N4Params, fwhm, 0.15, 0.001, 10, "1",
                  "full width at half maximum of the field's distribution, in the logarithm"),
    CM_PARAM_REAL(N4Params, noise, 0.01, 1e-9, 10, "1", "noise of the Wiener deconvolution"),
    CM_TYPE_PARAM(N4Params),
};

static const CmPort inputs[] = {
    {.name = "image", .kind = CM_KIND_IMAGE, .components = true, .help = "what is corrected"},
    {.name = "mask",
     .kind = CM_KIND_LABELS,
     .optional = true,
     .types = CM_INTEGER_TYPES,
     .help = "where the field is fitted: not 0 is inside; all voxels are corrected"},
};
static const CmPort outputs[] = {
    {.name = "result", .kind = CM_KIND_IMAGE, .components = true, .help = "the image divided by the field"},
    {.name = "bias", .kind = CM_KIND_IMAGE, .optional = true, .components = true, .help = "the field, f32"},
};

/* What a piece (some rows of one plane of samples) adds to the sums. */
typedef struct Partial {
  double least, most;
  double count, sum, squares; /* of e^(change) - 1 */
} Partial;

/* The samples of one time point and component, and the field that is fitted to them. */
typedef struct Fit {
  CmContext *ctx;
  const N4Params *p;
  const CmImage *image;
  const CmMask *mask;
  CmGrid grid;
  int64_t t, component;
  int64_t n[3], step[3], offset[3];
  int64_t band, bands; /* rows of a piece, pieces of a plane */
  float *logs, *now;   /* logarithms; less the field */
  uint8_t *inside;
  Partial *partial;     /* by piece */
  double *histogram;    /* by piece: bins + 1 */
  double *planes;       /* by piece: points of x by y */
  CmSplineAxis axes[3]; /* of this level */
  double *lattice, *change, *known;
  int64_t points; /* of the lattice */
  double least, slope;
  const double *expected;
  CmSharpen sharpen;
  bool square; /* what add_rows adds up */
} Fit;

static int64_t item(const CmInts *list, int axis) {
  return list->count == 1 ? list->value[0] : axis < list->count ? list->value[axis] : list->value[list->count - 1];
}

/* The rows of a piece. */
static void piece_rows(const Fit *fit, int64_t piece, int64_t *z, int64_t *begin, int64_t *end) {
  *z = piece / fit->bands;
  *begin = piece % fit->bands * fit->band;
  *end = *begin + fit->band < fit->n[1] ? *begin + fit->band : fit->n[1];
}

static bool each_piece(Fit *fit, CmRangeFn fn, CmError **err) {
  return cm_parallel_for(fit->ctx, NULL, fit->n[2] * fit->bands, 1, fn, fit, err);
}

static bool load_rows(void *arg, CmRange range, CmError **err) {
  Fit *fit = arg;
  const CmGrid *grid = &fit->grid;
  double *line = cm_alloc_array(fit->ctx, (size_t)grid->row, sizeof(double), err);
  uint8_t *inside = cm_alloc(fit->ctx, (size_t)grid->nx, err);
  int64_t z, begin, end;
  piece_rows(fit, range.begin, &z, &begin, &end);
  Partial *partial = &fit->partial[range.begin];
  *partial = (Partial){.least = INFINITY, .most = -INFINITY};
  for (int64_t y = begin; line && inside && y < end; y++) {
    const int64_t row =
        (fit->t * grid->nz + fit->offset[2] + z * fit->step[2]) * grid->ny + fit->offset[1] + y * fit->step[1];
    cm__line_to_f64(cm_image_type(fit->image), cm__row(fit->image, grid, row), grid->row, line);
    memset(inside, 1, (size_t)grid->nx);
    if (fit->mask->image) cm__mask_row(fit->mask, row, inside);
    const int64_t at = (z * fit->n[1] + y) * fit->n[0];
    for (int64_t x = 0; x < fit->n[0]; x++) {
      const int64_t from = fit->offset[0] + x * fit->step[0];
      const double v = line[from * grid->components + fit->component];
      const bool used = inside[from] && v > 0.0 && isfinite(v);
      const float value = used ? (float)log(v) : 0.0f;
      fit->inside[at + x] = used;
      fit->logs[at + x] = fit->now[at + x] = value;
      if (!used) continue;
      partial->count += 1.0;
      partial->least = (double)value < partial->least ? (double)value : partial->least;
      partial->most = (double)value > partial->most ? (double)value : partial->most;
    }
  }
  const bool ok = line && inside;
  cm_free(line);
  cm_free(inside);
  return ok;
}

CM_SIMD static void step_line(const float *logs, const uint8_t *inside, const float *field, const float *change,
                              int64_t n, float *now, Partial *partial) {
  float least = INFINITY, most = -INFINITY;
  for (int64_t i = 0; i < n; i++) {
    const float v = logs[i] - field[i];
    now[i] = v;
    const float low = inside[i] ? v : INFINITY, high = inside[i] ? v : -INFINITY;
    least = low < least ? low : least;
    most = high > most ? high : most;
  }
  enum { LANES = 16 };
  double sum[LANES] = {0}, squares[LANES] = {0}, count = 0.0;
  for (int64_t i = 0; i < n; i += LANES) {
    const int64_t m = n - i < LANES ? n - i : LANES;
    double d[LANES] = {0};
    for (int64_t k = 0; k < m; k++) d[k] = inside[i + k] ? -(double)change[i + k] : 0.0;
    for (int64_t k = 0; k < m; k++) count += (double)inside[i + k];
    for (int k = 0; k < LANES; k++) {
      const double e = cm__exp(d[k]) - 1.0;
      sum[k] += e;
      squares[k] += e * e;
    }
  }
  partial->count += count;
  for (int k = 0; k < LANES; k++) {
    partial->sum += sum[k];
    partial->squares += squares[k];
  }
  partial->least = (double)least < partial->least ? (double)least : partial->least;
  partial->most = (double)most > partial->most ? (double)most : partial->most;
}

/* Takes the field from the logarithms; measures the range and how the field has changed. */
static bool step_rows(void *arg, CmRange range, CmError **err) {
  Fit *fit = arg;
  const int64_t nx = fit->n[0];
  double *row = cm_alloc_array(fit->ctx, (size_t)fit->axes[0].points, sizeof(double), err);
  float *field = cm_alloc_array(fit->ctx, (size_t)nx, 2 * sizeof(float), err);
  int64_t z, begin, end;
  piece_rows(fit, range.begin, &z, &begin, &end);
  Partial *partial = &fit->partial[range.begin];
  *partial = (Partial){.least = INFINITY, .most = -INFINITY};
  for (int64_t y = begin; row && field && y < end; y++) {
    const int64_t at = (z * fit->n[1] + y) * nx;
    cm__spline_row(fit->axes, fit->lattice, y, z, row);
    cm__spline_line(&fit->axes[0], row, field);
    cm__spline_row(fit->axes, fit->change, y, z, row);
    cm__spline_line(&fit->axes[0], row, field + nx);
    step_line(fit->logs + at, fit->inside + at, field, field + nx, nx, fit->now + at, partial);
  }
  const bool ok = row && field;
  cm_free(row);
  cm_free(field);
  return ok;
}

enum { PIECE = 256 };

/* Where in the histogram each value stands: whole and rest. Values outside the range (of voxels that do not count) are
 * put at its ends. */
CM_SIMD static void places(const float *v, int64_t n, double least, double slope, double top, int32_t *whole,
                           double *rest) {
  for (int64_t i = 0; i < n; i++) {
    double at = ((double)v[i] - least) / slope;
    at = at > 0.0 ? at : 0.0;
    at = at < top ? at : top;
    whole[i] = (int32_t)at;
    rest[i] = at - (double)whole[i];
  }
}

/* A triangular window: each value is shared between two bins. */
static bool count_rows(void *arg, CmRange range, CmError **err) {
  (void)err;
  Fit *fit = arg;
  const int64_t bins = fit->p->bins;
  double *to = fit->histogram + range.begin * (bins + 1);
  int64_t z, begin, end;
  piece_rows(fit, range.begin, &z, &begin, &end);
  memset(to, 0, (size_t)(bins + 1) * sizeof(double));
  const int64_t from = (z * fit->n[1] + begin) * fit->n[0], n = (end - begin) * fit->n[0];
  for (int64_t i = 0; i < n; i += PIECE) {
    const int64_t count = n - i < PIECE ? n - i : PIECE;
    const uint8_t *inside = fit->inside + from + i;
    int32_t whole[PIECE];
    double rest[PIECE];
    places(fit->now + from + i, count, fit->least, fit->slope, (double)(bins - 1), whole, rest);
    for (int64_t k = 0; k < count; k++)
      if (inside[k]) {
        to[whole[k]] += 1.0 - rest[k];
        to[whole[k] + 1] += rest[k];
      }
  }
  return true;
}

/* What the sharpened histogram does not explain, added up for the lattice. */
static void residual_line(const Fit *fit, int64_t at, float *line) {
  const double *expected = fit->expected;
  for (int64_t i = 0; i < fit->n[0]; i += PIECE) {
    const int64_t count = fit->n[0] - i < PIECE ? fit->n[0] - i : PIECE;
    const uint8_t *inside = fit->inside + at + i;
    const float *now = fit->now + at + i;
    int32_t whole[PIECE];
    double rest[PIECE];
    places(now, count, fit->least, fit->slope, (double)(fit->p->bins - 1), whole, rest);
    for (int64_t k = 0; k < count; k++) {
      const double a = expected[whole[k]], b = expected[whole[k] + 1];
      line[i + k] = inside[k] ? (float)((double)now[k] - (a + (b - a) * rest[k])) : 0.0f;
    }
  }
}

static bool add_rows(void *arg, CmRange range, CmError **err) {
  Fit *fit = arg;
  const int64_t nx = fit->n[0], size = fit->axes[0].points * fit->axes[1].points;
  float *line = cm_alloc_array(fit->ctx, (size_t)nx, sizeof(float), err);
  if (!line) return false;
  double *plane = fit->planes + range.begin * size;
  int64_t z, begin, end;
  piece_rows(fit, range.begin, &z, &begin, &end);
  memset(plane, 0, (size_t)size * sizeof(double));
  for (int64_t y = begin; y < end; y++) {
    const int64_t at = (z * fit->n[1] + y) * nx;
    if (fit->square)
      for (int64_t x = 0; x < nx; x++) line[x] = fit->inside[at + x] ? 1.0f : 0.0f;
    else
      residual_line(fit, at, line);
    cm__spline_add(fit->axes, fit->square, line, y, plane);
  }
  cm_free(line);
  return true;
}

/* The sums of all pieces, into a lattice. */
static bool add_up(Fit *fit, bool square, double *to, CmError **err) {
  const int64_t size = fit->axes[0].points * fit->axes[1].points;
  fit->square = square;
  if (!each_piece(fit, add_rows, err)) return false;
  memset(to, 0, (size_t)fit->points * sizeof(double));
  for (int64_t k = 0; k < fit->n[2] * fit->bands; k++)
    cm__spline_add_plane(fit->axes, square, fit->planes + k * size, k / fit->bands, to);
  return true;
}

static Partial gather(const Fit *fit) {
  Partial all = {.least = INFINITY, .most = -INFINITY};
  for (int64_t k = 0; k < fit->n[2] * fit->bands; k++) {
    const Partial *one = &fit->partial[k];
    all.least = one->least < all.least ? one->least : all.least;
    all.most = one->most > all.most ? one->most : all.most;
    all.count += one->count;
    all.sum += one->sum;
    all.squares += one->squares;
  }
  return all;
}

/* One iteration. changed: the standard deviation of e^-change over its mean. */
static bool iterate(Fit *fit, double *expected, double *changed, CmError **err) {
  const int64_t bins = fit->p->bins, pieces = fit->n[2] * fit->bands;
  const Partial before = gather(fit);
  *changed = 0.0;
  fit->least = before.least;
  fit->slope = (before.most - before.least) / (double)(bins - 1);
  if (!(fit->slope > 0.0)) return true; /* all equal: there is no field to be seen */
  if (!each_piece(fit, count_rows, err)) return false;
  double *histogram = fit->histogram;
  for (int64_t k = 1; k < pieces; k++)
    for (int64_t i = 0; i < bins; i++) histogram[i] += fit->histogram[k * (bins + 1) + i];
  cm__sharpen(&fit->sharpen, histogram, fit->least, fit->slope, expected);
  expected[bins] = expected[bins - 1];
  fit->expected = expected;
  if (!add_up(fit, false, fit->change, err)) return false;
  for (int64_t k = 0; k < fit->points; k++) {
    fit->change[k] = fit->known[k] > 0.0 ? fit->change[k] / fit->known[k] : 0.0;
    fit->lattice[k] += fit->change[k];
  }
  if (!each_piece(fit, step_rows, err)) return false;
  const Partial after = gather(fit);
  const double mean = 1.0 + after.sum / after.count;
  const double squares = after.squares - after.sum * after.sum / after.count;
  *changed = after.count > 1.0 && squares > 0.0 ? sqrt(squares / (after.count - 1.0)) / mean : 0.0;
  return true;
}

static int64_t spans_at(const Fit *fit, int axis, int level) {
  const int64_t n = cm_image_dims(fit->image)[axis];
  return n == 1 ? 1 : (item(&fit->p->control_points, axis) - 3) << level;
}

static void close_level(Fit *fit) {
  for (int k = 0; k < 3; k++) cm__spline_axis_free(&fit->axes[k]);
  cm_free(fit->change);
  cm_free(fit->known);
  cm_free(fit->planes);
  fit->change = fit->known = fit->planes = NULL;
}

/* Axes and sums of a level; its lattice is there already. */
static bool open_level(Fit *fit, int level, CmError **err) {
  for (int k = 0; k < 3; k++)
    if (!cm__spline_axis(fit->ctx, &fit->axes[k], fit->n[k], fit->offset[k], fit->step[k], cm_image_dims(fit->image)[k],
                         spans_at(fit, k, level), err))
      return false;
  fit->change = cm_alloc_array(fit->ctx, (size_t)fit->points, sizeof(double), err);
  fit->known = cm_alloc_array(fit->ctx, (size_t)fit->points, sizeof(double), err);
  fit->planes = cm_alloc_array(fit->ctx, (size_t)(fit->axes[0].points * fit->axes[1].points),
                               (size_t)(fit->n[2] * fit->bands) * sizeof(double), err);
  return fit->change && fit->known && fit->planes && add_up(fit, true, fit->known, err);
}

/* The lattice of the next level: the same field with twice the spans, axis by axis. */
static bool refine(Fit *fit, int level, CmError **err) {
  int64_t points[3];
  for (int k = 0; k < 3; k++) points[k] = spans_at(fit, k, level) + 3;
  for (int k = 0; k < 3; k++) {
    if (cm_image_dims(fit->image)[k] == 1) continue;
    const int64_t inner = k == 0   ? 1
                          : k == 1 ? points[0]
                                   : points[0] * points[1],
                  outer = k == 0   ? points[1] * points[2]
                          : k == 1 ? points[2]
                                   : 1;
    const int64_t finer = 2 * points[k] - 3;
    double *lattice = cm_alloc_array(fit->ctx, (size_t)(inner * finer * outer), sizeof(double), err);
    if (!lattice) return false;
    cm__spline_refine(fit->lattice, inner, points[k], outer, lattice);
    cm_free(fit->lattice);
    fit->lattice = lattice;
    points[k] = finer;
  }
  fit->points = points[0] * points[1] * points[2];
  return true;
}

static bool run_levels(Fit *fit, CmError **err) {
  const CmInts *iterations = &fit->p->iterations;
  double *expected = cm_alloc_array(fit->ctx, (size_t)fit->p->bins + 1, sizeof(double), err);
  bool ok = expected != NULL;
  for (int level = 0; ok && level < iterations->count; level++) {
    double changed = INFINITY;
    ok = (level == 0 || refine(fit, level - 1, err)) && open_level(fit, level, err);
    for (int64_t k = 0; ok && k < iterations->value[level] && changed > fit->p->convergence; k++) {
      ok = iterate(fit, expected, &changed, err);
      cm_progress(fit->ctx, "n4", level * 1000 + 1000 * (k + 1) / (iterations->value[level] + 1),
                  iterations->count * 1000);
    }
    close_level(fit);
  }
  cm_free(expected);
  return ok;
}

/* The logarithm of the field of one time point and component, as fit->lattice; zero where nothing can be fitted. */
static bool fit_field(Fit *fit, CmError **err) {
  const int64_t samples = fit->n[0] * fit->n[1] * fit->n[2], pieces = fit->n[2] * fit->bands;
  bool ok = false;
  fit->points = 1;
  for (int k = 0; k < 3; k++) fit->points *= spans_at(fit, k, 0) + 3;
  fit->lattice = cm_calloc(fit->ctx, (size_t)fit->points, sizeof(double), err);
  fit->logs = cm_alloc_array(fit->ctx, (size_t)samples, sizeof(float), err);
  fit->now = cm_alloc_array(fit->ctx, (size_t)samples, sizeof(float), err);
  fit->inside = cm_alloc(fit->ctx, (size_t)samples, err);
  fit->partial = cm_alloc_array(fit->ctx, (size_t)pieces, sizeof(Partial), err);
  fit->histogram = cm_alloc_array(fit->ctx, (size_t)pieces, (size_t)(fit->p->bins + 1) * sizeof(double), err);
  if (!fit->lattice || !fit->logs || !fit->now || !fit->inside || !fit->partial || !fit->histogram ||
      !each_piece(fit, load_rows, err))
    goto done;
  if (gather(fit).count == 0.0) {
    cm_error_set(err, CM_ERR_DATA,
                 "there is no voxel above 0 to fit the field to (mask, shrink); give another mask or a smaller shrink");
    goto done;
  }
  ok = run_levels(fit, err);
done:
  cm_free(fit->logs);
  cm_free(fit->now);
  cm_free(fit->inside);
  cm_free(fit->partial);
  cm_free(fit->histogram);
  return ok;
}

typedef struct Apply {
  const Fit *fit;
  CmSplineAxis axes[3]; /* of the whole grid */
  CmImage *out, *bias;
} Apply;

CM_SIMD static void divide(double *restrict line, float *restrict field, int64_t n) {
  for (int64_t i = 0; i < n; i++) {
    const double e = cm__exp((double)field[i]);
    line[i] = line[i] / e;
    field[i] = (float)e;
  }
}

static bool apply_rows(void *arg, CmRange range, CmError **err) {
  Apply *job = arg;
  const Fit *fit = job->fit;
  const CmGrid *grid = &fit->grid;
  const int64_t c = grid->components;
  const CmGrid out_grid = cm__grid(job->out);
  double *line = cm_alloc_array(fit->ctx, (size_t)grid->row, sizeof(double), err);
  double *mine = cm_alloc_array(fit->ctx, (size_t)grid->nx, sizeof(double), err);
  double *row = cm_alloc_array(fit->ctx, (size_t)job->axes[0].points, sizeof(double), err);
  float *field = cm_alloc_array(fit->ctx, (size_t)grid->nx, sizeof(float), err);
  const bool ok = line && mine && row && field;
  for (int64_t at = range.begin; ok && at < range.end; at++) {
    const int64_t number = fit->t * grid->ny * grid->nz + at;
    cm__line_to_f64(cm_image_type(fit->image), cm__row(fit->image, grid, number), grid->row, line);
    cm__spline_row(job->axes, fit->lattice, at % grid->ny, at / grid->ny, row);
    cm__spline_line(&job->axes[0], row, field);
    for (int64_t x = 0; x < grid->nx; x++) mine[x] = line[x * c + fit->component];
    divide(mine, field, grid->nx);
    char *to = cm__row_mut(job->out, &out_grid, number);
    float *bias = job->bias ? (float *)cm_image_data_mut(job->bias) + number * grid->row + fit->component : NULL;
    if (c == 1)
      cm__line_from_f64(cm_image_type(job->out), mine, grid->nx, to);
    else
      for (int64_t x = 0; x < grid->nx; x++)
        cm__line_from_f64(cm_image_type(job->out), &mine[x], 1, to + (size_t)(x * c + fit->component) * out_grid.size);
    for (int64_t x = 0; bias && x < grid->nx; x++) bias[x * c] = field[x];
  }
  cm_free(line);
  cm_free(mine);
  cm_free(row);
  cm_free(field);
  return ok;
}

static bool apply(const Fit *fit, CmImage *out, CmImage *bias, CmError **err) {
  Apply job = {.fit = fit, .out = out, .bias = bias};
  const int level = fit->p->iterations.count - 1;
  bool ok = true;
  for (int k = 0; ok && k < 3; k++) {
    const int64_t n = cm_image_dims(fit->image)[k];
    ok = cm__spline_axis(fit->ctx, &job.axes[k], n, 0, 1, n, spans_at(fit, k, level), err);
  }
  ok = ok &&
       cm_parallel_for(fit->ctx, NULL, fit->grid.ny * fit->grid.nz, cm__row_chunk(&fit->grid), apply_rows, &job, err);
  for (int k = 0; k < 3; k++) cm__spline_axis_free(&job.axes[k]);
  return ok;
}

static Fit make_fit(const CmCall *call, const CmMask *mask) {
  Fit fit = {.ctx = call->ctx, .p = call->params, .image = call->in[0].image, .mask = mask};
  fit.grid = cm__grid(fit.image);
  for (int k = 0; k < 3; k++) {
    const int64_t n = cm_image_dims(fit.image)[k], step = item(&fit.p->shrink, k);
    fit.step[k] = step < n ? step : n;
    fit.n[k] = n / fit.step[k];
    fit.offset[k] = (n - (fit.n[k] - 1) * fit.step[k]) / 2; /* the middle, halves up: as ITK shrinks */
  }
  fit.band = 16384 / fit.n[0] < 1 ? 1 : 16384 / fit.n[0];
  if (fit.band > fit.n[1]) fit.band = fit.n[1];
  fit.bands = cm_chunk_count(fit.n[1], fit.band);
  return fit;
}

static bool run(const CmCall *call, CmError **err) {
  const N4Params *p = call->params;
  const CmImage *image = call->in[0].image;
  const int components = cm_image_components(image);
  CmMask mask;
  CmImage *out = NULL, *bias = NULL;
  bool ok = cm__mask_open(&mask, &call->in[1], image, err);
  if (!ok) return false;
  Fit fit = make_fit(call, &mask);
  out = cm_image_create_like(call->ctx, image, cm__out_type(p->type, cm_image_type(image)), components, err);
  ok = out && cm__sharpen_open(call->ctx, &fit.sharpen, p->bins, p->fwhm, p->noise, err);
  if (ok && call->wanted[1]) {
    bias = cm_image_create_like(call->ctx, image, CM_F32, components, err);
    ok = bias && cm_image_set_unit(bias, "1", err);
  }
  for (fit.t = 0; ok && fit.t < fit.grid.nt; fit.t++)
    for (fit.component = 0; ok && fit.component < components; fit.component++) {
      ok = fit_field(&fit, err) && apply(&fit, out, bias, err);
      cm_free(fit.lattice);
      fit.lattice = NULL;
    }
  cm__sharpen_close(&fit.sharpen);
  if (ok) {
    call->out[0] = cm_value_image(cm_image_ref(out));
    if (bias) call->out[1] = cm_value_image(cm_image_ref(bias));
  }
  cm_image_unref(&out);
  cm_image_unref(&bias);
  return ok;
}

CM_OP(n4) = {
    .name = "n4",
    .family = "intensity",
    .since = "0.2",
    .summary = "Take out the slow change of brightness of an MR image (N4 bias field correction).",
    .details =
        "The logarithm of the image is taken as that of a true image plus a smooth field. Each iteration sharpens the "
        "histogram by Wiener "
        "deconvolution with a Gaussian (fwhm, noise), expects the true value of each voxel by it, and adds the rest, "
        "fitted by a cubic B-spline lattice "
        "(Lee's approximation), to the field. Each level halves the lattice's spans. Only voxels above 0 (inside the "
        "mask, every shrink-th) "
        "take part in the fit; all voxels are divided by the field, which is laid over the centres of the first and "
        "the last voxel. "
        "NaN and values that are not above 0 are left out of the fit and divided like the others. Time points and "
        "components are corrected "
        "by themselves. shrink=1 iterates as ITK's filter does.",
    CM_OP_PARAMS(N4Params, params),
    CM_OP_INPUTS(inputs),
    CM_OP_OUTPUTS(outputs),
    .geometry = CM_GEOMETRY_KEEP,
    .tolerance = 1e-5,
    .cite =
        "Tustison NJ et al. N4ITK: improved N3 bias correction. IEEE Trans Med Imaging 29(6), 2010; Sled JG, "
        "Zijdenbos AP, Evans AC. A nonparametric method for automatic correction of intensity nonuniformity in MRI "
        "data. IEEE Trans Med Imaging 17(1), 1998; Lee S, Wolberg G, Shin SY. Scattered data interpolation with "
        "multilevel B-splines. IEEE Trans Vis Comput Graph 3(3), 1997",
    .examples =
        "cormack n4 t1.nii.gz corrected.nii.gz --mask head.nii.gz\n"
        "cormack n4 t1.nii.gz corrected.nii.gz --shrink 2 --iterations 100,50,50 --bias field.nii.gz",
    .run = run,
};
