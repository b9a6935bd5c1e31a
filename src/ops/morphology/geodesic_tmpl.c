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

/* acc[i] with row[i + shift], where that is in the row. */
CM_SIMD static void X(highest)(T *restrict acc, const T *restrict row, int64_t n, int64_t shift) {
  const int64_t begin = shift < 0 ? -shift : 0, end = shift > 0 ? n - shift : n;
  for (int64_t i = begin; i < end; i++) acc[i] = row[i + shift] > acc[i] ? row[i + shift] : acc[i];
}

CM_SIMD static void X(lowest)(T *restrict acc, const T *restrict row, int64_t n, int64_t shift) {
  const int64_t begin = shift < 0 ? -shift : 0, end = shift > 0 ? n - shift : n;
  for (int64_t i = begin; i < end; i++) acc[i] = row[i + shift] < acc[i] ? row[i + shift] : acc[i];
}

/* What the values of a row hand on within it, forward or backward: to the next voxel ... */
static void X(hand_on)(const Geodesic *job, T *v, const T *limit, bool forward) {
  const int64_t n = job->grid.row, c = job->grid.components;
  for (int64_t k = 0; k < n; k++) {
    const int64_t i = forward ? k : n - 1 - k, back = forward ? i - c : i + c;
    const T most = TURN(limit[i], job->erode);
    T own = v[i];
    if (k >= c) own = v[back] > own ? v[back] : own;
    v[i] = own < most ? own : most;
  }
}

/* ... or to those in the element. */
static void X(hand_far)(const Geodesic *job, T *v, const T *limit, bool forward) {
  const int64_t n = job->grid.row, c = job->grid.components;
  for (int64_t k = 0; k < n; k++) {
    const int64_t i = forward ? k : n - 1 - k;
    const T most = TURN(limit[i], job->erode);
    T own = v[i];
    for (int64_t j = 0; j < job->segments; j++) {
      const CmSegment *s = &job->from[j];
      if (s->dy != 0 || s->dz != 0) continue;
      for (int64_t d = s->dx - s->half; d <= s->dx + s->half; d++) {
        const int64_t at = i + d * c;
        if ((forward ? d < 0 : d > 0) && at >= 0 && at < n) own = v[at] > own ? v[at] : own;
      }
    }
    v[i] = own < most ? own : most;
  }
}

/* The row takes what the rows before it (forward) or after it hand on, then what its own values hand on in that
 * direction. */
static void X(sweep_row)(const Geodesic *job, int64_t row, int64_t begin, int64_t end, bool forward) {
  const CmGrid *grid = &job->grid;
  const int64_t n = grid->row, c = grid->components;
  T *v = cm__row_mut(job->marker, grid, row);
  const T *limit = cm__row(job->limit, grid, row);
  for (int64_t k = 0; k < job->segments; k++) {
    const CmSegment *s = &job->from[k];
    const int64_t other = row_of(job, row, s, begin, end);
    if (other < 0 || (forward ? other >= row : other <= row)) continue;
    for (int64_t d = s->dx - s->half; d <= s->dx + s->half; d++)
      X(highest)(v, cm__row(job->marker, grid, other), n, d * c);
  }
  (job->element ? X(hand_far) : X(hand_on))(job, v, limit, forward);
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
  for (int64_t i = 0; i < n; i++) least[i] = HIGHEST;
  for (int64_t k = 0; k < job->segments; k++) {
    const CmSegment *s = &job->to[k];
    const int64_t other = row_of(job, row, s, 0, grid->rows);
    if (other < 0) continue;
    X(room_row)(cm__row(job->marker, grid, other), cm__row(job->limit, grid, other), n, job->erode, room);
    for (int64_t d = s->dx - s->half; d <= s->dx + s->half; d++) X(lowest)(least, room, n, d * c);
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
  for (int64_t k = 0; k < job->segments; k++) {
    const CmSegment *s = &job->to[k];
    const int64_t near = row_of(job, row, s, 0, grid->rows);
    for (int64_t d = s->dx - s->half; near >= 0 && d <= s->dx + s->half; d++) {
      if (i + d * c < 0 || i + d * c >= grid->row) continue;
      const int64_t other = near * grid->row + i + d * c;
      const T most = TURN(limit[other], job->erode);
      if (!(v[other] < own && v[other] < most)) continue;
      v[other] = own < most ? own : most;
      if (!wave_add(job->ctx, next, other, err)) return false;
    }
  }
  return true;
}

#undef LOWEST
#undef HIGHEST
#undef TURN
#undef NUMBER
