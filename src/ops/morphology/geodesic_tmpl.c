/* Reconstruction by dilation, once per voxel type. Erosion is dilation of the reversed order: integers are flipped
 * (~v), reals negated; the marker is kept reversed while it grows. NaN never wins a comparison. */

#if T_FLOAT
#define LOWEST ((T)-INFINITY)
#define HIGHEST ((T)INFINITY)
#define TURN(v, erode) ((erode) ? -(v) : (v))
#define NUMBER(v) ((v) == (v) ? (v) : LOWEST)
#else
#define LOWEST ((T)T_MIN)
#define HIGHEST ((T)T_MAX)
#define TURN(v, erode) ((T)((erode) ? ~(v) : (v)))
#define NUMBER(v) (v)
#endif

/* limit and marker as they are, to the reversed order, the marker brought to the limit. */
CM_SIMD static void X(start_row)(const void *limit, void *marker, int64_t n, bool erode) {
  const T *high = limit;
  T *v = marker;
  for (int64_t i = 0; i < n; i++) {
    const T most = TURN(high[i], erode), own = TURN(v[i], erode);
    const T low = NUMBER(own);
    v[i] = low < most ? low : most;
  }
}

CM_SIMD static void X(end_row)(void *marker, int64_t n) {
  T *v = marker;
  for (int64_t i = 0; i < n; i++) v[i] = TURN(v[i], true);
}

CM_SIMD static void X(highest)(T *restrict acc, const T *restrict row, int64_t n) {
  for (int64_t i = 0; i < n; i++) acc[i] = row[i] > acc[i] ? row[i] : acc[i];
}

CM_SIMD static void X(lowest)(T *restrict acc, const T *restrict row, int64_t n) {
  for (int64_t i = 0; i < n; i++) acc[i] = row[i] < acc[i] ? row[i] : acc[i];
}

/* The row takes what the rows before it (forward) or after it hand on, then what its own values hand on in that
 * direction. */
static void X(sweep_row)(const Geodesic *job, int64_t row, int64_t begin, int64_t end, bool forward) {
  const CmGrid *grid = &job->grid;
  const int64_t n = grid->row, c = grid->components;
  T *v = cm__row_mut(job->marker, grid, row);
  const T *limit = cm__row(job->limit, grid, row);
  int64_t near[MOST_ROWS];
  int reach[MOST_ROWS];
  const int count = near_rows(job, row, forward ? 1 : -1, begin, end, near, reach);
  for (int k = 0; k < count; k++) {
    const T *other = cm__row(job->marker, grid, near[k]);
    X(highest)(v, other, n);
    if (!reach[k]) continue;
    X(highest)(v + c, other, n - c);
    X(highest)(v, other + c, n - c);
  }
  for (int64_t k = 0; k < n; k++) {
    const int64_t i = forward ? k : n - 1 - k, back = forward ? i - c : i + c;
    const T most = TURN(limit[i], job->erode);
    T own = v[i];
    if (k >= c) own = v[back] > own ? v[back] : own;
    v[i] = own < most ? own : most;
  }
}

/* What may still be raised, and HIGHEST elsewhere. */
CM_SIMD static void X(room_row)(const T *restrict v, const T *restrict limit, int64_t n, bool erode, T *restrict room) {
  for (int64_t i = 0; i < n; i++) {
    const T most = TURN(limit[i], erode);
    room[i] = v[i] < most ? v[i] : HIGHEST;
  }
}

CM_SIMD static int64_t X(mark_pending)(const T *restrict least, const T *restrict v, int64_t n,
                                       uint8_t *restrict pending) {
  int64_t count = 0;
  for (int64_t i = 0; i < n; i++) pending[i] = least[i] < v[i];
  for (int64_t i = 0; i < n; i++) count += pending[i];
  return count;
}

/* 1 where a voxel has a neighbour that it could still raise; how many. scratch: 2 n values. */
static int64_t X(pending_row)(const Geodesic *job, int64_t row, void *scratch, uint8_t *pending) {
  const CmGrid *grid = &job->grid;
  const int64_t n = grid->row, c = grid->components;
  T *least = scratch, *room = least + n;
  int64_t near[MOST_ROWS];
  int reach[MOST_ROWS];
  int count = near_rows(job, row, 1, 0, grid->rows, near, reach);
  count += near_rows(job, row, -1, 0, grid->rows, near + count, reach + count);
  near[count] = row;
  reach[count++] = 1;
  for (int64_t i = 0; i < n; i++) least[i] = HIGHEST;
  for (int k = 0; k < count; k++) {
    X(room_row)(cm__row(job->marker, grid, near[k]), cm__row(job->limit, grid, near[k]), n, job->erode, room);
    if (near[k] != row) X(lowest)(least, room, n);
    if (!reach[k]) continue;
    X(lowest)(least + c, room, n - c);
    X(lowest)(least, room + c, n - c);
  }
  return X(mark_pending)(least, cm__row(job->marker, grid, row), n, pending);
}

/* Raises what voxel number `at` can raise and adds it to the next wave. */
static bool X(raise_near)(const Geodesic *job, int64_t at, Wave *next, CmError **err) {
  const CmGrid *grid = &job->grid;
  T *v = cm_image_data_mut(job->marker);
  const T *limit = cm_image_data(job->limit);
  const T own = v[at];
  const int64_t row = at / grid->row, i = at % grid->row, c = grid->components;
  int64_t near[MOST_ROWS];
  int reach[MOST_ROWS];
  int count = near_rows(job, row, 1, 0, grid->rows, near, reach);
  count += near_rows(job, row, -1, 0, grid->rows, near + count, reach + count);
  near[count] = row;
  reach[count++] = 1;
  for (int k = 0; k < count; k++)
    for (int64_t d = reach[k] ? -c : 0; d <= c * reach[k]; d += c) {
      if (i + d < 0 || i + d >= grid->row) continue;
      const int64_t other = near[k] * grid->row + i + d;
      const T most = TURN(limit[other], job->erode);
      if (!(v[other] < own && v[other] < most)) continue;
      v[other] = own < most ? own : most;
      if (!wave_add(job->ctx, next, other, err)) return false;
    }
  return true;
}

#undef LOWEST
#undef HIGHEST
#undef TURN
#undef NUMBER
