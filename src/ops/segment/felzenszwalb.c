#include <math.h>
#include <stdio.h>
#include <string.h>

#include "cormack/parallel.h"
#include "ops/intensity/stats.h"
#include "ops/segment/components.h"
#include "ops/segment/narrow.h"

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

enum { MOST_STEPS = 13, STEP_BITS = 4, DIGIT_BITS = 11, DIGITS = 1 << DIGIT_BITS };
#define NO_EDGE UINT64_MAX

typedef struct Graph {
  CmContext *ctx;
  const CmImage *image; /* smoothed */
  CmMask mask;
  CmGrid grid;
  int64_t t;
  int steps;
  int delta[MOST_STEPS][3];
  int64_t offset[MOST_STEPS];
  uint64_t *edge, *spare; /* weight's bits << 32 | voxel << STEP_BITS | step; `steps` a voxel */
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

static void weigh_row(const Graph *g, int64_t row, int k, const double *own, const double *other, uint64_t *edge) {
  const int64_t nx = g->grid.nx, components = g->grid.components, dx = g->delta[k][0];
  for (int64_t x = 0; x < nx; x++) {
    const int64_t at = row * nx + x;
    uint64_t *to = edge + x * g->steps + k;
    *to = NO_EDGE;
    if (!other || x + dx < 0 || x + dx >= nx || g->off[at] || g->off[at + g->offset[k]]) continue;
    double sum = 0.0;
    for (int64_t c = 0; c < components; c++) {
      const double d = own[x * components + c] - other[(x + dx) * components + c];
      sum += d * d;
    }
    const float weight = (float)sqrt(sum);
    uint32_t bits;
    memcpy(&bits, &weight, sizeof(bits));
    *to = (uint64_t)bits << 32 | (uint64_t)at << STEP_BITS | (uint64_t)k;
  }
}

static bool edge_rows(void *arg, CmRange range, CmError **err) {
  const Graph *g = arg;
  const CmGrid *grid = &g->grid;
  double *own = cm_alloc_array(g->ctx, (size_t)grid->row, sizeof(double), err);
  double *other = cm_alloc_array(g->ctx, (size_t)grid->row, sizeof(double), err);
  for (int64_t row = range.begin; own && other && row < range.end; row++) {
    const int64_t first = g->t * grid->ny * grid->nz, y = row % grid->ny, z = row / grid->ny;
    cm__line_to_f64(cm_image_type(g->image), cm__row(g->image, grid, first + row), grid->row, own);
    for (int k = 0; k < g->steps; k++) {
      const int64_t oy = y + g->delta[k][1], oz = z + g->delta[k][2];
      const bool there = oy >= 0 && oy < grid->ny && oz < grid->nz;
      /* neighbours of one row stand together */
      const bool read = k == 0 || g->delta[k][1] != g->delta[k - 1][1] || g->delta[k][2] != g->delta[k - 1][2];
      if (there && read)
        cm__line_to_f64(cm_image_type(g->image), cm__row(g->image, grid, first + oz * grid->ny + oy), grid->row, other);
      weigh_row(g, row, k, own, there ? other : NULL, g->edge + row * grid->nx * g->steps);
    }
  }
  const bool ok = own && other;
  cm_free(own);
  cm_free(other);
  return ok;
}

/* By rising weight, equal ones in the order of voxels and steps: digit by digit. How many edges there are. */
static int64_t sort_edges(Graph *g, int64_t n) {
  int64_t from[DIGITS], found = 0;
  for (int64_t k = 0; k < n; k++)
    if (g->edge[k] != NO_EDGE) g->edge[found++] = g->edge[k];
  for (int shift = 32; shift < 64; shift += DIGIT_BITS) {
    memset(from, 0, sizeof(from));
    for (int64_t k = 0; k < found; k++) from[g->edge[k] >> shift & (DIGITS - 1)]++;
    int64_t begin = 0;
    for (int digit = 0; digit < DIGITS; digit++) {
      const int64_t count = from[digit];
      from[digit] = begin;
      begin += count;
    }
    for (int64_t k = 0; k < found; k++) g->spare[from[g->edge[k] >> shift & (DIGITS - 1)]++] = g->edge[k];
    uint64_t *sorted = g->spare;
    g->spare = g->edge;
    g->edge = sorted;
  }
  return found;
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
    const uint32_t at = (uint32_t)g->edge[k] >> STEP_BITS, bits = (uint32_t)(g->edge[k] >> 32);
    const int64_t near = (int64_t)at + g->offset[g->edge[k] & ((1 << STEP_BITS) - 1)];
    const uint32_t a = root_of(g->parent, at), b = root_of(g->parent, (uint32_t)near);
    if (a == b) continue;
    if (min_size > 0) {
      if (g->voxels[a] < min_size || g->voxels[b] < min_size) join(g, a, b);
      continue;
    }
    float weight;
    memcpy(&weight, &bits, sizeof(weight));
    const double most_a = (double)g->inner[a] + scale / (double)g->voxels[a];
    const double most_b = (double)g->inner[b] + scale / (double)g->voxels[b];
    if ((double)weight < fmin(most_a, most_b)) g->inner[join(g, a, b)] = weight;
  }
  return true;
}

/* Numbers by first voxel: a root stands before its voxels. How many. */
static int64_t number(Graph *g, int64_t voxels, uint32_t *label) {
  int64_t count = 0;
  for (int64_t at = 0; at < voxels; at++) {
    const uint32_t root = root_of(g->parent, (uint32_t)at);
    label[at] = g->off[at] ? 0 : root == at ? (uint32_t)++count : label[root];
  }
  return count;
}

static bool do_time(Graph *g, const FelzenszwalbParams *p, uint32_t *label, int64_t *most, CmError **err) {
  const CmGrid *grid = &g->grid;
  const int64_t rows = grid->ny * grid->nz, voxels = rows * grid->nx;
  const uint32_t least = p->min_size < UINT32_MAX ? (uint32_t)p->min_size : UINT32_MAX;
  for (int64_t at = 0; at < voxels; at++) {
    g->parent[at] = (uint32_t)at;
    g->voxels[at] = 1;
    g->inner[at] = 0.0F;
  }
  if (!cm_parallel_for(g->ctx, NULL, rows, cm__row_chunk(grid), off_rows, g, err) ||
      !cm_parallel_for(g->ctx, "felzenszwalb", rows, cm__row_chunk(grid), edge_rows, g, err))
    return false;
  const int64_t edges = sort_edges(g, voxels * g->steps);
  if (!join_all(g, edges, p->scale, 0, err) || (least > 1 && !join_all(g, edges, p->scale, least, err))) return false;
  const int64_t count = number(g, voxels, label);
  if (count > *most) *most = count;
  return true;
}

/* ---- the operation ---- */

static CmImage *smooth(const CmCall *call, const FelzenszwalbParams *p, CmError **err) {
  CmImage *image = call->in[0].image;
  char words[128];
  if (p->sigma == 0.0) return cm_image_ref(image);
  snprintf(words, sizeof(words), "sigma=%.17g units=%s border=reflect type=%s", p->sigma,
           p->units == 1 ? "mm" : "voxel", cm__type_fits_f32(cm_image_type(image)) ? "f32" : "f64");
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
  g.edge = whole ? cm_alloc_array(call->ctx, (size_t)(voxels * g.steps) + 1, sizeof(uint64_t), err) : NULL;
  g.spare = g.edge ? cm_alloc_array(call->ctx, (size_t)(voxels * g.steps) + 1, sizeof(uint64_t), err) : NULL;
  g.parent = g.spare ? cm_alloc_array(call->ctx, (size_t)voxels, sizeof(uint32_t), err) : NULL;
  g.voxels = g.parent ? cm_alloc_array(call->ctx, (size_t)voxels, sizeof(uint32_t), err) : NULL;
  g.inner = g.voxels ? cm_alloc_array(call->ctx, (size_t)voxels, sizeof(float), err) : NULL;
  g.off = g.inner ? cm_alloc(call->ctx, (size_t)voxels, err) : NULL;
  if (!g.off || !cm_image_set_unit(whole, "1", err)) goto done;
  for (g.t = 0; g.t < g.grid.nt; g.t++)
    if (!do_time(&g, p, (uint32_t *)cm_image_data_mut(whole) + g.t * voxels, &most, err)) goto done;
  out = cm__labels_narrow(call->ctx, whole, most, err);
  if (!out) goto done;
  call->out[0] = cm_value_labels(cm_image_ref(out));
  ok = true;
done:
  cm_free(g.edge);
  cm_free(g.spare);
  cm_free(g.parent);
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
        "values are an error. Each time point by itself, components together. Needs 16 bytes an edge (four a voxel in "
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
