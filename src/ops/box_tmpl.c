/* One tile of the sums in R (int32_t or double), loaded as L (float or double). */

CM_SIMD static void X(add)(const R *restrict from, R *restrict to, int64_t n) {
  for (int64_t i = 0; i < n; i++) to[i] += from[i];
}

/* line[i] += line[i + step]: what is read lies ahead. */
CM_SIMD static void X(fold)(R *line, int64_t step, int64_t n) {
  CM_INDEPENDENT
  for (int64_t i = 0; i < n; i++) line[i] += line[i + step];
}

/* to[i] = line[i], then as fold(): n of the former, `more` of the latter. */
CM_SIMD static void X(begin)(R *line, int64_t step, R *restrict to, int64_t n, int64_t more) {
  CM_INDEPENDENT
  for (int64_t i = 0; i < n; i++) {
    to[i] = line[i];
    line[i] += line[i + step];
  }
  CM_INDEPENDENT
  for (int64_t i = n; i < more; i++) line[i] += line[i + step];
}

/* to[i] = sum of from[i + k step], k below width, which is odd; n values. from (n + (width - 1) step values) is used
 * up. */
static void X(sums)(R *from, int64_t step, int64_t width, R *to, int64_t n) {
  int64_t done = 1;
  if (width == 1) memcpy(to, from, (size_t)n * sizeof(R));
  for (int64_t length = 2; length <= width; length *= 2) {
    if (length == 2)
      X(begin)(from, step, to, n, n + (width - 2) * step);
    else
      X(fold)(from, length / 2 * step, n + (width - length) * step);
    if (!(width & length)) continue;
    X(add)(from + done * step, to, n);
    done += length;
  }
}

CM_SIMD static void X(take)(const L *restrict from, L origin, R *restrict to, int64_t n) {
  for (int64_t i = 0; i < n; i++) to[i] = (R)(from[i] - origin);
}

/* Where a tile keeps what. */
typedef struct X(Room) {
  R *centre;  /* values of the tile */
  R *rows[2]; /* values, and squares, of a plane with all that lies around */
  R *tall;    /* their sums along y */
} X(Room);

/* Plane k of those around the tile: sums along y and x, into plane[0] and, of the squares, plane[1]. */
static void X(plane)(const Tile *tile, int64_t k, const X(Room) * room, R *const plane[2]) {
  const Plan *plan = tile->plan;
  const int64_t *r = plan->job->radius, n = tile->n, wide = n + 2 * r[0], tall = tile->rows + 2 * r[1];
  const CmBlocks blocks = {.image = plan->job->image,
                           .grid = plan->grid,
                           .border = plan->job->border,
                           .border_value = plan->job->border_value};
  CmBlock row = {.t = plan->t,
                 .component = plan->component,
                 .start = {tile->x0 - r[0], tile->y0 - r[1], tile->z0 - r[2] + k},
                 .size = {wide, 1, 1}};
  for (int64_t y = 0; y < tall; y++, row.start[1]++) {
    R *const line = room->rows[0] + y * wide, *const square = room->rows[1] + y * wide;
    X(load)(&blocks, &row, (L *)tile->loaded + wide, tile->loaded);
    X(take)(tile->loaded, (L)plan->job->origin, line, wide);
    const int64_t at = y - r[1], z = k - r[2];
    if (at >= 0 && at < tile->rows && z >= 0 && z < tile->planes)
      memcpy(room->centre + (z * tile->rows + at) * n, line + r[0], (size_t)n * sizeof(R));
    for (int64_t i = 0; plan->job->squares && i < wide; i++) square[i] = line[i] * line[i];
  }
  for (int s = 0; s < 1 + plan->job->squares; s++) {
    X(slide)(room->rows[s], wide, 2 * r[1] + 1, room->tall, tile->rows * wide);
    for (int64_t y = 0; y < tile->rows; y++) X(sums)(room->tall + y * wide, 1, 2 * r[0] + 1, plane[s] + y * n, n);
  }
}

static void X(tile)(const Tile *tile) {
  const Plan *plan = tile->plan;
  const int64_t *r = plan->job->radius, n = tile->n, plane = tile->rows * n, wide = n + 2 * r[0],
                deep = (tile->planes + 2 * r[2]) * plane;
  const int sets = 1 + plan->job->squares;
  X(Room) room = {.centre = tile->room};
  R *at = room.centre + tile->planes * plane, *planes[2], *sum[2];
  for (int s = 0; s < 2; s++) {
    room.rows[s] = at;
    planes[s] = room.rows[s] + (tile->rows + 2 * r[1]) * wide;
    sum[s] = planes[s] + (r[2] ? deep : 0); /* else those of the planes */
    at = s < sets - 1 ? sum[s] + tile->planes * plane : at;
  }
  room.tall = sum[1] + tile->planes * plane;
  for (int64_t k = 0; k < tile->planes + 2 * r[2]; k++)
    X(plane)(tile, k, &room, (R *const[2]){planes[0] + k * plane, planes[1] + k * plane});
  for (int s = 0; s < sets && r[2]; s++) X(slide)(planes[s], plane, 2 * r[2] + 1, sum[s], tile->planes * plane);
  for (int64_t k = 0; k < tile->planes * tile->rows; k++) {
    CmBoxPiece piece = {
        .row = (plan->t * plan->grid.nz + tile->z0 + k / tile->rows) * plan->grid.ny + tile->y0 + k % tile->rows,
        .x = tile->x0,
        .n = n};
    X(give)(tile, room.centre + k * n, sum[0] + k * n, sum[sets - 1] + k * n, &piece);
    plan->job->piece(plan->job->arg, &piece);
  }
}
