/* Regional extrema, once per voxel type. Minima are the maxima of the reversed order. */

#if T_FLOAT
#define LOWEST ((T)-INFINITY)
#define TURN(v, minima) ((minima) ? -(v) : (v))
#else
#define LOWEST ((T)T_MIN)
#define TURN(v, minima) ((minima) ? (T) ~(v) : (v))
#endif

CM_SIMD static void X(raise)(T *restrict most, const T *row, bool minima, int64_t n) {
  for (int64_t x = 0; x < n; x++) {
    const T v = TURN(row[x], minima);
    most[x] = v > most[x] ? v : most[x];
  }
}

/* 1 where nothing that touches is larger. across: the largest of the rows that touch at corners, too, and of the row
 * itself, with a value before and behind; along: of the others. */
CM_SIMD static void X(compare)(const T *row, const T *across, const T *along, bool minima, int64_t n, uint8_t *to) {
  for (int64_t x = 0; x < n; x++) {
    const T v = TURN(row[x], minima);
    T most = across[x - 1] > across[x + 1] ? across[x - 1] : across[x + 1];
    most = across[x] > most ? across[x] : most;
    most = along[x] > most ? along[x] : most;
    to[x] = v >= most;
  }
}

static void X(candidates)(const Regional *job, int64_t row, void *scratch, uint8_t *to) {
  const int64_t n = job->grid.nx;
  T *across = (T *)scratch + 1, *along = across + n + 1;
  const void *near[MOST_ROWS];
  int64_t first_reach, count = near_rows(job, row, near, &first_reach);
  for (int64_t x = -1; x <= n; x++) across[x] = LOWEST;
  for (int64_t x = 0; x < n; x++) along[x] = LOWEST;
  for (int64_t k = 0; k < count; k++) X(raise)(k < first_reach ? across : along, near[k], job->minima, n);
  X(compare)(near[0], across, along, job->minima, n, to);
}

/* Voxel `at` is no extremum: those of its value that touch it are none. Adds them to the queue. */
static bool X(spread)(const Regional *job, int64_t at, Wave *wave, CmError **err) {
  const T *v = cm_image_data(job->image);
  uint8_t *out = cm_image_data_mut(job->out);
  int64_t near[26];
  const int count = near_voxels(job, at, near);
  for (int k = 0; k < count; k++) {
    if (!out[near[k]] || v[near[k]] != v[at]) continue;
    out[near[k]] = 0;
    if (!wave_add(job->ctx, wave, near[k], err)) return false;
  }
  return true;
}

/* Does it touch one of its value that is no extremum? */
static bool X(is_refuted)(const Regional *job, int64_t at) {
  const T *v = cm_image_data(job->image);
  const uint8_t *out = cm_image_data(job->out);
  int64_t near[26];
  const int count = near_voxels(job, at, near);
  for (int k = 0; k < count; k++)
    if (v[near[k]] == v[at] && !out[near[k]]) return true;
  return false;
}

#undef LOWEST
#undef TURN
