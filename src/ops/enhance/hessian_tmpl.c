/* One tile of the Hessian in R (float or double): rows y0..y1, planes z0..z1, voxels x0..x1. The planes that z needs
 * wait in a ring; each is as wide and as tall as the kernels along x and y ask. Lanes beyond the width hold zeros. */

typedef R X(Lane) __attribute__((vector_size(64), aligned(sizeof(R)), may_alias));

#define AT(line, i) (*(const X(Lane) *)((line) + (i)))
#define PUT(line, i) (*(X(Lane) *)((line) + (i)))

/* out = sum of half[k] (rows[k] +- rows[-k]), n values, a multiple of LANES. */
CM_SIMD static void X(even)(const R *const *rows, const R *half, int64_t radius, R *out, int64_t n) {
  const int64_t lane = 64 / (int64_t)sizeof(R);
  for (int64_t i = 0; i < n; i += 2 * lane) {
    const R *at = rows[0] + i;
    X(Lane) a = AT(at, 0) * half[0], b = AT(at, lane) * half[0];
    for (int64_t k = 1; k <= radius; k++) {
      const R *up = rows[k] + i, *down = rows[-k] + i;
      a += (AT(up, 0) + AT(down, 0)) * half[k];
      b += (AT(up, lane) + AT(down, lane)) * half[k];
    }
    PUT(out, i) = a;
    PUT(out, i + lane) = b;
  }
}

CM_SIMD static void X(odd)(const R *const *rows, const R *half, int64_t radius, R *out, int64_t n) {
  const int64_t lane = 64 / (int64_t)sizeof(R);
  for (int64_t i = 0; i < n; i += 2 * lane) {
    const R *at = rows[0] + i;
    X(Lane) a = AT(at, 0) * (R)0, b = AT(at, lane) * (R)0;
    for (int64_t k = 1; k <= radius; k++) {
      const R *up = rows[k] + i, *down = rows[-k] + i;
      a += (AT(up, 0) - AT(down, 0)) * half[k];
      b += (AT(up, lane) - AT(down, lane)) * half[k];
    }
    PUT(out, i) = a;
    PUT(out, i + lane) = b;
  }
}

/* All three orders at once. */
CM_SIMD static void X(orders)(const R *const *rows, const R *const half[3], int64_t radius, R *const out[3],
                              int64_t n) {
  const int64_t lane = 64 / (int64_t)sizeof(R);
  const R *h0 = half[0], *h1 = half[1], *h2 = half[2];
  for (int64_t i = 0; i < n; i += 2 * lane) {
    const R *at = rows[0] + i;
    X(Lane)
    a0 = AT(at, 0) * h0[0], b0 = AT(at, lane) * h0[0], a1 = AT(at, 0) * (R)0, b1 = AT(at, lane) * (R)0,
    a2 = AT(at, 0) * h2[0], b2 = AT(at, lane) * h2[0];
    for (int64_t k = 1; k <= radius; k++) {
      const R *up = rows[k] + i, *down = rows[-k] + i;
      const X(Lane) ua = AT(up, 0), ub = AT(up, lane), da = AT(down, 0), db = AT(down, lane);
      a0 += (ua + da) * h0[k];
      b0 += (ub + db) * h0[k];
      a1 += (ua - da) * h1[k];
      b1 += (ub - db) * h1[k];
      a2 += (ua + da) * h2[k];
      b2 += (ub + db) * h2[k];
    }
    PUT(out[0], i) = a0;
    PUT(out[0], i + lane) = b0;
    PUT(out[1], i) = a1;
    PUT(out[1], i + lane) = b1;
    PUT(out[2], i) = a2;
    PUT(out[2], i + lane) = b2;
  }
}

#undef AT
#undef PUT

/* What the functions below share: the tile with its arrays as R. */
typedef struct X(Work) {
  const Tile *tile;
  const R *half[3][3]; /* of each axis: orders 0, 1, 2 */
  const R **near;      /* its middle */
  R *lines, *loaded, *ring;
  R *band[3]; /* rows of the tile in the orders along z */
} X(Work);

/* Points near[-radius..radius] to the rows around row y of a band. */
static void X(point)(const X(Work) * work, const R *band, int64_t y) {
  const Plan *plan = work->tile->plan;
  for (int64_t k = -plan->radius[1]; k <= plan->radius[1]; k++)
    work->near[k] = band + row_slot(work->tile, y + k) * work->tile->stride;
}

/* One row of the tile, whose orders along z stand in the bands. */
static void X(row)(const X(Work) * work, int64_t y, int64_t z) {
  const Tile *tile = work->tile;
  const Plan *plan = tile->plan;
  const int64_t stride = tile->stride, rx = plan->radius[0], ry = plan->radius[1];
  const R *const *near = (const R *const *)work->near;
  /* along y: the three orders of z's smooth band, smooth and first of z's first, smooth of z's second */
  R *line[6], *const out = work->lines + 6 * stride;
  for (int k = 0; k < 6; k++) line[k] = work->lines + k * stride;
  X(point)(work, work->band[0], y);
  X(orders)(near, work->half[1], ry, line, stride);
  if (plan->is_long[2]) {
    X(point)(work, work->band[1], y);
    X(even)(near, work->half[1][0], ry, line[3], stride);
    X(odd)(near, work->half[1][1], ry, line[4], stride);
    X(point)(work, work->band[2], y);
    X(even)(near, work->half[1][0], ry, line[5], stride);
  }
  static const int from[6] = {0, 2, 5, 1, 3, 4}, order[6] = {2, 0, 0, 1, 1, 0}; /* of xx, yy, zz, xy, xz, yz */
  for (int k = 0; k < 6; k++) {
    if (plan->factor[k] == 0.0) continue;
    for (int64_t i = -rx; i <= rx; i++) work->near[i] = line[from[k]] + rx + i;
    if (order[k] == 1)
      X(odd)(near, work->half[0][1], rx, out, tile->core);
    else
      X(even)(near, work->half[0][order[k]], rx, out, tile->core);
    for (int64_t i = 0; i < tile->n; i++) tile->m[k][i] = (double)out[i] * plan->factor[k];
  }
  finish(tile, y, z);
}

/* Plane z, which may lie beyond the border, into its slot. */
static void X(load_plane)(const X(Work) * work, int64_t z) {
  const Tile *tile = work->tile;
  const Plan *plan = tile->plan;
  const CmBlocks blocks = {.image = plan->job->image,
                           .grid = plan->grid,
                           .border = plan->job->border,
                           .border_value = plan->job->border_value};
  CmBlock row = {.t = plan->t,
                 .component = plan->component,
                 .start = {tile->x0 - plan->radius[0], plan->all_rows ? 0 : tile->y0 - plan->radius[1], z},
                 .size = {tile->n + 2 * plan->radius[0], 1, 1}};
  R *to = work->ring + plane_slot(tile, z) * tile->slot;
  for (int64_t k = 0; k < tile->tall; k++, row.start[1]++, to += tile->stride) {
    X(load)(&blocks, &row, work->loaded, to);
    for (int64_t i = 0; i < row.size[0]; i++) to[i] -= (R)plan->origin;
  }
}

/* The orders along z of all rows of plane z. */
static void X(bands)(const X(Work) * work, int64_t z) {
  const Tile *tile = work->tile;
  const int64_t rz = tile->plan->radius[2];
  for (int64_t k = 0; k < tile->tall; k++) {
    R *const to[3] = {work->band[0] + k * tile->stride, work->band[1] + k * tile->stride,
                      work->band[2] + k * tile->stride};
    for (int64_t d = -rz; d <= rz; d++)
      work->near[d] = work->ring + plane_slot(tile, z + d) * tile->slot + k * tile->stride;
    X(orders)((const R *const *)work->near, work->half[2], rz, to, tile->stride);
  }
}

static bool X(tile)(const Tile *tile, CmError **err) {
  const Plan *plan = tile->plan;
  const int64_t rz = plan->radius[2];
  X(Work) work = {.tile = tile, .near = (const R **)tile->near + plan->most, .ring = tile->values};
  for (int k = 0; k < 3; k++) work.band[k] = work.ring + (tile->planes + k) * tile->slot;
  work.lines = work.ring + (tile->planes + 3) * tile->slot;
  work.loaded = work.lines + 7 * tile->stride;
  R *half = work.loaded + tile->stride * plan->grid.components;
  for (int axis = 0; axis < 3; axis++)
    for (int order = 0; order < 3; order++, half += plan->most + 1) {
      work.half[axis][order] = half;
      for (int64_t k = 0; plan->half[axis][order] && k <= plan->radius[axis]; k++)
        half[k] = (R)plan->half[axis][order][k];
    }
  for (int64_t z = 0; plan->all_planes && z < tile->planes; z++) X(load_plane)(&work, z);
  for (int64_t z = tile->z0 - 2 * rz; z < tile->z1; z++) {
    if (cm_context_cancelled(plan->ctx, err)) return false; /* wide kernels take long */
    if (!plan->all_planes) X(load_plane)(&work, z + rz);
    if (z < tile->z0) continue;
    X(bands)(&work, z);
    for (int64_t y = tile->y0; y < tile->y0 + tile->rows; y++) X(row)(&work, y, z);
  }
  return true;
}
