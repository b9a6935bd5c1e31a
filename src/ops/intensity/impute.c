#include <math.h>
#include <string.h>

#include "cormack/parallel.h"
#include "ops/intensity/gaps.h"
#include "ops/lines.h"

typedef struct ImputeParams {
  int32_t method;
  int32_t along;
  CmReals markers;
  CmInts slices;
  bool flat_slices;
  int32_t type;
} ImputeParams;

static const CmParam params[] = {
    CM_PARAM_ENUM(ImputeParams, method, "linear|spline|nearest|refuse", "linear",
                  "what goes into the gaps: linear, natural cubic spline, nearest known value; refuse: an error that "
                  "tells where the first gap is"),
    CM_PARAM_ENUM(ImputeParams, along, "auto|x|y|z|t|plane", "auto",
                  "the lines that are filled; plane: along x and y, weighted by the gaps; auto: z, of one slice plane"),
    CM_PARAM_REALS(ImputeParams, markers, "", -1e300, 1e300, 0, 16, "", "values that stand for «missing», e.g. -2000"),
    CM_PARAM_INTS(ImputeParams, slices, "", 0, 1000000, 0, 64, "voxel", "missing slices: their z, from 0"),
    CM_PARAM_BOOL(ImputeParams, flat_slices, "false", "slices whose values are all equal are missing"),
    CM_TYPE_PARAM(ImputeParams),
};

static const CmPort inputs[] = {
    {.name = "image", .kind = CM_KIND_IMAGE, .components = true, .help = "what is repaired"},
    {.name = "missing",
     .kind = CM_KIND_LABELS,
     .optional = true,
     .types = CM_INTEGER_TYPES,
     .help = "voxels that are missing: not 0; besides those that are not finite"},
};

enum { REFUSE = 3, ALONG_AUTO = 0, ALONG_PLANE = 5 };

typedef struct Impute {
  CmContext *ctx;
  const ImputeParams *p;
  const CmImage *image;
  const CmMask *mask;
  CmGrid grid;
  uint8_t *missing; /* a byte per value */
  int64_t *found;   /* per chunk: how many, and where the first is */
  CmImage *out;
  int64_t n, inner, pieces; /* along an axis: values of a line, distance between them, pieces of PIECE lines */
} Impute;

enum { PIECE = 512 };

static bool is_marker(const CmReals *markers, double v) {
  for (int k = 0; k < markers->count; k++)
    if (v == markers->value[k]) return true;
  return false;
}

static bool is_named(const CmInts *slices, int64_t z) {
  for (int k = 0; k < slices->count; k++)
    if (z == slices->value[k]) return true;
  return false;
}

/* One slice at a time: z and t. */
static bool find_slice(void *arg, CmRange range, CmError **err) {
  Impute *job = arg;
  const CmGrid *grid = &job->grid;
  const int64_t slice = range.begin, size = grid->ny * grid->row;
  const bool named = is_named(&job->p->slices, slice % grid->nz);
  double *line = cm_alloc_array(job->ctx, (size_t)grid->row, sizeof(double), err);
  uint8_t *inside = cm_calloc(job->ctx, (size_t)grid->nx, 1, err);
  const bool ok = line && inside;
  uint8_t *to = job->missing + slice * size;
  bool flat = job->p->flat_slices;
  double first = 0.0;
  for (int64_t y = 0; ok && y < grid->ny; y++) {
    const int64_t row = slice * grid->ny + y;
    cm__line_to_f64(cm_image_type(job->image), cm__row(job->image, grid, row), grid->row, line);
    if (job->mask->image) cm__mask_row(job->mask, row, inside);
    if (y == 0) first = line[0];
    for (int64_t i = 0; i < grid->row; i++) {
      flat = flat && line[i] == first;
      to[y * grid->row + i] =
          named || inside[i / grid->components] || !isfinite(line[i]) || is_marker(&job->p->markers, line[i]);
    }
  }
  if (ok && flat) memset(to, 1, (size_t)size);
  int64_t *found = job->found + 2 * slice;
  found[0] = found[1] = 0;
  for (int64_t i = 0; ok && i < size; i++)
    if (to[i] && found[0]++ == 0) found[1] = i;
  cm_free(line);
  cm_free(inside);
  return ok;
}

static double load(const CmImage *image, int64_t at) {
  double v;
  cm__line_to_f64(cm_image_type(image),
                  (const char *)cm_image_data(image) + (size_t)at * cm_type_size(cm_image_type(image)), 1, &v);
  return v;
}

static void store(CmImage *image, int64_t at, double v) {
  cm__line_from_f64(cm_image_type(image), &v, 1,
                    (char *)cm_image_data_mut(image) + (size_t)at * cm_type_size(cm_image_type(image)));
}

static bool nothing_known(const Impute *job, int64_t at, CmError **err) {
  const CmGrid *grid = &job->grid;
  const int64_t row = at / grid->row;
  cm_error_set(err, CM_ERR_DATA,
               "nothing is known beside voxel %lld,%lld,%lld that its gap could be filled from; choose another along",
               (long long)(at % grid->row / grid->components), (long long)(row % grid->ny),
               (long long)(row / grid->ny % grid->nz));
  return false;
}

/* A piece of neighbouring lines along an axis; only those with gaps are touched. */
static bool fill_piece(const Impute *job, int64_t piece, CmError **err) {
  const int64_t first = piece % job->pieces * PIECE;
  const int64_t begin = piece / job->pieces * job->inner * job->n + first;
  const int64_t width = job->inner - first < PIECE ? job->inner - first : PIECE;
  uint8_t any[PIECE] = {0};
  for (int64_t k = 0; k < job->n; k++)
    for (int64_t i = 0; i < width; i++) any[i] |= job->missing[begin + k * job->inner + i];
  double *work = NULL;
  uint8_t *missing = NULL;
  bool ok = true;
  for (int64_t i = 0; ok && i < width; i++) {
    if (!any[i]) continue;
    if (!work) {
      work = cm_alloc_array(job->ctx, (size_t)job->n, 4 * sizeof(double), err);
      missing = cm_alloc(job->ctx, (size_t)job->n, err);
      ok = work && missing;
      if (!ok) break;
    }
    for (int64_t k = 0; k < job->n; k++) {
      missing[k] = job->missing[begin + k * job->inner + i];
      work[k] = missing[k] ? 0.0 : load(job->image, begin + k * job->inner + i);
    }
    ok = cm__fill_gaps((CmGapMethod)job->p->method, work, missing, job->n, NULL, work + job->n) ||
         nothing_known(job, begin + i, err);
    for (int64_t k = 0; ok && k < job->n; k++)
      if (missing[k]) store(job->out, begin + k * job->inner + i, work[k]);
  }
  cm_free(work);
  cm_free(missing);
  return ok;
}

static bool fill_pieces(void *arg, CmRange range, CmError **err) {
  for (int64_t piece = range.begin; piece < range.end; piece++)
    if (!fill_piece(arg, piece, err)) return false;
  return true;
}

static bool fill_along(Impute *job, int axis, CmError **err) {
  const int64_t *dims = cm_image_dims(job->image);
  job->n = dims[axis];
  job->inner = job->grid.components;
  for (int k = 0; k < axis; k++) job->inner *= dims[k];
  job->pieces = cm_chunk_count(job->inner, PIECE);
  const int64_t outer = cm_image_values(job->image) / (job->inner * job->n);
  return cm_parallel_for(job->ctx, "impute", outer * job->pieces, 8, fill_pieces, job, err);
}

/* A slice of one component: the values, which are missing, and room. */
typedef struct Plane {
  int64_t nx, ny;
  double dx, dy;
  double *v;
  uint8_t *missing;
  double *by_x, *by_y, *gap_x, *gap_y, *line, *work;
  uint8_t *flags;
} Plane;

/* The lines of one axis: estimates into to, distances in mm of what they are made from into gap (INFINITY: one side
 * only; 0: nothing known). */
static void estimate(CmGapMethod method, Plane *p, bool along_y, double *to, double *gap) {
  const int64_t n = along_y ? p->ny : p->nx, lines = along_y ? p->nx : p->ny, step = along_y ? p->nx : 1;
  for (int64_t l = 0; l < lines; l++) {
    const int64_t begin = along_y ? l : l * p->nx;
    bool any = false;
    for (int64_t k = 0; k < n; k++) {
      p->line[k] = p->v[begin + k * step];
      p->flags[k] = p->missing[begin + k * step];
      any |= p->flags[k] != 0;
    }
    if (!any) continue;
    double *distance = p->work + 3 * n;
    const bool known = cm__fill_gaps(method, p->line, p->flags, n, distance, p->work);
    for (int64_t k = 0; k < n; k++) {
      to[begin + k * step] = p->line[k];
      gap[begin + k * step] = known ? distance[k] * (along_y ? p->dy : p->dx) : 0.0;
    }
  }
}

/* By the nearer of the two in linear and spline: gaps that are known on both sides before others, weighted by the
 * inverse of their length. */
static bool mix(const Plane *p, int64_t i, double *v) {
  const double a = p->gap_x[i], b = p->gap_y[i];
  if (a == 0.0 && b == 0.0) return false;
  if (a == 0.0 || b == 0.0)
    *v = a == 0.0 ? p->by_y[i] : p->by_x[i];
  else if (isinf(a) != isinf(b))
    *v = isinf(a) ? p->by_y[i] : p->by_x[i];
  else
    *v = isinf(a) ? 0.5 * (p->by_x[i] + p->by_y[i]) : (p->by_x[i] * b + p->by_y[i] * a) / (a + b);
  return true;
}

/* The nearest known voxel of the slice (equally near: the first): columns know their nearest in y. */
static bool nearest(const Plane *p, int64_t x, int64_t y, double *v) {
  double best = INFINITY;
  for (int64_t side = 0; side < p->nx; side++) {
    if ((double)side * p->dx * ((double)side * p->dx) > best) break;
    for (int turn = 0; turn < (side > 0 ? 2 : 1); turn++) {
      const int64_t at = turn == 0 ? x - side : x + side;
      if (at < 0 || at >= p->nx) continue;
      const double dy = p->gap_y[y * p->nx + at], dx = (double)side * p->dx, d = dx * dx + dy * dy;
      if (d < best) {
        best = d;
        *v = p->by_y[y * p->nx + at];
      }
    }
  }
  return isfinite(best);
}

/* by_y: the value of the nearest known voxel in the column, gap_y: how far it is; INFINITY: none. */
static void nearest_in_columns(Plane *p) {
  for (int64_t x = 0; x < p->nx; x++)
    for (int turn = 0; turn < 2; turn++) {
      double v = 0.0, away = INFINITY;
      for (int64_t k = 0; k < p->ny; k++) {
        const int64_t i = (turn == 0 ? k : p->ny - 1 - k) * p->nx + x;
        away += p->dy;
        if (!p->missing[i]) {
          v = p->v[i];
          away = 0.0;
        }
        if (turn == 0 || away < p->gap_y[i]) {
          p->by_y[i] = v;
          p->gap_y[i] = away;
        }
      }
    }
}

static bool fill_plane(const Impute *job, Plane *p, int64_t slice, int64_t component, CmError **err) {
  const int64_t size = p->nx * p->ny, step = job->grid.components, begin = slice * size * step + component;
  const CmGapMethod method = (CmGapMethod)job->p->method;
  bool any = false;
  for (int64_t i = 0; i < size; i++) {
    p->missing[i] = job->missing[begin + i * step];
    p->v[i] = p->missing[i] ? 0.0 : load(job->image, begin + i * step);
    any |= p->missing[i] != 0;
  }
  if (!any) return true;
  if (method == CM_GAP_NEAREST) {
    nearest_in_columns(p);
  } else {
    estimate(method, p, false, p->by_x, p->gap_x);
    estimate(method, p, true, p->by_y, p->gap_y);
  }
  for (int64_t i = 0; i < size; i++) {
    double v = 0.0;
    if (!p->missing[i]) continue;
    if (!(method == CM_GAP_NEAREST ? nearest(p, i % p->nx, i / p->nx, &v) : mix(p, i, &v)))
      return nothing_known(job, begin + i * step, err);
    store(job->out, begin + i * step, v);
  }
  return true;
}

static bool fill_slices(void *arg, CmRange range, CmError **err) {
  const Impute *job = arg;
  const int64_t size = job->grid.nx * job->grid.ny, longest = job->grid.nx > job->grid.ny ? job->grid.nx : job->grid.ny;
  const double *spacing = cm_image_geometry(job->image)->spacing;
  if (job->found[2 * range.begin] == 0) return true;
  Plane p = {.nx = job->grid.nx, .ny = job->grid.ny, .dx = spacing[0], .dy = spacing[1]};
  p.v = cm_alloc_array(job->ctx, (size_t)(5 * size + 5 * longest), sizeof(double), err);
  p.missing = cm_alloc(job->ctx, (size_t)(size + longest), err);
  bool ok = p.v && p.missing;
  if (ok) {
    p.by_x = p.v + size;
    p.by_y = p.by_x + size;
    p.gap_x = p.by_y + size;
    p.gap_y = p.gap_x + size;
    p.line = p.gap_y + size;
    p.work = p.line + longest;
    p.flags = p.missing + size;
  }
  for (int64_t c = 0; ok && c < job->grid.components; c++) ok = fill_plane(job, &p, range.begin, c, err);
  cm_free(p.v);
  cm_free(p.missing);
  return ok;
}

static bool refuse(const Impute *job, int64_t total, CmError **err) {
  int64_t slice = 0;
  while (job->found[2 * slice] == 0) slice++;
  const int64_t at = job->found[2 * slice + 1] / job->grid.components;
  cm_error_set(err, CM_ERR_DATA,
               "%lld values are missing, the first at voxel %lld,%lld,%lld; choose a method that fills them",
               (long long)total, (long long)(at % job->grid.nx), (long long)(at / job->grid.nx),
               (long long)(slice % job->grid.nz));
  return false;
}

static bool fill(Impute *job, CmError **err) {
  const int64_t slices = job->grid.nz * job->grid.nt;
  int64_t total = 0;
  int along = job->p->along;
  if (!cm_parallel_for(job->ctx, NULL, slices, 1, find_slice, job, err)) return false;
  for (int64_t k = 0; k < slices; k++) total += job->found[2 * k];
  if (total > 0 && job->p->method == REFUSE) return refuse(job, total, err);
  if (along == ALONG_AUTO) along = job->grid.nz > 1 ? 3 : ALONG_PLANE;
  const CmType type = cm_image_type(job->image), to = cm__out_type(job->p->type, type);
  job->out =
      type == to ? cm_image_copy(job->ctx, job->image, err) : cm_image_convert(job->ctx, job->image, to, true, err);
  if (!job->out || total == 0) return job->out != NULL;
  if (along == ALONG_PLANE) return cm_parallel_for(job->ctx, "impute", slices, 1, fill_slices, job, err);
  return fill_along(job, along - 1, err);
}

static bool run(const CmCall *call, CmError **err) {
  const ImputeParams *p = call->params;
  const CmImage *image = call->in[0].image;
  CmMask mask;
  Impute job = {.ctx = call->ctx, .p = p, .image = image, .mask = &mask, .grid = cm__grid(image)};
  if (!cm__mask_open(&mask, &call->in[1], image, err)) return false;
  for (int k = 0; k < p->slices.count; k++)
    if (p->slices.value[k] >= job.grid.nz) {
      cm_error_set(err, CM_ERR_PARAMETER, "there is no slice %lld: the image has %lld, from 0",
                   (long long)p->slices.value[k], (long long)job.grid.nz);
      return false;
    }
  job.missing = cm_alloc(call->ctx, (size_t)cm_image_values(image), err);
  job.found = cm_alloc_array(call->ctx, (size_t)(job.grid.nz * job.grid.nt), 2 * sizeof(int64_t), err);
  const bool ok = job.missing && job.found && fill(&job, err);
  cm_free(job.missing);
  cm_free(job.found);
  if (ok) call->out[0] = cm_value_image(cm_image_ref(job.out));
  cm_image_unref(&job.out);
  return ok;
}

CM_OP(impute) = {
    .name = "impute",
    .family = "intensity",
    .since = "0.2",
    .summary = "Fill missing voxels and slices from what is around them, or refuse.",
    .details =
        "Missing is what is not finite, equals one of `markers`, is marked in `missing`, or lies in a missing slice. "
        "Along an axis each line is "
        "filled by itself: linear, or by the natural cubic spline through its known values; nearest takes the nearer "
        "one (halfway: the one before). Beyond the first and the last known value of a line the nearest is taken: "
        "nothing is extrapolated. plane: the estimates along x and y, weighted by the inverse of their gaps in mm, "
        "those with known values on both sides before others; nearest: the nearest voxel of the slice in mm. Where "
        "nothing is known along a line (or in a slice) it is an error. Components and other axes are filled by "
        "themselves. Integers are rounded and clamped. Memory: a byte per value.",
    CM_OP_PARAMS(ImputeParams, params),
    CM_OP_INPUTS(inputs),
    .outputs = cm__filter_outputs,
    .output_count = 1,
    .geometry = CM_GEOMETRY_KEEP,
    .cite = "de Boor C. A Practical Guide to Splines. Springer 1978, chapter IV (natural spline)",
    .examples =
        "cormack impute mr.nii.gz out.nii.gz --method spline\n"
        "cormack impute ct.nii.gz out.nii.gz --slices 17,18\n"
        "cormack impute map.nii.gz out.nii.gz --along plane --markers -9999\n"
        "cormack impute pet.nii.gz same.nii.gz --method refuse",
    .run = run,
};
