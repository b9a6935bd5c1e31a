#include <math.h>
#include <stdio.h>
#include <string.h>

#include "cormack/parallel.h"
#include "ops/intensity/stats.h"
#include "ops/segment/components.h"
#include "ops/segment/narrow.h"
#include "ops/segment/order.h"

typedef struct FelzenszwalbParams {
  double scale, sigma;
  int32_t units;
  int64_t min_size;
  int32_t connectivity;
} FelzenszwalbParams;

static const CmParam params[] = {
    CM_PARAM_REAL(FelzenszwalbParams, scale, 1, 0, 1e15, "",
                  "difference of values that keeps a segment of one voxel apart; more makes larger segments"),
    CM_PARAM_REAL(FelzenszwalbParams, sigma, 0.8, 0, 20, "", "of the Gaussian that smooths first; 0: none"),
    CM_UNITS_PARAM(FelzenszwalbParams, "voxel"),
    CM_PARAM_INT(FelzenszwalbParams, min_size, 20, 0, 1000000000000, "voxel", "smaller segments join a neighbour"),
    CM_PARAM_ENUM(FelzenszwalbParams, connectivity, CM_CONNECT_CHOICES, "26",
                  "which voxels touch: by faces (6), also edges (18), also corners (26); each slice by itself: sides "
                  "(4), also corners (8)"),
};

static const CmPort inputs[] = {
    {.name = "image", .kind = CM_KIND_IMAGE, .components = true, .help = "what is cut into segments"},
    {.name = "mask", .kind = CM_KIND_LABELS, .optional = true, .types = CM_INTEGER_TYPES, .help = "where: not 0"},
};
static const CmPort outputs[] = {
    {.name = "labels", .kind = CM_KIND_LABELS, .help = "1, 2, 3 ... per segment, 0 outside; u16, or u32 for many"},
};

enum { MOST_STEPS = 13, STEP_BITS = 4 };

typedef struct Graph {
  CmContext *ctx;
  const CmImage *image; /* smoothed: f32 or f64 */
  CmMask mask;
  CmGrid grid;
  int64_t t;
  int steps;
  int delta[MOST_STEPS][3];
  int64_t offset[MOST_STEPS];
  uint32_t *edge; /* by rising weight: voxel << STEP_BITS | step; at most `steps` a voxel */
  uint32_t *parent, *voxels;
  float *inner; /* largest weight inside a segment, of its root */
  uint8_t *off; /* 1: left out */
} Graph;

/* ---- edges ---- */

/* Half of the neighbours: those after a voxel. */
static void set_steps(Graph *g, CmConnect connect) {
  static const int most[] = {
      [CM_CONNECT_6] = 1, [CM_CONNECT_18] = 2, [CM_CONNECT_26] = 3, [CM_CONNECT_4] = 1, [CM_CONNECT_8] = 2};
  const int deep = connect == CM_CONNECT_4 || connect == CM_CONNECT_8 || g->grid.nz == 1 ? 0 : 1;
  for (int z = 0; z <= deep; z++)
    for (int y = z > 0 ? -1 : 0; y <= 1; y++)
      for (int x = z > 0 || y > 0 ? -1 : 1; x <= 1; x++) {
        if (x * x + y * y + z * z > most[connect]) continue;
        const int k = g->steps++;
        g->delta[k][0] = x;
        g->delta[k][1] = y;
        g->delta[k][2] = z;
        g->offset[k] = (z * g->grid.ny + y) * g->grid.nx + x;
      }
}

/* Which voxels of a row are left out: outside the mask, or NaN. */
static bool off_rows(void *arg, CmRange range, CmError **err) {
  const Graph *g = arg;
  const CmGrid *grid = &g->grid;
  double *line = cm_alloc_array(g->ctx, (size_t)grid->row, sizeof(double), err);
  uint8_t *inside = cm_alloc(g->ctx, (size_t)grid->nx, err);
  for (int64_t row = range.begin; line && inside && row < range.end; row++) {
    const int64_t at = g->t * grid->ny * grid->nz + row;
    uint8_t *off = g->off + row * grid->nx;
    memset(inside, 1, (size_t)grid->nx);
    if (g->mask.image) cm__mask_row(&g->mask, at, inside);
    cm__line_to_f64(cm_image_type(g->image), cm__row(g->image, grid, at), grid->row, line);
    for (int64_t x = 0; x < grid->nx; x++) off[x] = !inside[x];
    for (int64_t i = 0; i < grid->row; i++)
      if (line[i] != line[i]) off[i / grid->components] = 1;
  }
  const bool ok = line && inside;
  cm_free(line);
  cm_free(inside);
  return ok;
}

static double squared_difference(const Graph *g, int64_t a, int64_t b) {
  const int64_t components = g->grid.components, first = g->t * g->grid.ny * g->grid.nz * g->grid.row;
  const void *values = cm_image_data(g->image);
  const bool wide = cm_image_type(g->image) == CM_F64;
  double sum = 0.0;
  for (int64_t c = 0; c < components; c++) {
    const int64_t one = first + a * components + c, other = first + b * components + c;
    const double d = wide ? ((const double *)values)[one] - ((const double *)values)[other]
                          : (double)((const float *)values)[one] - (double)((const float *)values)[other];
    sum += d * d;
  }
  return sum;
}

static float weight_of(const Graph *g, uint32_t edge) {
  const int64_t voxel = edge >> STEP_BITS;
  return (float)sqrt(squared_difference(g, voxel, voxel + g->offset[edge & ((1 << STEP_BITS) - 1)]));
}

/* Weights are not negative: their bits sort like they do. */
static uint64_t key_of(const Graph *g, uint32_t edge) {
  const float weight = weight_of(g, edge);
  uint32_t bits;
  memcpy(&bits, &weight, sizeof(bits));
  return bits;
}

static void set_keys(void *arg, CmKeyed *of, int64_t n) {
  const Graph *g = arg;
  for (int64_t k = 0; k < n; k++) of[k].key = key_of(g, of[k].item);
}

/* The edges of a row of voxels. */
static int64_t read_edges(void *arg, int64_t row, CmKeyed *to) {
  const Graph *g = arg;
  const CmGrid *grid = &g->grid;
  const int64_t y = row % grid->ny, z = row / grid->ny;
  bool there[MOST_STEPS];
  int64_t count = 0;
  for (int k = 0; k < g->steps; k++)
    there[k] = y + g->delta[k][1] >= 0 && y + g->delta[k][1] < grid->ny && z + g->delta[k][2] < grid->nz;
  for (int64_t x = 0; x < grid->nx; x++) {
    const int64_t at = row * grid->nx + x;
    if (g->off[at]) continue;
    for (int k = 0; k < g->steps; k++) {
      const int64_t other = x + g->delta[k][0];
      if (!there[k] || other < 0 || other >= grid->nx || g->off[at + g->offset[k]]) continue;
      const uint32_t edge = (uint32_t)at << STEP_BITS | (uint32_t)k;
      to[count++] = (CmKeyed){key_of(g, edge), edge};
    }
  }
  return count;
}

/* By rising weight, equal ones in the order of voxels and steps. */
static bool sort_edges(Graph *g, int64_t *edges, CmError **err) {
  CmOrdering job = {.ctx = g->ctx,
                    .arg = g,
                    .rows = g->grid.ny * g->grid.nz,
                    .most = g->grid.nx * g->steps,
                    .high = UINT32_MAX >> 1,
                    .read = read_edges,
                    .keys = set_keys};
  const bool ok = g->steps == 0 || cm__order(&job, NULL, err);
  g->edge = job.order;
  *edges = job.count;
  return ok;
}

/* ---- segments ---- */

static uint32_t root_of(uint32_t *parent, uint32_t at) {
  while (parent[at] != at) at = parent[at] = parent[parent[at]];
  return at;
}

/* The root of both is the first voxel. */
static uint32_t join(Graph *g, uint32_t a, uint32_t b) {
  const uint32_t root = a < b ? a : b, other = a < b ? b : a;
  g->parent[other] = root;
  g->voxels[root] += g->voxels[other];
  return root;
}

enum { TICKS = 1 << 22 };

/* Joins along the edges in their order: where the weight is within both segments' own (min_size 0), or one is small. */
static bool join_all(Graph *g, int64_t edges, double scale, uint32_t min_size, CmError **err) {
  for (int64_t k = 0; k < edges; k++) {
    if (k % TICKS == 0 && cm_context_cancelled(g->ctx, err)) return false;
    const uint32_t at = g->edge[k] >> STEP_BITS;
    const int64_t near = (int64_t)at + g->offset[g->edge[k] & ((1 << STEP_BITS) - 1)];
    const uint32_t a = root_of(g->parent, at), b = root_of(g->parent, (uint32_t)near);
    if (a == b) continue;
    if (min_size > 0) {
      if (g->voxels[a] < min_size || g->voxels[b] < min_size) join(g, a, b);
      continue;
    }
    const float weight = weight_of(g, g->edge[k]);
    const double most_a = (double)g->inner[a] + scale / (double)g->voxels[a];
    const double most_b = (double)g->inner[b] + scale / (double)g->voxels[b];
    if ((double)weight < fmin(most_a, most_b)) g->inner[join(g, a, b)] = weight;
  }
  return true;
}

/* Numbers by first voxel, in the place of the parents: a root stands before its voxels, and so does its number. How
 * many. */
static int64_t number(Graph *g, int64_t voxels) {
  int64_t count = 0;
  for (int64_t at = 0; at < voxels; at++) g->parent[at] = root_of(g->parent, (uint32_t)at);
  for (int64_t at = 0; at < voxels; at++) {
    const uint32_t root = g->parent[at];
    g->parent[at] = root != at ? g->parent[root] : g->off[at] ? 0 : (uint32_t)++count;
  }
  return count;
}

static bool do_time(Graph *g, const FelzenszwalbParams *p, int64_t *most, CmError **err) {
  const CmGrid *grid = &g->grid;
  const int64_t rows = grid->ny * grid->nz, voxels = rows * grid->nx;
  const uint32_t least = p->min_size < UINT32_MAX ? (uint32_t)p->min_size : UINT32_MAX;
  int64_t edges = 0;
  if (!cm_parallel_for(g->ctx, NULL, rows, cm__row_chunk(grid), off_rows, g, err) || !sort_edges(g, &edges, err))
    return false;
  for (int64_t at = 0; at < voxels; at++) {
    g->parent[at] = (uint32_t)at;
    g->voxels[at] = 1;
    g->inner[at] = 0.0F;
  }
  if (!join_all(g, edges, p->scale, 0, err) || (least > 1 && !join_all(g, edges, p->scale, least, err))) return false;
  const int64_t count = number(g, voxels);
  if (count > *most) *most = count;
  return true;
}

/* ---- the operation ---- */

static CmImage *smooth(const CmCall *call, const FelzenszwalbParams *p, CmError **err) {
  CmImage *image = call->in[0].image;
  const bool single = cm__type_fits_f32(cm_image_type(image));
  char words[128];
  if (p->sigma == 0.0) return cm_image_convert(call->ctx, image, single ? CM_F32 : CM_F64, false, err);
  snprintf(words, sizeof(words), "sigma=%.17g units=%s border=reflect type=%s", p->sigma,
           p->units == 1 ? "mm" : "voxel", single ? "f32" : "f64");
  return cm_op_apply(call->ctx, "gaussian", words, image, err);
}

static bool check_values(const Graph *g, CmError **err) {
  const CmPart part = {.image = g->image, .mask = &g->mask, .row_end = g->grid.rows, .component = -1};
  CmMoments moments;
  if (!cm__part_moments(g->ctx, &part, &moments, err)) return false;
  if (moments.count > 0 && !isfinite(moments.max - moments.min)) {
    cm_error_set(err, CM_ERR_DATA, "the image has infinite values; clip it first");
    return false;
  }
  if (g->grid.nx * g->grid.ny * g->grid.nz < (int64_t)1 << (32 - STEP_BITS)) return true;
  cm_error_set(err, CM_ERR_DATA, "the image has more than 268435455 voxels; crop it first");
  return false;
}

static bool run(const CmCall *call, CmError **err) {
  const FelzenszwalbParams *p = call->params;
  Graph g = {.ctx = call->ctx};
  CmImage *image = smooth(call, p, err), *whole = NULL, *out = NULL;
  bool ok = false;
  int64_t most = 0;
  if (!image) return false;
  g.image = image;
  g.grid = cm__grid(image);
  const int64_t voxels = g.grid.nx * g.grid.ny * g.grid.nz;
  set_steps(&g, (CmConnect)p->connectivity);
  if (!cm__mask_open(&g.mask, &call->in[1], image, err) || !check_values(&g, err)) goto done;
  whole = cm_image_create_like(call->ctx, image, CM_U32, 1, err);
  g.voxels = whole ? cm_alloc_array(call->ctx, (size_t)voxels, sizeof(uint32_t), err) : NULL;
  g.inner = g.voxels ? cm_alloc_array(call->ctx, (size_t)voxels, sizeof(float), err) : NULL;
  g.off = g.inner ? cm_alloc(call->ctx, (size_t)voxels, err) : NULL;
  if (!g.off || !cm_image_set_unit(whole, "1", err)) goto done;
  for (g.t = 0; g.t < g.grid.nt; g.t++) {
    g.parent = (uint32_t *)cm_image_data_mut(whole) + g.t * voxels;
    const bool done = do_time(&g, p, &most, err);
    cm_free(g.edge);
    g.edge = NULL;
    if (!done) goto done;
  }
  cm_image_unref(&image);
  cm_free(g.voxels);
  cm_free(g.inner);
  g.voxels = NULL;
  g.inner = NULL;
  out = cm__labels_narrow(call->ctx, whole, most, err);
  if (!out) goto done;
  call->out[0] = cm_value_labels(cm_image_ref(out));
  ok = true;
done:
  cm_free(g.voxels);
  cm_free(g.inner);
  cm_free(g.off);
  cm_image_unref(&image);
  cm_image_unref(&whole);
  cm_image_unref(&out);
  return ok;
}

CM_OP(felzenszwalb) = {
    .name = "felzenszwalb",
    .family = "segment",
    .since = "0.2",
    .summary = "Cut an image into segments along its graph of voxels, by Felzenszwalb and Huttenlocher.",
    .details =
        "Edges join touching voxels and weigh the Euclidean difference of their values, after smoothing. By rising "
        "weight (equal ones in the order of voxels), an edge joins two segments where it weighs less than the largest "
        "weight inside either plus scale / its voxels. Then edges join, in the same order, what is smaller than "
        "min_size. Values are taken as they are: scale is in their unit, as in the authors' program for 0..255; "
        "scikit-image divides its scale by 255, since its values are 0..1. Segments are numbered by first voxel. "
        "Smoothing reaches over the mask's border; NaN spreads with it. Outside the mask and at NaN: 0. Infinite "
        "values are an error. Each time point by itself, components together. Needs 4 bytes an edge (four a voxel in "
        "2D, 13 in 3D with 26) and 17 a voxel.",
    CM_OP_PARAMS(FelzenszwalbParams, params),
    CM_OP_INPUTS(inputs),
    CM_OP_OUTPUTS(outputs),
    .geometry = CM_GEOMETRY_KEEP,
    .cite = "Felzenszwalb PF, Huttenlocher DP. Efficient graph-based image segmentation. IJCV 59(2), 2004",
    .examples =
        "cormack felzenszwalb photo.png segments.png --scale 300 --min_size 50\n"
        "cormack felzenszwalb mr.nii.gz segments.nii.gz --scale 500 --sigma 1 --units mm --connectivity 6",
    .run = run,
};
