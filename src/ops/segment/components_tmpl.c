/* Runs of equal values of a row, once per voxel type. */

/* How many runs begin in the row. */
CM_SIMD static int64_t X(count_row)(const void *row, int64_t nx) {
  const T *v = row;
  uint32_t count = v[0] != 0;
  for (int64_t x = 1; x < nx; x++) count += (uint32_t)(v[x] != v[x - 1]) & (uint32_t)(v[x] != 0);
  return count;
}

/* 1 where a voxel is of another value than the one before it. */
CM_SIMD static void X(mark_changes)(const void *row, int64_t nx, uint8_t *change) {
  const T *v = row;
  change[0] = 1;
  for (int64_t x = 1; x < nx; x++) change[x] = v[x] != v[x - 1];
}

/* change: nx rounded up to whole words, the rest 0. */
static int64_t X(row_runs)(const void *row, int64_t nx, uint8_t *change, CmRun *runs) {
  const T *v = row;
  int64_t count = 0;
  uint32_t value = 0; /* of the run that is open */
  X(mark_changes)(row, nx, change);
  for (int64_t x = 0; x < nx; x += WORD) {
    uint64_t word;
    memcpy(&word, change + x, WORD);
    if (word == 0) continue;
    for (int64_t at = x; at < x + WORD; at++) {
      if (!change[at]) continue;
      if (value) runs[count++].x1 = (int32_t)at;
      value = (uint32_t)(int64_t)v[at];
      if (value) runs[count] = (CmRun){.x0 = (int32_t)at, .value = value};
    }
  }
  if (value) runs[count++].x1 = (int32_t)nx;
  return count;
}

/* Writes the labels of a row's runs (0: none). Blocks may reach beyond a run, since what follows is written later;
 * without keep what lies between the runs becomes 0. */
static void X(fill)(T *to, int64_t begin, int64_t end, int64_t nx, T value) {
  enum { PART = 16 / sizeof(T) };
  int64_t x = begin;
  for (; x < end && x + PART <= nx; x += PART)
    for (int i = 0; i < PART; i++) to[x + i] = value;
  for (; x < end; x++) to[x] = value;
}

static void X(paint_row)(void *row, int64_t nx, const CmRun *run, const CmRun *end, const int64_t *label) {
  T *to = row;
  int64_t x = 0;
  for (; run < end; run++) {
    X(fill)(to, x, run->x0, nx, 0);
    X(fill)(to, run->x0, run->x1, nx, (T)label[run->component]);
    x = run->x1;
  }
  X(fill)(to, x, nx, nx, 0);
}

static void X(paint_over)(void *row, const CmRun *run, const CmRun *end, const int64_t *label) {
  T *to = row;
  for (; run < end; run++) {
    const T value = (T)label[run->component];
    for (int64_t x = run->x0; value != 0 && x < run->x1; x++) to[x] = value;
  }
}
