/* Runs of a row, once per voxel type. */

static inline bool X(is_set)(T v) {
#if T_FLOAT
  return v != 0 && v == v;
#else
  return v != 0;
#endif
}

/* How many runs begin in the row. */
CM_SIMD static int64_t X(count_row)(const void *row, int64_t nx, CmComponentsOf of) {
  const T *v = row;
  const uint8_t zero = of == CM_COMPONENTS_ZERO;
  uint32_t count = X(is_set)(v[0]) != zero;
  if (of == CM_COMPONENTS_VALUE)
    for (int64_t x = 1; x < nx; x++) count += (uint32_t)(v[x] != v[x - 1]) & (uint32_t)(v[x] != 0);
  else
    for (int64_t x = 1; x < nx; x++)
      count += (uint32_t)(X(is_set)(v[x]) != zero) & (uint32_t)(X(is_set)(v[x - 1]) == zero);
  return count;
}

/* 1 where a voxel is of another kind than the one before it. */
CM_SIMD static void X(mark_changes)(const void *row, int64_t nx, CmComponentsOf of, uint8_t *change) {
  const T *v = row;
  change[0] = 1;
  if (of == CM_COMPONENTS_VALUE)
    for (int64_t x = 1; x < nx; x++) change[x] = v[x] != v[x - 1];
  else
    for (int64_t x = 1; x < nx; x++) change[x] = X(is_set)(v[x]) != X(is_set)(v[x - 1]);
}

/* What a run that begins here has in common; 0: none begins. */
static inline uint32_t X(run_value)(T v, CmComponentsOf of) {
  if (of == CM_COMPONENTS_ZERO) return !X(is_set)(v);
#if !T_FLOAT
  if (of == CM_COMPONENTS_VALUE) return (uint32_t)v;
#endif
  return X(is_set)(v);
}

/* change: nx rounded up to whole words, the rest 0. */
static int64_t X(row_runs)(const void *row, int64_t nx, CmComponentsOf of, uint8_t *change, CmRun *runs) {
  const T *v = row;
  int64_t count = 0;
  uint32_t value = 0; /* of the run that is open */
  X(mark_changes)(row, nx, of, change);
  for (int64_t x = 0; x < nx; x += WORD) {
    uint64_t word;
    memcpy(&word, change + x, WORD);
    if (word == 0) continue;
    for (int64_t at = x; at < x + WORD; at++) {
      if (!change[at]) continue;
      if (value) runs[count++].x1 = (int32_t)at;
      value = X(run_value)(v[at], of);
      if (value) runs[count] = (CmRun){.x0 = (int32_t)at, .value = value};
    }
  }
  if (value) runs[count++].x1 = (int32_t)nx;
  return count;
}

static void X(paint_run)(void *row, const CmRun *run, int64_t value) {
  T *v = row;
  for (int64_t x = run->x0; x < run->x1; x++) v[x] = (T)value;
}
