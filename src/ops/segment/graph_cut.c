#include <math.h>
#include <string.h>

#include "cormack/parallel.h"
#include "ops/measure/gather.h"
#include "ops/segment/maxflow.h"

enum { HISTOGRAM, GAUSSIAN, NO_MODEL };
enum { MOST_BINS = 4096 };
#define UNIT 4096.0 /* weights are rounded to 1 / UNIT */
#define MOST_REGION 50.0

typedef struct GraphCutParams {
  int64_t object, background;
  int32_t model;
  int64_t bins;
  double boundary, sigma;
  int32_t connectivity;
} GraphCutParams;

static const CmParam params[] = {
    CM_PARAM_INT(GraphCutParams, object, 1, 1, 2147483647, "1", "label of the seeds of the object"),
    CM_PARAM_INT(GraphCutParams, background, 2, 1, 2147483647, "1", "label of the seeds of the background"),
    CM_PARAM_ENUM(GraphCutParams, model, "histogram|gaussian|none", "histogram",
                  "what is learnt of the values of the seeds: their histograms, means and spreads, or nothing"),
    CM_PARAM_INT(GraphCutParams, bins, 64, 2, 4096, "1",
                 "bins of the histograms between the least and largest value inside the mask"),
    CM_PARAM_REAL(GraphCutParams, boundary, 5, 0, 1000, "1", "weight of the boundary beside the values"),
    CM_PARAM_REAL(GraphCutParams, sigma, 0, 0, 1e30, "",
                  "difference of neighbours from which on a boundary is cheap; 0: the root of the mean squared one"),
    CM_PARAM_ENUM(
        GraphCutParams, connectivity, CM_CONNECT_CHOICES, "6",
        "which voxels are neighbours: by faces (6), also edges (18), also corners (26); each slice by itself: "
        "sides (4), also corners (8)"),
};

static const CmPort inputs[] = {
    {.name = "image", .kind = CM_KIND_IMAGE, .help = "what is segmented"},
    {.name = "seeds",
     .kind = CM_KIND_LABELS,
     .types = CM_INTEGER_TYPES,
     .help = "voxels that are known to be object or background"},
    {.name = "mask", .kind = CM_KIND_LABELS, .optional = true, .types = CM_INTEGER_TYPES, .help = "where: not 0"},
};
static const CmPort outputs[] = {
    {.name = "labels", .kind = CM_KIND_LABELS, .help = "u8: 1 object"},
    {.name = "cut",
     .kind = CM_KIND_TABLE,
     .optional = true,
     .help = "per time point: energy of the cut, value of the largest flow, sigma"},
};

typedef enum Role { UNKNOWN, OBJECT, BACKGROUND, OUTSIDE } Role;

typedef struct Cut {
  CmContext *ctx;
  const GraphCutParams *p;
  const CmImage *image, *seeds;
  CmMask mask;
  CmGrid grid, seed_grid;
  CmMaxflow graph;
  int64_t t;
  uint8_t *role;
  double low, width;         /* of a bin */
  double *cost;              /* histogram: -ln P by bin, object then background */
  double mean[2], spread[2]; /* gaussian */
  double sigma, sum, pairs;
  double length[26]; /* of the steps, in units of the finest spacing */
  double *part;
  int64_t chunk, kept; /* kept: what flows from source to sink in any case, in 1 / UNIT */
  CmImage *labels;
  double energy;
} Cut;

/* Values of a row in double. */
static void load_row(const Cut *job, int64_t row, double *line) {
  cm__line_to_f64(cm_image_type(job->image),
                  cm__row(job->image, &job->grid, job->t * job->grid.ny * job->grid.nz + row), job->grid.nx, line);
}

static bool role_rows(void *arg, CmRange range, CmError **err) {
  const Cut *job = arg;
  const int64_t nx = job->grid.nx;
  double *line = cm_alloc_array(job->ctx, (size_t)nx, sizeof(double), err);
  uint8_t *inside = cm_alloc(job->ctx, (size_t)nx, err);
  const bool ok = line && inside;
  for (int64_t row = range.begin; ok && row < range.end; row++) {
    const int64_t at = job->t * job->grid.ny * job->grid.nz + row;
    uint8_t *role = job->role + row * nx;
    cm__line_to_f64(cm_image_type(job->seeds), cm__row(job->seeds, &job->seed_grid, at % job->seed_grid.rows), nx,
                    line);
    for (int64_t x = 0; x < nx; x++)
      role[x] = line[x] == (double)job->p->object       ? OBJECT
                : line[x] == (double)job->p->background ? BACKGROUND
                                                        : UNKNOWN;
    memset(inside, 1, (size_t)nx);
    if (job->mask.image) cm__mask_row(&job->mask, at, inside);
    load_row(job, row, line);
    for (int64_t x = 0; x < nx; x++)
      if (!inside[x] || !isfinite(line[x])) role[x] = OUTSIDE;
  }
  cm_free(line);
  cm_free(inside);
  return ok;
}

/* ---- what the seeds say ---- */

static int64_t bin_of(const Cut *job, double v) {
  const double at = job->width > 0.0 ? (v - job->low) / job->width : 0.0;
  return at >= (double)job->p->bins ? job->p->bins - 1 : at > 0.0 ? (int64_t)at : 0;
}

/* Least and largest value where a voxel takes part. */
static bool take_range(Cut *job, double *line) {
  double low = INFINITY, high = -INFINITY;
  for (int64_t row = 0; row < job->grid.ny * job->grid.nz; row++) {
    load_row(job, row, line);
    for (int64_t x = 0; x < job->grid.nx; x++) {
      if (job->role[row * job->grid.nx + x] == OUTSIDE) continue;
      low = line[x] < low ? line[x] : low;
      high = line[x] > high ? line[x] : high;
    }
  }
  job->low = low;
  job->width = high > low ? (high - low) / (double)job->p->bins : 0.0;
  return low <= high;
}

/* Histograms, means and spreads of both kinds of seeds. */
static bool learn(Cut *job, CmError **err) {
  const int64_t nx = job->grid.nx, bins = job->p->bins;
  double count[2] = {0}, sum[2] = {0}, squares[2] = {0};
  double *line = cm_alloc_array(job->ctx, (size_t)nx, sizeof(double), err);
  if (!line) return false;
  take_range(job, line);
  for (int64_t k = 0; k < 2 * bins; k++) job->cost[k] = 1.0;
  for (int64_t row = 0; row < job->grid.ny * job->grid.nz; row++) {
    const uint8_t *role = job->role + row * nx;
    load_row(job, row, line);
    for (int64_t x = 0; x < nx; x++) {
      if (role[x] != OBJECT && role[x] != BACKGROUND) continue;
      const int k = role[x] == BACKGROUND;
      const double d = line[x] - job->low;
      count[k] += 1.0;
      sum[k] += d;
      squares[k] += d * d;
      job->cost[k * bins + bin_of(job, line[x])] += 1.0;
    }
  }
  cm_free(line);
  if (count[0] == 0.0 || count[1] == 0.0) {
    cm_error_set(err, CM_ERR_DATA, "there is no seed of the %s (label %lld) inside the mask; give some of both",
                 count[0] == 0.0 ? "object" : "background",
                 (long long)(count[0] == 0.0 ? job->p->object : job->p->background));
    return false;
  }
  for (int k = 0; k < 2; k++) {
    const double mean = sum[k] / count[k], variance = squares[k] / count[k] - mean * mean;
    job->mean[k] = job->low + mean;
    job->spread[k] = sqrt(variance > job->width * job->width ? variance : job->width * job->width);
    if (!(job->spread[k] > 0.0)) job->spread[k] = 1.0;
    for (int64_t b = 0; b < bins; b++)
      job->cost[k * bins + b] = -log(job->cost[k * bins + b] / (count[k] + (double)bins));
  }
  return true;
}

/* -ln P of a value in the object (0) or background (1). */
static double region(const Cut *job, double v, int k) {
  double cost = 0.0;
  if (job->p->model == HISTOGRAM) cost = job->cost[k * job->p->bins + bin_of(job, v)];
  if (job->p->model == GAUSSIAN) {
    const double d = (v - job->mean[k]) / job->spread[k],
                 other = job->spread[!k] < job->spread[k] ? job->spread[!k] : job->spread[k];
    cost = 0.5 * d * d + log(job->spread[k] / other); /* least: 0 */
  }
  return cost < MOST_REGION ? cost : MOST_REGION;
}

/* ---- the graph ---- */

/* The value of the neighbour in direction k; false where none takes part. */
static bool neighbour(const Cut *job, int64_t x, int64_t y, int64_t z, int k, double *value) {
  const int *step = job->graph.step[k];
  const int64_t at[3] = {x + step[0], y + step[1], z + step[2]};
  const int64_t n[3] = {job->grid.nx, job->grid.ny, job->grid.nz};
  for (int axis = 0; axis < 3; axis++)
    if (at[axis] < 0 || at[axis] >= n[axis]) return false;
  const int64_t row = at[2] * n[1] + at[1];
  if (job->role[row * n[0] + at[0]] == OUTSIDE) return false;
  const char *from = cm__row(job->image, &job->grid, job->t * n[1] * n[2] + row);
  cm__line_to_f64(cm_image_type(job->image), from + (size_t)at[0] * job->grid.size, 1, value);
  return true;
}

/* Squared differences of neighbours, by chunk. */
static bool contrast_rows(void *arg, CmRange range, CmError **err) {
  const Cut *job = arg;
  const int64_t nx = job->grid.nx, ny = job->grid.ny;
  double *line = cm_alloc_array(job->ctx, (size_t)nx, sizeof(double), err), sum = 0.0, pairs = 0.0, v;
  for (int64_t row = range.begin; line && row < range.end; row++) {
    load_row(job, row, line);
    for (int64_t x = 0; x < nx; x++)
      for (int k = 0; k < job->graph.directions && job->role[row * nx + x] != OUTSIDE; k += 2)
        if (neighbour(job, x, row % ny, row / ny, k, &v)) {
          sum += (v - line[x]) * (v - line[x]);
          pairs += 1.0;
        }
  }
  job->part[2 * range.chunk] = sum;
  job->part[2 * range.chunk + 1] = pairs;
  cm_free(line);
  return line != NULL;
}

static bool take_sigma(Cut *job, CmError **err) {
  const int64_t rows = job->grid.ny * job->grid.nz;
  double sum = 0.0, pairs = 0.0;
  job->sigma = job->p->sigma;
  if (job->sigma > 0.0) return true;
  if (!cm_parallel_for(job->ctx, NULL, rows, job->chunk, contrast_rows, job, err)) return false;
  for (int64_t k = 0; k < cm_chunk_count(rows, job->chunk); k++) {
    sum += job->part[2 * k];
    pairs += job->part[2 * k + 1];
  }
  job->sigma = sum > 0.0 ? sqrt(sum / pairs) : 1.0;
  return true;
}

/* Capacities of a row's voxels; those to the terminals leave only their difference, the rest is counted. */
static bool edge_rows(void *arg, CmRange range, CmError **err) {
  const Cut *job = arg;
  const CmMaxflow *g = &job->graph;
  const int64_t nx = job->grid.nx, ny = job->grid.ny;
  const double seed = 1.0 + (double)g->directions * job->p->boundary;
  double *line = cm_alloc_array(job->ctx, (size_t)nx, sizeof(double), err), kept = 0.0, v;
  for (int64_t row = range.begin; line && row < range.end; row++) {
    load_row(job, row, line);
    for (int64_t x = 0; x < nx; x++) {
      const uint8_t role = job->role[row * nx + x];
      if (role == OUTSIDE) continue;
      const int64_t node = cm__maxflow_node(g, x, row % ny, row / ny);
      for (int k = 0; k < g->directions; k++)
        if (neighbour(job, x, row % ny, row / ny, k, &v)) {
          const double d = (v - line[x]) / job->sigma;
          g->edge[node * g->directions + k] =
              (int32_t)lrint(job->p->boundary * exp(-0.5 * d * d) / job->length[k] * UNIT);
        }
      const double source = role == UNKNOWN  ? region(job, line[x], 1)
                            : role == OBJECT ? seed
                                             : 0.0,
                   sink = role == UNKNOWN  ? region(job, line[x], 0)
                          : role == OBJECT ? 0.0
                                           : seed;
      const int64_t a = lrint(source * UNIT), b = lrint(sink * UNIT);
      g->terminal[node] = (int32_t)(a - b);
      kept += (double)(a < b ? a : b);
    }
  }
  job->part[range.chunk] = kept;
  cm_free(line);
  return line != NULL;
}

static bool paint_rows(void *arg, CmRange range, CmError **err) {
  const Cut *job = arg;
  const int64_t nx = job->grid.nx, ny = job->grid.ny, first = job->t * ny * job->grid.nz;
  (void)err;
  for (int64_t row = range.begin; row < range.end; row++)
    for (int64_t x = 0; x < nx; x++)
      ((uint8_t *)cm_image_data_mut(job->labels))[(first + row) * nx + x] =
          job->role[row * nx + x] != OUTSIDE &&
          cm__maxflow_is_source(&job->graph, cm__maxflow_node(&job->graph, x, row % ny, row / ny));
  return true;
}

static void measure_steps(Cut *job) {
  const double *spacing = cm_image_geometry(job->image)->spacing;
  const int64_t n[3] = {job->grid.nx, job->grid.ny, job->grid.nz};
  double finest = INFINITY;
  for (int axis = 0; axis < 3; axis++)
    if (n[axis] > 1 && spacing[axis] < finest) finest = spacing[axis];
  for (int k = 0; k < job->graph.directions; k++) {
    double sum = 0.0;
    for (int axis = 0; axis < 3; axis++) {
      const double d = job->graph.step[k][axis] * spacing[axis] / finest;
      sum += d * d;
    }
    job->length[k] = sqrt(sum);
  }
}

static bool cut(Cut *job, CmError **err) {
  const int64_t n[3] = {job->grid.nx, job->grid.ny, job->grid.nz}, rows = n[1] * n[2];
  bool ok = false;
  cm_progress(job->ctx, "graph_cut", job->t, job->grid.nt);
  if (!cm_parallel_for(job->ctx, NULL, rows, job->chunk, role_rows, job, err) || !learn(job, err) ||
      !cm__maxflow_open(job->ctx, n, (CmConnect)job->p->connectivity, &job->graph, err))
    goto done;
  measure_steps(job);
  if (!take_sigma(job, err) || !cm_parallel_for(job->ctx, NULL, rows, job->chunk, edge_rows, job, err)) goto done;
  job->kept = 0;
  for (int64_t k = 0; k < cm_chunk_count(rows, job->chunk); k++) job->kept += (int64_t)job->part[k];
  ok = cm__maxflow_run(&job->graph, err) && cm_parallel_for(job->ctx, NULL, rows, job->chunk, paint_rows, job, err);
  job->energy = (double)(job->graph.flow + job->kept) / UNIT;
done:
  cm__maxflow_close(&job->graph);
  cm_progress(job->ctx, "graph_cut", job->t + 1, job->grid.nt);
  return ok;
}

static bool tell(CmTable *table, const Cut *job, CmError **err) {
  if (!table) return true;
  const int64_t row = cm_table_add_row(table, err);
  if (row < 0) return false;
  cm_table_set_int(table, row, 0, job->t);
  cm_table_set_real(table, row, 1, job->energy);
  cm_table_set_real(table, row, 2, job->sigma);
  return true;
}

static CmTable *make_table(CmContext *ctx, CmError **err) {
  CmTable *table = cm_table_create(ctx, err);
  if (table && (cm_table_add_column(table, "t", CM_COLUMN_INT, "", err) < 0 ||
                cm_table_add_column(table, "energy", CM_COLUMN_REAL, "1", err) < 0 ||
                cm_table_add_column(table, "sigma", CM_COLUMN_REAL, "", err) < 0))
    cm_table_unref(&table);
  return table;
}

static bool run(const CmCall *call, CmError **err) {
  const GraphCutParams *p = call->params;
  const CmImage *image = call->in[0].image, *seeds = call->in[1].image;
  Cut job = {
      .ctx = call->ctx, .p = p, .image = image, .seeds = seeds, .grid = cm__grid(image), .seed_grid = cm__grid(seeds)};
  const int64_t rows = job.grid.ny * job.grid.nz;
  CmTable *table = NULL;
  bool ok = false;
  job.chunk = job.grid.nx < 8192 ? 8192 / job.grid.nx : 1;
  if (!cm__mask_open(&job.mask, &call->in[2], image, err) || !cm__check_times(image, seeds, err)) return false;
  job.labels = cm_image_create_like(call->ctx, image, CM_U8, 1, err);
  if (!job.labels || !cm_image_set_unit(job.labels, "1", err)) goto done;
  if (call->wanted && call->wanted[1] && !(table = make_table(call->ctx, err))) goto done;
  job.role = cm_alloc_array(call->ctx, (size_t)rows, (size_t)job.grid.nx, err);
  job.cost = job.role ? cm_alloc_array(call->ctx, (size_t)(2 * p->bins), sizeof(double), err) : NULL;
  job.part = job.cost ? cm_calloc(call->ctx, (size_t)(2 * cm_chunk_count(rows, job.chunk)), sizeof(double), err) : NULL;
  if (!job.part) goto done;
  for (job.t = 0; job.t < job.grid.nt; job.t++)
    if (!cut(&job, err) || !tell(table, &job, err)) goto done;
  call->out[0] = cm_value_labels(cm_image_ref(job.labels));
  if (table) call->out[1] = cm_value_table(cm_table_ref(table));
  ok = true;
done:
  cm_free(job.role);
  cm_free(job.cost);
  cm_free(job.part);
  cm_image_unref(&job.labels);
  cm_table_unref(&table);
  return ok;
}

static bool check(const void *values, CmError **err) {
  const GraphCutParams *p = values;
  if (p->object != p->background) return true;
  cm_error_set(err, CM_ERR_PARAMETER, "object and background are both %lld; give two labels", (long long)p->object);
  return false;
}

CM_OP(graph_cut) = {
    .name = "graph_cut",
    .family = "segment",
    .since = "0.1",
    .summary = "Part object and background along the cheapest boundary between their seeds.",
    .details =
        "Minimizes sum R(v) + boundary sum B over all labellings that keep the seeds: B = exp(-d^2 / (2 sigma^2)) / "
        "length for neighbours on different sides, d the difference of their values and length their distance in units "
        "of the finest spacing; R = -ln P(v | object or background), at most 50. histogram: P = (count of the seeds in "
        "the bin + 1) / (seeds + bins); gaussian: R = (v - mean)^2 / (2 s^2) + ln(s / the smaller s), s at least a "
        "bin's width. Weights are rounded to 1/4096; the minimum is then exact (largest flow), of several minima the "
        "one with the smallest object. `cut` tells its energy, without the seeds' own terms. Seeds: voxels with other "
        "labels are unknown. Voxels outside the mask, NaN or infinite take no part and become 0. Time points stay "
        "apart. 18 bytes per voxel and 4 more for each neighbour are allocated beside the result; the flow itself runs "
        "on one thread.",
    CM_OP_PARAMS(GraphCutParams, params),
    CM_OP_INPUTS(inputs),
    CM_OP_OUTPUTS(outputs),
    .geometry = CM_GEOMETRY_KEEP,
    .tolerance = 1e-6,
    .cite =
        "Boykov YY, Jolly MP. Interactive graph cuts for optimal boundary and region segmentation of objects in N-D "
        "images. ICCV 2001; Boykov Y, Kolmogorov V. An experimental comparison of min-cut/max-flow algorithms for "
        "energy minimization in vision. IEEE TPAMI 26(9), 2004",
    .examples =
        "cormack graph_cut ct.nii.gz seeds.nii.gz liver.nii.gz --boundary 20 --connectivity 26\n"
        "cormack graph_cut mr.nii.gz seeds.nii.gz lesion.nii.gz --model gaussian --cut energy.csv",
    .check = check,
    .run = run,
};
