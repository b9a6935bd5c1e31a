/* Labels as 32 bits, once per voxel type. */

static void X(load_row)(const void *from, int64_t n, uint32_t *to) {
  const T *v = from;
  for (int64_t i = 0; i < n; i++) to[i] = (uint32_t)(int64_t)v[i];
}

static void X(store_row)(const uint32_t *from, int64_t n, void *to) {
  T *v = to;
  for (int64_t i = 0; i < n; i++) v[i] = (T)from[i];
}
