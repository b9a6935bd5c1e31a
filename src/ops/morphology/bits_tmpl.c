/* Packing and unpacking of rows, once per voxel type. */

/* 1 for the values that are not 0 (label 0) or equal to `label`. */
static inline void X(test)(const T *v, int64_t n, T wanted, bool equal, uint8_t *to) {
  if (equal)
    for (int64_t i = 0; i < n; i++) to[i] = v[i] == wanted;
  else
#if T_FLOAT
    for (int64_t i = 0; i < n; i++) to[i] = (uint8_t)((v[i] != 0) & (v[i] == v[i]));
#else
    for (int64_t i = 0; i < n; i++) to[i] = v[i] != 0;
#endif
}

CM_SIMD static void X(pack)(const void *row, int64_t nx, int64_t label, uint64_t *word) {
  const T *v = row;
  const T wanted = (T)label;
  uint8_t is[64];
  int64_t begin = 0;
  for (; begin + 64 <= nx; begin += 64) {
    X(test)(v + begin, 64, wanted, label != 0, is);
    word[begin / 64] = gather(is);
  }
  if (begin == nx) return;
  memset(is, 0, sizeof(is));
  X(test)(v + begin, nx - begin, wanted, label != 0, is);
  word[begin / 64] = gather(is);
}

static void X(unpack)(const uint64_t *word, int64_t nx, int64_t value, void *row) {
  T *v = row;
  for (int64_t x = 0; x < nx; x++) v[x] = (word[x / 64] >> (x % 64)) & 1 ? (T)value : (T)0;
}
