/* Runs of a row, once per voxel type. runs NULL: only counted. */

static inline bool X(is_set)(T v) {
#if T_FLOAT
  return v != 0 && v == v;
#else
  return v != 0;
#endif
}

static int64_t X(row_runs)(const void *row, int64_t nx, CmComponentsOf of, CmRun *runs) {
  const T *v = row;
  int64_t count = 0, x = 0;
  while (x < nx) {
    if (of == CM_COMPONENTS_ZERO) {
      while (x < nx && X(is_set)(v[x])) x++;
    } else {
      while (x < nx && !X(is_set)(v[x])) x++;
    }
    if (x == nx) break;
    int64_t begin = x++;
    if (of == CM_COMPONENTS_ZERO)
      while (x < nx && !X(is_set)(v[x])) x++;
    else if (of == CM_COMPONENTS_NONZERO)
      while (x < nx && X(is_set)(v[x])) x++;
    else
      while (x < nx && v[x] == v[begin]) x++;
    if (runs) runs[count] = (CmRun){.x0 = (int32_t)begin, .x1 = (int32_t)x};
    count++;
  }
  return count;
}

static void X(paint_run)(void *row, const CmRun *run, int64_t value) {
  T *v = row;
  for (int64_t x = run->x0; x < run->x1; x++) v[x] = (T)value;
}
